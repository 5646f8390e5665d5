"""Neighbours by tasks of Spark, beside the command on the same features: the same bytes."""

import subprocess

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from conftest import BUILD

from verger.spark import JobError, neighbours

TS, OTHER = "20250131_235959", "20250201_000000"


@pytest.fixture
def output(tmp_path):
    """Rows of three blocks, some equal, whose paths are in no order."""
    random = numpy.random.default_rng(3)
    rows = numpy.float32(random.normal(size=(30, 12))[random.integers(0, 30, 3000)] +
                         0.3 * random.normal(size=(3000, 12)))
    rows[100:120] = rows[2900]
    paths = [f"a/{(i * 7) % 3000:04}.png" for i in range(3000)]
    folder = tmp_path / "features" / "parquet" / f"features_{TS}"
    folder.mkdir(parents=True)
    table = pyarrow.table({"path": paths, "label": ["a"] * 3000, "features": list(rows)})
    pyarrow.parquet.write_table(table, folder / "part-00000.parquet")
    (folder / "_SUCCESS").touch()
    return tmp_path


def command(output, *words):
    return subprocess.run([BUILD / "verger", "neighbours", output, "--progress", "none",
                           *map(str, words)], capture_output=True, text=True, timeout=120)


def contents(output, ts):
    folders = [output / "neighbours" / kind / f"neighbours_{ts}" for kind in ("parquet", "csv")]
    assert all((folder / "_SUCCESS").exists() for folder in folders)
    return [part.read_bytes() for folder in folders for part in sorted(folder.glob("part-*"))]


@pytest.mark.parametrize("metric, shares", [("cosine", None), ("l2", 3)])
def test_the_table_is_the_commands(spark, output, metric, shares):
    table = neighbours(spark, str(output), 4, metric=metric, shares=shares, timestamp=TS)
    assert (table.rows, table.timestamp) == (3000, TS)
    assert table.address == f"{output}/neighbours/parquet/neighbours_{TS}"
    done = command(output, "-k", 4, "--metric", metric, "--timestamp", OTHER)
    assert done.returncode == 0, done.stderr
    assert contents(output, TS) == contents(output, OTHER)
    kept = output / "_verger" / "neighbours" / TS
    assert [file.name for file in kept.iterdir()] == ["rows.safetensors"]


def test_a_call_that_failed_goes_on(spark, output):
    """Shares that are there are not made again."""
    made = command(output, "-k", 4, "--timestamp", TS, "--share", "2/3")
    assert made.returncode == 0, made.stderr
    kept = output / "_verger" / "neighbours" / TS / "share-00002-of-00003.safetensors"
    before = kept.stat().st_mtime_ns
    assert command(output, "-k", 4, "--timestamp", TS, "--share", "2/3").returncode == 0
    assert kept.stat().st_mtime_ns == before
    missing = command(output, "-k", 4, "--timestamp", TS, "--gather", 3)
    assert missing.returncode == 1
    assert "share 1 of 3 cannot be taken (write it with --share 1/3)" in missing.stderr
    assert neighbours(spark, str(output), 4, shares=3, timestamp=TS).rows == 3000


def test_a_failure_is_the_commands(spark, output):
    with pytest.raises(Exception, match="3000 neighbours of each of 3000 rows"):
        neighbours(spark, str(output), 3000)
    assert not (output / "neighbours").exists()


def test_what_only_hadoop_reaches_is_refused(spark):
    with pytest.raises(JobError, match="hdfs://nowhere/out is for Hadoop alone"):
        neighbours(spark, "hdfs://nowhere/out")
