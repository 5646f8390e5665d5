"""Inputs and outputs that make no run: a clear message, an exit code, nothing half done."""

import pathlib

import pytest
from conftest import (SEEDED, TS, features, files_below, leftovers, read_csv, run, successes,
                      verger)


def test_more_components_than_images(fruits, tmp_path):
    done = run(fruits, tmp_path / "out", "-k", 25)
    assert "25 components" in done.stderr and "24" in done.stderr


def test_one_image(fruits, tmp_path):
    done = run(fruits, tmp_path / "out", "-k", 1, "--limit", 1, code=1)
    assert "two images" in done.stderr


@pytest.mark.parametrize("k", ["1.0", -1, 1281, "x"])
def test_components_out_of_range(fruits, tmp_path, k):
    run(fruits, tmp_path / "out", "-k", k, code=2)


def test_inputs_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text" / "Training" / "Apple").mkdir(parents=True)
    (tmp_path / "text" / "Training" / "Apple" / "a.txt").write_text("x")
    assert "no files" in run(tmp_path / "empty", tmp_path / "out", code=1).stderr
    missing = run(tmp_path / "missing", tmp_path / "out", code=1)
    assert str(tmp_path / "missing") in missing.stderr
    done = run(tmp_path / "text", tmp_path / "out", code=1)
    assert "no image that can be read" in done.stderr and "1 .txt" in done.stderr
    done = run(tmp_path / "text", tmp_path / "out", "--mode", "full", code=1)
    assert "none of the 1 files" in done.stderr and "Training/*/*.jpg" in done.stderr
    assert not (tmp_path / "out").exists()


def test_missing_and_damaged_models(fruits, tmp_path):
    (tmp_path / "half.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    for name in ("half.safetensors", "missing.safetensors"):
        done = verger("run", fruits, tmp_path / "out", "-k", 5, "--model", tmp_path / name)
        assert done.returncode == 1
        assert name in done.stderr
    assert not (tmp_path / "out").exists()


def test_tables_of_the_same_timestamp(fruits, tmp_path):
    run(fruits, tmp_path / "out")
    before = files_below(tmp_path / "out")
    done = run(fruits, tmp_path / "out", code=1)
    assert "--overwrite" in done.stderr and TS in done.stderr
    assert files_below(tmp_path / "out") == before
    run(fruits, tmp_path / "out", "--overwrite", "--limit", 10, "--format", "csv")
    assert not (tmp_path / "out" / "features" / "parquet" / f"features_{TS}").exists()
    assert len(read_csv(tmp_path / "out", "features", "csv")) == 10


def test_other_timestamps_stay(fruits, tmp_path):
    run(fruits, tmp_path / "out")
    before = features(tmp_path / "out").tobytes()
    other = "20250201_000000"
    done = verger("run", fruits, tmp_path / "out", "-k", 5, *SEEDED, "--timestamp", other,
                  "--overwrite")
    assert done.returncode == 0, done.stderr
    assert features(tmp_path / "out").tobytes() == before
    assert features(tmp_path / "out", other).tobytes() == before


def test_output_that_cannot_be_written(fruits, tmp_path):
    (tmp_path / "file").write_text("x")
    for output in (tmp_path / "file", tmp_path / "file" / "deeper", pathlib.Path("/proc/verger")):
        done = run(fruits, output, code=1)
        assert str(output.parts[1]) in done.stderr
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("kind", ["parquet", "csv", "parquet,csv"])
def test_full_disk(fruits, tmp_path, small_disk, kind):
    listed = sorted(str(p) for p in fruits.rglob("*.jpg"))
    many = tmp_path / "many"
    for i in range(20):
        (many / f"{i}").mkdir(parents=True)
        for j, path in enumerate(listed):
            (many / f"{i}" / f"{j}.jpg").hardlink_to(path)
    done = run(many, small_disk / "out", "--select", "*/*.jpg", "--format", kind, "--part-rows",
               50, code=1)
    assert "no space left" in done.stderr.lower()
    assert successes(small_disk) == []
    assert leftovers(small_disk) == []


def test_file_size_limit_of_the_system(fruits, tmp_path):
    """The same fault without the superuser: no file may grow over 64 KiB."""
    import resource
    import signal

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    for kind in ("parquet", "csv"):
        output = tmp_path / kind
        done = run(fruits, output, "--format", kind, code=1, preexec_fn=limit)
        assert str(output) in done.stderr
        assert successes(output) == []
        assert leftovers(output) == []
