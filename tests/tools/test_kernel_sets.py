"""Runs of the command on each kernel set of this CPU: the same bits from all."""

import json
import os
import re
import subprocess
from pathlib import Path

import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
VERGER = Path(os.environ.get("VERGER_BUILD", ROOT / "build")) / "verger"


def kernel_sets():
    version = subprocess.run([VERGER, "--version"], capture_output=True, text=True).stdout
    return re.search(r"^kernels +([\w, ]+)", version, re.MULTILINE)[1].split(", ")


def run(fruits, output, kernels):
    done = subprocess.run([VERGER, "run", fruits, output, "-k", "2", "--model", "seeded:7",
                           "--format", "parquet", "--progress", "none"],
                          env={**os.environ, "VERGER_CPU": kernels}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [info] = output.glob("model_info/model_info_*/part-*")
    assert json.loads(info.read_text())["kernels"] == kernels
    [part] = output.glob("features/parquet/features_*/part-*.parquet")
    return pyarrow.parquet.ParquetFile(part).read().column("features")


def test_same_features_from_every_set(tmp_path):
    # Few images: plain C takes half a second for one.
    subprocess.run([ROOT / "tools/generate-fruits", "--classes", "3", "--per-class", "1",
                    tmp_path / "fruits"], check=True, stdout=subprocess.DEVNULL)
    sets = kernel_sets()
    assert sets[0] == "ref"
    features = {name: run(tmp_path / "fruits", tmp_path / name, name) for name in sets}
    for name in sets[1:]:
        assert features[name].equals(features["ref"]), f"{name} and ref differ"


def test_a_set_this_cpu_lacks_is_refused():
    done = subprocess.run([VERGER, "bench"], env={**os.environ, "VERGER_CPU": "abacus"},
                          capture_output=True, text=True)
    assert done.returncode == 2
    assert "abacus" in done.stderr
