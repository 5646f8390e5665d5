"""Rules over libverger.so: what it exports, what it links, what it keeps."""

import ctypes
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.get("VERGER_BUILD", ROOT / "build")) / "libverger.so"

# What the library may link: it must load into any process.
MAY_LINK = re.compile(r"(libjpeg|libpng\d*|libwebp|libwebpdemux|libgif|libtiff|libheif|libz|libopenblas|liblapacke?|libblas|libpthread|libm|libc"
                      r"|libgcc_s|ld-linux-[\w-]+)\.so(\.\d+)*$")

# The compiler's start files keep these in every shared object.
OF_THE_COMPILER = {"completed.0", "__dso_handle", "__TMC_END__"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", autouse=True)
def library():
    assert LIBRARY.exists(), f"{LIBRARY} is not built"


def declared():
    header = (ROOT / "include/verger/verger.h").read_text()
    # A declaration begins its line, which the macro's own definition does not.
    return set(re.findall(r"^VG_API [^;(]*?\b(vg_\w+)\(", header, re.MULTILINE))


def test_exports_are_what_the_header_declares():
    exported = {line.split()[-1] for line in
                output("nm", "-D", "--defined-only", LIBRARY).splitlines()}
    assert len(declared()) > 20
    assert exported - declared() == set(), "exported, but not in verger.h"
    assert declared() - exported == set(), "in verger.h, but not exported"


def test_results_must_be_looked_at():
    header = (ROOT / "include/verger/verger.h").read_text()
    assert not re.findall(r"^VG_API vg_status .*", header, re.MULTILINE), "VG_CHECKED is missing"


def test_options_can_grow():
    header = (ROOT / "include/verger/verger.h").read_text()
    options = re.findall(r"^typedef struct (\w+_options) \{(.*?)^\}", header,
                         re.MULTILINE | re.DOTALL)
    assert len(options) >= 3
    for name, fields in options:
        assert re.search(r"uint64_t reserved\[\d+\];\s*$", fields), f"{name} reserves nothing"
        assert f"{name}_default" in declared(), f"{name} has no default function"


def test_links_only_what_it_needs():
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", LIBRARY))
    assert needed
    assert [name for name in needed if not MAY_LINK.match(name)] == []


def test_loads_with_every_symbol_bound():
    loaded = ctypes.CDLL(str(LIBRARY), mode=os.RTLD_NOW)
    loaded.vg_version.restype = ctypes.c_char_p
    version = loaded.vg_version().decode()
    assert f"project(verger VERSION {version} " in (ROOT / "CMakeLists.txt").read_text()


def test_keeps_no_writable_globals():
    sections = dict(re.findall(r"^\s*\[\s*(\d+)\] (\S+)", output("readelf", "-SW", LIBRARY),
                               re.MULTILINE))
    writable = {number for number, name in sections.items()
                if re.fullmatch(r"\.t?(data|bss)(?!\.rel\.ro)(\..*)?", name)}
    globals_ = set()
    for line in output("readelf", "-sW", LIBRARY).splitlines():
        fields = line.split()
        if len(fields) == 8 and fields[3] in ("OBJECT", "TLS") and fields[6] in writable:
            globals_.add(fields[7])
    assert globals_ - OF_THE_COMPILER == set(), "the library keeps no state"
