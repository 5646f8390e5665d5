"""The archive for EMR: one setting runs it on nodes of either processor."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile

import pytest

import pictures as drawn
from conftest import ARCHES, ARCHIVE, QEMU_CPU, ROOT, probe, python39, run
from spark.spark_tables import TS, assert_same, below_training, table
from store.fixtures import gateway  # noqa: F401

# All that a first start of a cluster's container must fetch and unpack.
LARGEST = 90 << 20
MODEL = "seeded:7"


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
        assert list((unpacked / arch / "python3.9").glob("pyarrow-*.dist-info/LICENSE.txt"))


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


def test_says_that_no_python_suits(unpacked, tmp_path):
    """As on emr-spark-8, whose Pythons are newer than the archive's pyarrow."""
    for name in ("dirname", "uname", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    for named, message in (({}, "this node has no Python 3.9"), ({"VERGER_PYTHON": "python3"}, "has no pyarrow")):
        done = subprocess.run(["/bin/sh", unpacked / "bin/python", "-V"], capture_output=True, text=True,
                              env={"PATH": str(tmp_path), **named})
        assert done.returncode == 127
        assert done.stderr.startswith("verger: error: ") and message in done.stderr


def test_takes_another_python_with_its_own_pyarrow(unpacked):
    """The command keeps to the archive's."""
    said = run([unpacked / "bin/python", "-c", "import subprocess, pyarrow, verger, verger._command as c\n"
                "print(verger.__file__, pyarrow.__file__, sep='\\n', flush=True)\n"
                "subprocess.run([c.find_command(), '--version'], env=c.environment(), check=True)"],
               VERGER_PYTHON=sys.executable)
    package, arrow, version, *_ = said.splitlines()
    assert package.startswith(str(unpacked)) and not arrow.startswith(str(unpacked))
    assert version.startswith("verger ") and "Arrow C++ 21." in said


def spark_home():
    found = next(ROOT.glob(".deps/spark3/lib/python3*/site-packages/pyspark"), None)
    if found is None or shutil.which("java") is None:
        pytest.skip("no Spark: run tools/setup spark")
    return found


@pytest.fixture(scope="module")
def submit(unpacked, tmp_path_factory):
    """A driver with Spark and Python alone, without numpy and pandas, as a cluster's is: it has to
    end well. Returns what it said."""
    home = spark_home()
    packages = tmp_path_factory.mktemp("packages")
    for name in ("pyspark", "py4j"):
        (packages / name).symlink_to(home.parent / name)
    path = f"{python39(platform.machine()).parent}:{os.environ['PATH']}"
    # What the tests of the source tree name would be taken before the archive's own.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERGER")}

    def submit(*words, **environment):
        done = subprocess.run(
            [home / "bin/spark-submit", "--master", "local[2]", "--conf", "spark.ui.enabled=false",
             "--conf", "spark.pyspark.python=./verger/bin/python", "verger/process_fruits_data.py",
             *words, "--model", MODEL, "--timestamp", TS, "--part-rows", "10"],
            cwd=unpacked.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**kept, "SPARK_HOME": str(home), "PYTHONPATH": str(packages), "PATH": path, **environment})
        assert done.returncode == 0, done.stdout
        return done.stdout

    return submit


@pytest.fixture(scope="module")
def fruits(tmp_path_factory):
    return drawn.fill(tmp_path_factory.mktemp("fruits"))


@pytest.fixture(scope="module")
def expected(unpacked, fruits, tmp_path_factory):
    """The tables of the archive's own command."""
    folder = tmp_path_factory.mktemp("command") / "out"
    run([unpacked / platform.machine() / "verger/bin/verger", "run", fruits, folder, "-k", 3, "--model",
         MODEL, "--timestamp", TS, "--part-rows", 10])
    return folder


def test_job_has_the_commands_tables(submit, fruits, expected, tmp_path):
    said = submit(fruits, tmp_path / "out", "full", "3")
    assert "Hadoop lists" not in said and "3 parts on 2 cores" in said
    assert_same(tmp_path / "out", expected)


def test_job_goes_on_with_a_run(submit, fruits, expected, tmp_path):
    """A run that was broken off; Hadoop's way has no --resume."""
    shutil.copytree(expected, tmp_path / "out")
    for success in (tmp_path / "out").rglob("_SUCCESS"):
        success.unlink()
    for record in (tmp_path / "out").rglob("part-00001.json"):
        record.unlink()
    submit(fruits, tmp_path / "out", "full", "3", "--resume")
    assert_same(tmp_path / "out", expected)


def test_job_reads_and_writes_a_bucket(submit, fruits, expected, gateway):  # noqa: F811
    """By keys of the environment, without a jar of Hadoop's for S3: for that Spark has none."""
    shutil.copytree(fruits, gateway.bucket("orchard"), dirs_exist_ok=True)
    gateway.bucket("tables")
    keys = {name: value for name, value in gateway.environment().items() if name.startswith("AWS_")}
    said = submit("s3://orchard", "s3://tables/out", "full", "3", **keys)
    assert "Hadoop lists" not in said
    ours, theirs = (table(o, "features", "parquet") for o in (gateway.folder / "tables/out", expected))
    assert below_training(ours) == below_training(theirs)
    assert ours["features"].equals(theirs["features"])
