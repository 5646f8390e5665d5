"""Runs of the kernel set "amx", where this machine has it: close to the reference, the same bits
on any number of threads, and never mixed with those of other sets."""

import re

import numpy
import pyarrow.parquet
import pytest
from conftest import TS, features, model_info, read_parquet, run, verger
from snapshots import assert_same, whole
from test_run_reference import MINI, MODEL, name

NEXT = "20250201_000000"


@pytest.fixture(scope="module")
def amx():
    version = verger("--version").stdout
    if not re.search(r"amx-ref, amx$", version, re.MULTILINE):
        pytest.skip("this CPU has no AMX, or its use is not allowed here")


def test_features_are_as_near_to_the_reference_as_float32(amx, sample, tmp_path):
    for needed in (MINI, MODEL):
        if not needed.exists():
            pytest.skip(f"no {needed}: the reference's results are not here")
    done = verger("run", sample, tmp_path, "-k", 50, "--files-from", MINI / "metadata.csv",
                  "--model", MODEL, "--timestamp", TS, "--progress", "none", "--kernels", "amx")
    assert done.returncode == 0, done.stderr
    assert model_info(tmp_path)["kernels"] == "amx"
    theirs = pyarrow.parquet.read_table(MINI / "features.snappy.parquet").to_pandas()
    rows = dict(zip(map(name, theirs.path), theirs.features))
    paths = [name(p) for p in read_parquet(tmp_path, "features").column("path").to_pylist()]
    expected = numpy.stack([rows[p] for p in paths]).astype("f8")
    difference = features(tmp_path) - expected
    off = numpy.linalg.norm(difference) / numpy.linalg.norm(expected)
    print(f"relative L2 of the difference: {off:.2e}")
    assert off <= 5e-6


def test_threads_leave_no_trace(amx, fruits, tmp_path):
    for threads in (1, 2, 3):
        run(fruits, tmp_path / str(threads), "--kernels", "amx", "--threads", threads)
        assert (features(tmp_path / str(threads)) == features(tmp_path / "1")).all()


def test_the_environment_names_it_too(amx, fruits, tmp_path, monkeypatch):
    monkeypatch.setenv("VERGER_CPU", "amx")
    run(fruits, tmp_path / "a")
    monkeypatch.delenv("VERGER_CPU")
    run(fruits, tmp_path / "b", "--kernels", "amx")
    assert model_info(tmp_path / "a")["kernels"] == model_info(tmp_path / "b")["kernels"] == "amx"
    assert (features(tmp_path / "a") == features(tmp_path / "b")).all()


@pytest.mark.parametrize("how", ["--update", "--resume"])
def test_it_is_not_mixed_with_others(fruits, tmp_path, how):
    """"amx-ref" gives the bits of "amx", on any machine."""
    run(fruits, tmp_path, "--limit", 6)
    if how == "--resume":
        next((tmp_path / "_verger" / f"run_{TS}").glob("_SUCCESS")).unlink()
    before = whole(tmp_path)
    done = verger("run", fruits, tmp_path, "-k", 5, "--model", "seeded:7", "--limit", 6, how,
                  "--timestamp", TS if how == "--resume" else NEXT, "--kernels", "amx-ref")
    assert done.returncode != 0
    assert "the arithmetic of the kernel set was float32 and is amx now" in done.stderr
    assert_same(whole(tmp_path), before)


def test_an_unknown_set_is_named(fruits, tmp_path):
    done = verger("run", fruits, tmp_path, "-k", 3, "--model", "seeded:7", "--kernels", "mmx")
    assert done.returncode != 0 and 'no kernel set "mmx" on this CPU' in done.stderr
