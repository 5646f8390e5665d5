"""Runs the reference's mini and apples selections, prints a table of figures in Markdown.

    .deps/venv/bin/python bench/reference.py BUILD [IMAGES]

IMAGES is the unpacked sample of ../shared/fruits-360 (default: .deps/fruits-360, where
`make demo` unpacks it). Speed and memory are of this machine and of this run; what must
agree is held against ../shared/reference.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"


def name(path):
    return path[path.index("Training/"):]


def run(verger, images, output, *words):
    """Seconds and peak memory in MB."""
    command = [verger, "run", images, output, "-k", "50", "--progress", "none", "-q", *words]
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in command])
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"reference: {' '.join(map(str, command))} failed")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def model_info(output):
    return json.loads(next(output.glob("model_info/model_info_*/part-*")).read_text())


def features_by_name(table):
    columns = pyarrow.parquet.read_table(table, columns=["path", "features"]).to_pydict()
    return dict(zip(map(name, columns["path"]), columns["features"]))


def feature_differences(output, reference):
    """Relative L2 and the largest difference."""
    ours = features_by_name(next(output.glob("features/parquet/features_*")))
    theirs = features_by_name(reference)
    expected = numpy.array([theirs[path] for path in ours], "f8")
    difference = numpy.array(list(ours.values()), "f8") - expected
    return (numpy.linalg.norm(difference) / numpy.linalg.norm(expected),
            numpy.abs(difference).max())


def figures(verger, images, selection, *words):
    reference = REFERENCE / selection
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        seconds, megabytes = run(verger, images, output, *words)
        ours, theirs = model_info(output), json.loads((reference / "model_info.json").read_text())
        components = numpy.subtract(ours["variance_by_component"], theirs["variance_by_component"])
        rows = [selection, f"{ours['num_images_processed']:,}", f"{seconds:.1f}",
                f"{ours['images_per_second']:.0f}", f"{ours['kernels']}, {ours['threads']} threads",
                f"{megabytes:.0f}", f"{100 * ours['total_variance_explained']:.4f} %",
                f"{numpy.abs(components).max():.0e}"]
        features = reference / "features.snappy.parquet"
        rows += ["{:.1e}, {:.1e}".format(*feature_differences(output, features))
                 if features.exists() else ""]
    return rows


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: reference.py BUILD [IMAGES]")
    verger = Path(sys.argv[1]).resolve() / "verger"
    images = Path(sys.argv[2] if len(sys.argv) == 3 else ROOT / ".deps/fruits-360").resolve()
    for needed in (verger, images / "Training", REFERENCE):
        if not needed.exists():
            sys.exit(f"reference: no {needed}")
    print("| run | images | seconds | images/s | kernels | peak MB | variance | largest difference "
          "of a component | features: relative L2, largest difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for selection, words in {"mini": ["--files-from", REFERENCE / "mini" / "metadata.csv"],
                             "apples": ["--mode", "apples"]}.items():
        print(f"| {' | '.join(figures(verger, images, selection, *words))} |", flush=True)


main()
