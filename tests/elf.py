"""Reads ELF files: the command, the libraries and the programs of a folder."""

import re
import subprocess


def elf_files(folder):
    """Those below it; what a link names is looked at where it lies."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".o", ".a"):
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def search_path(path):
    """Folders where the loader looks for libraries, as the file names them."""
    shown = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True)
    found = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", shown.stdout)
    return [entry for entries in found for entry in entries.split(":")]


def assert_looks_in_no_working_folder(folder):
    """An empty or relative entry is the folder in which the program was started: of
    somebody's photographs, with a library beside them."""
    files = list(elf_files(folder))
    assert files, f"no ELF files below {folder}"
    found = [f"{path}: '{entry}'" for path in files for entry in search_path(path)
             if not re.match(r"/|\$ORIGIN(/|$)|\$\{ORIGIN\}(/|$)", entry)]
    assert not found, "entries of the library search path that depend on the working folder:\n" + \
        "\n".join(found)
