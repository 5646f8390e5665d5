"""The command in the archive for EMR: what it asks of a node, and that its tables are those of the
command that gcc built."""

import json
import platform
import re
import subprocess

import pytest
from PIL import Image

import pictures as drawn
from conftest import BUILD, DIST, QEMU_CPU, ROOT, output, run
from elf import elf_files, missing_hardening, search_path
from spark.spark_tables import TS, assert_same, table
from store.fixtures import gateway  # noqa: F401

# Amazon Linux 2023: glibc 2.34, and the libraries of gcc 11 (libstdc++.so.6.0.29).
NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}
SYSTEM = re.compile(r"(libc|libm|libpthread|libdl|librt|libgcc_s|libstdc\+\+|ld-linux[\w-]*)\.so\.\d+")
MODEL = "seeded:7"


def command(unpacked, arch):
    """How the command is called here: by name, or by way of qemu with the C library of Debian 12,
    as Amazon Linux is none of those that packages of this system could be."""
    program = unpacked / arch / "verger/bin/verger"
    if arch == platform.machine():
        return [program]
    return [f"qemu-{arch}-static", "-L", ROOT / ".deps/archives" / arch, program]


@pytest.fixture
def program(unpacked, arch):
    return unpacked / arch / "verger/bin/verger"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Each format that it reads; one file is none."""
    folder = drawn.fill(tmp_path_factory.mktemp("photographs"), per_class=1)
    for kind in ("PNG", "WEBP", "GIF", "BMP", "PPM"):
        picture = drawn.photograph(len(kind)).convert("RGB")
        (folder / f"Training/Pear 1/x.{kind.lower()}").write_bytes(drawn.encoded(picture, kind))
    assert Image.open(folder / "Training/Pear 1/x.gif").format == "GIF"
    (folder / "Training/Pear 1/cut.jpg").write_bytes(drawn.encoded(drawn.photograph(9))[:300])
    return folder


# --- The files ------------------------------------------------------------------------------------


def test_licences(unpacked, arch):
    notices = (unpacked / arch / "verger/bin/THIRD-PARTY.txt").read_text()
    for words in ("==== curl", "==== expat", "==== libssl-dev", "==== libhdf5-dev", "Daniel Stenberg",
                  "The OpenSSL Project", "The HDF Group", "==== liblbfgs-dev", "==== libwebp-dev", "GCC Runtime Library Exception"):
        assert words in notices


def test_bill_of_materials():
    bill = json.loads((DIST / "verger-emr.cdx.json").read_text())
    assert {"curl", "expat", "openssl", "jansson", "liblbfgs", "libwebp", "giflib", "hdf5", "libaec",
            "gcc", "pyarrow", "zlib"} <= {part["name"] for part in bill["components"]}
    assert all(part["version"] and part["licenses"] for part in bill["components"])


def asked_versions(path):
    """(name, numbers) of the versions that a file asks of other libraries."""
    shown = output("readelf", "-VW", path)
    for name, numbers in re.findall(r"Name: (GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)", shown):
        yield name, tuple(map(int, numbers.split(".")))


def test_asks_no_newer_system_than_amazon_linux_2023(unpacked, arch):
    """All that is loaded there: the command, the libraries, pyarrow."""
    files = list(elf_files(unpacked / arch))
    assert {"verger", "libverger.so", "libarrow.so.2100"} <= {path.name for path in files}
    newer = [f"{path.name}: {name}_{'.'.join(map(str, numbers))}" for path in files
             for name, numbers in asked_versions(path) if numbers > NEWEST[name]]
    assert newer == []
    assert any(name == "GLIBC" for name, _ in asked_versions(unpacked / arch / "verger/bin/verger"))


def test_links_the_archive_and_the_system_only(unpacked, arch, program):
    beside = {path.name for path in elf_files(unpacked / arch)}
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-dW", program))
    assert [name for name in needed if name not in beside and not SYSTEM.fullmatch(name)] == []
    assert search_path(program) == ["$ORIGIN/../lib", "$ORIGIN/../../python3.9/pyarrow"]


def test_shows_no_symbol_that_pyarrow_has_too(program):
    """Its libparquet shows an OpenSSL, and would take the command's functions for its own. C++ is to
    have one of each; the streams are the C library's, copied."""
    shown = {line.split()[-1] for line in output("nm", "-D", "--defined-only", program).splitlines()}
    assert [name for name in shown if not re.match(r"_Z|std(in|out|err)@", name)] == []


def test_is_hardened_and_stripped(program):
    assert missing_hardening(program) == []
    assert ".symtab" not in output("readelf", "-SW", program)


# --- What it does ---------------------------------------------------------------------------------


def test_says_its_version(unpacked, arch):
    said = run([*command(unpacked, arch), "--version"], QEMU_CPU=QEMU_CPU[arch])
    expected = output(BUILD / "verger", "--version")
    assert said.splitlines()[0] == expected.splitlines()[0]
    assert {"aarch64": "neon", "x86_64": "avx2"}[arch] in said and "Arrow C++ 21." in said


def test_needs_no_library_path(unpacked, tmp_path):
    """YARN's own has libraries of Hadoop; a terminal's has none."""
    done = subprocess.run([*command(unpacked, platform.machine()), "--version"], cwd=tmp_path,
                          env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def extract(begin, source, folder, *words, **environment):
    done = subprocess.run([*begin, "run", source, folder, "--model", MODEL, "--timestamp", TS, "-k", "3",
                           "--part-rows", "5", *words], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", **environment})
    assert done.returncode == 3, done.stderr  # one file is no image
    return folder


def test_same_features(unpacked, arch, photographs, tmp_path):
    """Bytes of CSV, bits of Parquet: another version of Arrow writes other files of it."""
    ours = extract(command(unpacked, arch), photographs, tmp_path / "ours", "--format", "parquet,csv",
                   QEMU_CPU=QEMU_CPU[arch])
    theirs = extract([BUILD / "verger"], photographs, tmp_path / "theirs", "--format", "parquet,csv")
    assert table(ours, "features", "parquet").equals(table(theirs, "features", "parquet"))
    for name in ("features", "errors", "metadata"):
        kind = "csv" if name == "features" else ""
        assert table(ours, name, kind).equals(table(theirs, name, kind)), name
    assert table(ours, "features", "parquet").num_rows == 8


def test_reads_and_writes_a_bucket(unpacked, gateway, photographs, tmp_path):  # noqa: F811
    begin = command(unpacked, platform.machine())
    local = extract(begin, photographs, tmp_path / "local")
    extract(begin, photographs, "s3://archive/out", **of_bucket(gateway))
    assert_same(gateway.folder / "archive/out", local)


def of_bucket(gateway):  # noqa: F811
    gateway.bucket("archive")
    return {name: value for name, value in gateway.environment().items() if name.startswith("AWS_")}
