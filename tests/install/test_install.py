"""What `make install` leaves serves a stranger: command, library, header, man page."""
import json
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from elf import (assert_looks_in_no_working_folder, elf_files, functions_without_landing,
                 missing_hardening, search_path)

BUILD = Path(os.environ["VERGER_BUILD"])
SOURCE = Path(__file__).parents[2]


def run(*words, **options):
    return subprocess.run([str(w) for w in words], check=True, text=True, capture_output=True,
                          **options).stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def test_the_command_runs_without_the_build_folder(prefix):
    linked = run("ldd", prefix / "bin/verger")
    assert "not found" not in linked
    for line in linked.splitlines():
        if "libverger" in line or "libarrow" in line or "libparquet" in line:
            assert str(prefix) in line or "/usr/lib" in line, line
    assert run(prefix / "bin/verger", "--version").startswith("verger ")


def test_is_hardened(prefix):
    library = next(prefix.glob("lib/**/libverger.so"))
    for file in (prefix / "bin/verger", library.resolve()):
        assert missing_hardening(file) == [], file


@pytest.mark.skipif(platform.machine() != "x86_64", reason="endbr64 is of x86-64")
def test_indirect_calls_land_where_they_may(prefix):
    assert functions_without_landing(next(prefix.glob("lib/**/libverger.so"))) == []


def test_stack_clash_protection():
    """Nothing in a file shows it: the command that compiled it does."""
    commands = run("ninja", "-C", BUILD, "-t", "commands", "verger").splitlines()
    compiled = [line for line in commands if re.search(r"-o \S+\.o -c \S+/src/", line)]
    assert len(compiled) > 50
    assert [line for line in compiled if "-fstack-clash-protection" not in line] == []


def test_everything_lies_where_it_belongs(prefix):
    for path in ["include/verger/verger.h", "share/man/man1/verger.1",
                 "share/bash-completion/completions/verger",
                 "share/zsh/site-functions/_verger",
                 "share/fish/vendor_completions.d/verger.fish"]:
        assert (prefix / path).stat().st_size > 0


def test_a_program_builds_against_it(prefix, tmp_path):
    configured = next(prefix.glob("lib/**/verger.pc"))
    flags = run("pkg-config", "--cflags", "--libs", f"--define-variable=prefix={prefix}", "verger",
                env={**os.environ, "PKG_CONFIG_PATH": str(configured.parent)}).split()
    program = tmp_path / "features"
    library = next(prefix.glob("lib/**/libverger.so")).parent
    run("cc", SOURCE / "examples/features.c", *flags, f"-Wl,-rpath,{library}", "-o", program)
    picture = tmp_path / "apple.png"
    Image.new("RGB", (30, 20), (200, 30, 10)).save(picture)
    printed = run(program, "seeded:7", picture)
    assert printed.startswith(f"{picture}: ") and printed.endswith("...\n")
    (tmp_path / "text.jpg").write_text("no image")
    for bad, says in (("absent.jpg", "cannot be read"), ("text.jpg", "text, not an image")):
        done = subprocess.run([program, "seeded:7", tmp_path / bad, picture], capture_output=True,
                              text=True)
        assert done.returncode == 1 and done.stdout == printed
        assert done.stderr.startswith(f"{tmp_path / bad}: ") and says in done.stderr


@pytest.mark.parametrize("entries", ["/a:", ":/a", "lib", ".", "/a::/b"])
def test_a_search_path_through_the_working_folder_is_noticed(tmp_path, entries):
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    run("cc", tmp_path / "empty.c", f"-Wl,-rpath,{entries}", "-o", tmp_path / "program")
    with pytest.raises(AssertionError, match="program"):
        assert_looks_in_no_working_folder(tmp_path)


def test_no_library_is_looked_for_in_the_working_folder(prefix):
    assert_looks_in_no_working_folder(BUILD)
    assert_looks_in_no_working_folder(prefix)
    command = prefix / "bin/verger"
    assert command in elf_files(prefix)
    assert all(entry.startswith("$ORIGIN/") for entry in search_path(command))


def test_licences_and_the_bill_of_materials(prefix):
    documents = prefix / "share/doc/verger"
    assert "Apache License" in (documents / "LICENSE").read_text()
    assert "Arrow" in (documents / "NOTICE").read_text()
    ships_arrow = any(prefix.glob("lib/**/libarrow.so*"))
    if ships_arrow:
        licences = {path.name: path.read_text() for path in (documents / "arrow").iterdir()}
        assert "Apache License" in licences["LICENSE.txt"] and "Arrow" in licences["NOTICE.txt"]
    bill = json.loads((documents / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "verger"
    parts = {part["name"]: part for part in bill["components"]}
    assert not [part for part in parts.values() if not part["version"] or not part["purl"]]
    if ships_arrow:
        assert parts["pyarrow"]["licenses"] == [{"expression": "Apache-2.0"}]
    again = run(SOURCE / "tools/sbom", "install", BUILD)
    assert json.loads(again) == bill
