"""The archive for EMR: one setting runs it on nodes of either processor."""

import os
import platform
import shutil
import subprocess
import tarfile

import pytest

import pictures as drawn
from conftest import ARCHES, DIST, QEMU_CPU, ROOT, probe, python39

ARCHIVE = DIST / "verger-emr.tar.gz"
# All that a first start of a cluster's container must fetch and unpack.
LARGEST = 80 << 20


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("container") / "verger"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def node(tmp_path, arch):
    """The environment of a node: its Python 3.9, and what uname says of it."""
    uname = tmp_path / "uname"
    uname.write_text(f"#!/bin/sh\necho {arch}\n")
    uname.chmod(0o755)
    return {"PATH": f"{tmp_path}:{python39(arch).parent}:/usr/bin:/bin",
            "QEMU_CPU": QEMU_CPU[arch]}


def test_entries_are_sorted_dateless_files():
    with tarfile.open(ARCHIVE) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert all(entry.isfile() and entry.mtime == 0 and entry.uid == entry.gid == 0
               for entry in entries)
    assert ARCHIVE.stat().st_size < LARGEST


def test_holds_the_job_and_licences(unpacked):
    assert (unpacked / "process_fruits_data.py").read_bytes() == \
        (ROOT / "python/process_fruits_data.py").read_bytes()
    for arch in ARCHES:
        assert (unpacked / arch / "verger/lib/THIRD-PARTY.txt").is_file()
        assert list((unpacked / arch).glob("pyarrow-*.dist-info/LICENSE.txt"))


def test_runs_on_a_node(unpacked, node, pictures, reference, arch):
    said = probe(unpacked / "bin/python", pictures, **node)
    assert said["file"].startswith(str(unpacked / arch))
    assert said["features"] == reference["features"]
    assert said["pca"]["moments"] == reference["pca"]["moments"]


def test_imports_what_it_carries_of_pyarrow(unpacked, node):
    modules = ["pyarrow"] + [f"pyarrow.{name}" for name in
                             ("acero", "compute", "csv", "dataset", "feather", "fs", "json", "parquet")]
    done = subprocess.run([unpacked / "bin/python", "-c", f"import {', '.join(modules)}\n"
                           "print(pyarrow.compute.sum([1, 2]))"],
                          env=node, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_keeps_the_path_that_spark_gives(unpacked, node, tmp_path):
    """Spark adds its own package, and files of the job, to PYTHONPATH."""
    (tmp_path / "of_spark.py").write_text("")
    done = subprocess.run([unpacked / "bin/python", "-c", "import of_spark, verger"],
                          env={**node, "PYTHONPATH": str(tmp_path)}, capture_output=True,
                          text=True)
    assert done.stderr == ""


def test_runs_from_another_folder_by_a_relative_name(unpacked, node):
    """As ./verger/bin/python of spark.pyspark.python is found."""
    done = subprocess.run(["./verger/bin/python", "-c", "import verger; print(verger.__file__)"],
                          cwd=unpacked.parent, env=node, capture_output=True, text=True)
    assert done.stdout.startswith(str(unpacked)), done.stderr


def test_says_that_a_python_is_missing(unpacked, tmp_path):
    done = subprocess.run(["/bin/sh", unpacked / "bin/python", "-V"], capture_output=True, text=True,
                          env={**os.environ, "VERGER_PYTHON": "python3.9-of-nobody"})
    assert done.returncode == 127
    assert "there is no python3.9-of-nobody on this node" in done.stderr


def spark_home():
    found = next(ROOT.glob(".deps/spark3/lib/python3*/site-packages/pyspark"), None)
    if found is None or shutil.which("java") is None:
        pytest.skip("no Spark: run tools/setup spark")
    return found


def test_job_on_spark_without_numpy_and_pandas(unpacked, tmp_path):
    """The driver too runs on the cluster, where there is nothing but Spark and Python."""
    home = spark_home()
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("pyspark", "py4j"):
        (packages / name).symlink_to(home.parent / name)
    fruits = drawn.fill(tmp_path / "fruits")
    path = f"{python39(platform.machine()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [home / "bin/spark-submit", "--master", "local[2]", "--conf", "spark.ui.enabled=false",
         "--conf", "spark.pyspark.python=./verger/bin/python", "verger/process_fruits_data.py",
         fruits, tmp_path / "out", "full", "3", "--model", "seeded:7"],
        cwd=unpacked.parent, capture_output=True, text=True,
        env={**os.environ, "SPARK_HOME": str(home), "PYTHONPATH": str(packages), "PATH": path})
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("features/parquet/*/_SUCCESS"))
