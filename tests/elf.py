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


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def missing_hardening(path):
    """What a linked file of ours lacks of tools/hardening.cmake, as far as it shows."""
    dynamic = output("readelf", "-dW", path)
    segments = output("readelf", "-lW", path)
    imported = set(re.findall(r" U (\w+)", output("nm", "-D", "--undefined-only", path)))
    shows = {
        "position independent code": "(TEXTREL)" not in dynamic
        and re.search(r"file type is DYN", segments),
        "RELRO": "GNU_RELRO" in segments,
        "BIND_NOW": re.search(r"BIND_NOW|FLAGS_1.*NOW", dynamic),
        "a stack that is not executable": re.search(r"GNU_STACK.* RW ", segments),
        "the stack protector": "__stack_chk_fail" in imported,
        "FORTIFY": any(name.endswith("_chk") for name in imported),
    }
    return [name for name, found in shows.items() if not found]


def functions_without_landing(path):
    """Exported functions that do not begin with the instruction which CET wants where an
    indirect call lands (endbr64); only on x86-64."""
    exported = set(re.findall(r" T (\w+)", output("nm", "-D", "--defined-only", path)))
    shown = output("objdump", "-d", "--no-show-raw-insn", path)
    starts = re.findall(r"^[0-9a-f]+ <(vg_\w+)>:\n\s*[0-9a-f]+:\s*(\w+)", shown, re.MULTILINE)
    assert exported <= {name for name, _ in starts}, f"functions of {path} are not shown"
    return [name for name, instruction in starts if name in exported and instruction != "endbr64"]
