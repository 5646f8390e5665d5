"""pip install python/: what it leaves, and what it says where it cannot."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import BUILD, ROOT


def pip(*words, **environment):
    return subprocess.run([sys.executable, "-m", "pip", *map(str, words)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          env={**os.environ, **environment})


def wheel_of(folder, **environment):
    """A wheel of the source tree; the tools are those of this environment."""
    done = pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT / "python",
               **environment)
    return done, list(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Around the library of the build under test: compiling is for the wheels' own tests."""
    library = tmp_path_factory.mktemp("library")
    shutil.copy(BUILD / "libverger.so", library)
    done, wheels = wheel_of(tmp_path_factory.mktemp("wheel"), VERGER_WHEEL_LIBRARY=str(library),
                            VERGER_WHEEL_PLATFORM="linux_x86_64")
    assert done.returncode == 0, done.stdout
    return wheels[0]


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = pip("install", "--no-deps", "--no-index", "--target", folder, wheel)
    assert done.returncode == 0, done.stdout
    return folder


def installed(site, *command, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERGER")}
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          cwd="/", env={**kept, "PYTHONPATH": str(site), **environment})


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as opened:
        (name,) = [name for name in opened.namelist() if name.endswith("/METADATA")]
        metadata = opened.read(name).decode()
        (name,) = [name for name in opened.namelist() if name.endswith("/entry_points.txt")]
        scripts = configparser.ConfigParser()
        scripts.read_string(opened.read(name).decode())
        assert "verger/py.typed" in opened.namelist()
    for line in ["License-Expression: Apache-2.0", "Requires-Dist: pyarrow>=14.0.1",
                 "Description-Content-Type: text/markdown", "# verger"]:
        assert f"\n{line}\n" in metadata
    for extra in ("spark", "sklearn", "onnx", "progress"):
        assert f"Provides-Extra: {extra}" in metadata
    assert {"verger", "verger-spark"} <= set(scripts["console_scripts"])


def test_the_installed_package_works(site):
    done = installed(site, sys.executable, "-c", "import verger; print(verger.__file__, "
                     "verger.Extractor('seeded:7', threads=1).extract(b'x')['error'])")
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout


def test_what_is_missing_is_said(site):
    done = installed(site, site / "bin/verger", "--version")
    assert done.returncode == 1
    assert "the command is not installed" in done.stderr and "Traceback" not in done.stderr
    done = installed(site, site / "bin/verger-spark")
    assert done.returncode == 1
    assert done.stderr == "verger: error: verger-spark needs pyspark: pip install 'verger[spark]'\n"


def test_weights_without_a_command_or_a_network(site, tmp_path):
    make = [sys.executable, "-c", "import verger; verger.Extractor()"]
    nowhere = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/nowhere"}
    done = installed(site, *make, **nowhere)
    assert "no command verger that fetches them" in done.stderr
    nowhere["VERGER_MODEL_URL"] = "http://127.0.0.1:9/weights.h5"
    done = installed(ROOT / "python", *make, VERGER_LIBRARY=str(BUILD / "libverger.so"), **nowhere)
    if (ROOT / "build/verger").exists():
        assert "cannot be fetched" in done.stderr and "127.0.0.1" in done.stderr


def test_the_command_of_the_source_tree(site):
    if not (ROOT / "build/verger").exists():
        pytest.skip("the build under test is not in build/")
    done = installed(ROOT / "python", sys.executable, "-c",
                     "from verger._command import main; main()", "--version")
    assert done.returncode == 0 and done.stdout.startswith("verger ")


def test_a_wheel_without_libraries_is_refused(tmp_path):
    """Before anything is installed, with the reason and with what to install."""
    done, wheels = wheel_of(tmp_path, PKG_CONFIG_LIBDIR="/nowhere", PKG_CONFIG_PATH="",
                            TMPDIR=str(tmp_path))
    assert done.returncode != 0 and not wheels
    assert "nothing was installed" in done.stdout and "libopenblas-dev" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("verger-")] == []
