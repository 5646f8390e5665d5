"""Weights that were replaced under the same path: features of two networks must not meet in one
table."""

import os
import subprocess
import sys

import pytest
from conftest import BUILD, ROOT, TS, features, files_below, verger

WORDS = ["-k", 2, "--progress", "none", "--part-rows", 8]


def save(seed, path):
    code = "import sys, verger; verger.Model(sys.argv[1]).save_packed(sys.argv[2])"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"),
           "VERGER_LIBRARY": str(BUILD / "libverger.so")}
    subprocess.run([sys.executable, "-c", code, f"seeded:{seed}", str(path)], env=env, check=True)


@pytest.fixture
def weights(tmp_path):
    save(7, tmp_path / "weights")
    return tmp_path / "weights"


def replace(path):
    save(8, path)


def test_a_run_is_not_resumed_with_others(fruits, tmp_path, weights):
    words = ["run", fruits, tmp_path / "out", *WORDS, "--model", weights, "--timestamp", TS]
    assert verger(*words).returncode == 0
    (tmp_path / "out" / f"_verger/run_{TS}/_SUCCESS").unlink()
    (tmp_path / "out" / f"_verger/run_{TS}/part-00001.json").unlink()
    before = files_below(tmp_path / "out")
    replace(weights)
    done = verger(*words, "--resume")
    assert done.returncode == 1 and "cannot be resumed" in done.stderr, done.stderr
    assert "weights" in done.stderr or "model" in done.stderr
    assert files_below(tmp_path / "out") == before


def test_a_run_is_not_updated_with_others(own_fruits, tmp_path, weights):
    words = ["run", own_fruits, tmp_path / "out", *WORDS, "--model", weights]
    assert verger(*words, "--timestamp", TS).returncode == 0
    first = features(tmp_path / "out").tobytes()
    (own_fruits / "Training/Apple 1/new.jpg").write_bytes(
        (own_fruits / "Training/Apple 1/r_0_100.jpg").read_bytes())
    replace(weights)
    done = verger(*words, "--update", "--timestamp", "20250201_000000")
    assert done.returncode == 1 and "cannot be updated" in done.stderr, done.stderr
    assert features(tmp_path / "out").tobytes() == first
    assert not any("features_20250201" in name for name in files_below(tmp_path / "out"))
