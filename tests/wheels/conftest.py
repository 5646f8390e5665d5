"""The wheels and the archive in dist/, Pythons to run them, pictures to show them.

`make check-wheels` builds what is needed and starts this; it is not of `make test`.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pictures import encoded, photograph

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
DIST = ROOT / "dist"
ARCHIVE = DIST / "verger-emr.tar.gz"
ARCHES = ("x86_64", "aarch64")
PROBE = ROOT / "tests/wheels/probe.py"
# What qemu plays where it has to: Graviton2's cores.
QEMU_CPU = {"aarch64": "neoverse-n1", "x86_64": "max"}


def python39(arch):
    return ROOT / ".deps/python3.9" / arch / "bin/python3.9"


def wheel_of(arch):
    [wheel] = DIST.glob(f"verger-*-manylinux_2_28_{arch}.whl")
    return wheel


def run(command, **environment):
    """Output of a command without the caller's Python and Verger settings."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "VERGER"))}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          env={**kept, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def output(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          check=True).stdout


def probe(python, *pictures, **environment):
    return json.loads(run([python, PROBE, *pictures], **environment))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """One of each way in which decoders differ, and one that is cut short."""
    folder = tmp_path_factory.mktemp("pictures")
    files = {
        "420.jpg": encoded(photograph(1), quality=90),
        "422_odd.jpg": encoded(photograph(2, (333, 127)), subsampling=1),
        "444_progressive.jpg": encoded(photograph(3, (61, 240)), subsampling=0, progressive=True),
        "grey.jpg": encoded(photograph(4).convert("L")),
        "rgba.png": encoded(photograph(5).convert("RGBA"), "PNG"),
        "palette.png": encoded(photograph(6).quantize(32), "PNG"),
        "cut.jpg": encoded(photograph(7))[:300],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def reference(pictures):
    """The package of the source tree over the library that gcc built."""
    return probe(sys.executable, pictures, PYTHONPATH=str(ROOT / "python"),
                 VERGER_LIBRARY=str(BUILD / "libverger.so"))


@pytest.fixture(params=ARCHES)
def arch(request):
    return request.param


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """The archive as YARN unpacks it."""
    folder = tmp_path_factory.mktemp("container") / "verger"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder
