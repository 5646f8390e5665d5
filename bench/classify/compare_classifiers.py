#!/usr/bin/env python3
"""Holds classifiers and k-means against scikit-learn, on one table of features, turn about.

OUTPUT is the output of a run; images whose paths match --test are set apart. scikit-learn gets the
same rows in float32 and as many threads. Of verger's classifier the whole command counts, with
reading the table and writing the file; of scikit-learn's the fit alone. Times are seconds of CPU,
user and system, for the machine may have other work; a ratio is the median of those of the rounds,
whose turns lie side by side. What both found is compared before a time is printed. Prints tables in
Markdown; asserts no time.
"""

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet
import sklearn
import threadpoolctl
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "peers"), str(ROOT / "tests")]

from machine import cpu_name  # noqa: E402
from tensor_files import read_tensors  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="with a features table in Parquet")
    parser.add_argument("--test", default="Test/**", metavar="GLOB")
    parser.add_argument("--c", type=float, default=1.0)
    parser.add_argument("--clusters", "-k", type=int, default=0, metavar="K",
                        help="(default: as many as there are labels to train on)")
    parser.add_argument("--only", choices=("classifiers", "calibration", "kmeans"))
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    return parser.parse_args()


def newest_table(output):
    return max(path.parent for path in (output / "features" / "parquet").glob("*/_SUCCESS"))


def read_rows(output):
    """Paths, labels, features, in the order of the paths."""
    table = pyarrow.parquet.read_table(newest_table(output), columns=["path", "label", "features"])
    table = table.filter(pyarrow.compute.is_valid(table["features"])).sort_by("path")
    features = np.asarray(table["features"].combine_chunks().flatten(), np.float32)
    return (np.array(table["path"].to_pylist()), np.array(table["label"].to_pylist()),
            features.reshape(len(table), -1))


def cpu_seconds(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def timed(work, who=resource.RUSAGE_SELF):
    start = cpu_seconds(who)
    found = work()
    return found, cpu_seconds(who) - start


def quotient(times):
    """Of (ours, theirs): medians, and the median of the quotients with their range."""
    ours, theirs = zip(*times)
    quotients = sorted(b / a for a, b in times)
    return (f"{np.median(ours):.2f} | {np.median(theirs):.2f} | "
            f"{np.median(quotients):.2f} ({quotients[0]:.2f} to {quotients[-1]:.2f})")


# --- Classifiers ------------------------------------------------------------------------------


def classify(options, *words):
    command = [options.build / "verger", "classify", *words, "--threads", options.threads,
               "--progress", "json", "--log-level", "error"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stderr.splitlines()[-1])


def labels_of(model, rows):
    """The classes that the classifier's weights give, in float64."""
    _, tensors = read_tensors(model)
    names = np.array(tensors["labels"].tobytes().decode().split("\0")[:-1])
    scores = (rows.astype(np.float64) - tensors["mean"]) @ tensors["weights"].T + tensors["bias"]
    return names[scores.argmax(axis=1)]


def largest_difference(model, other):
    """Of the weights of both, less what all classes of each have in common."""
    _, tensors = read_tensors(model)
    mine = tensors["weights"] - tensors["weights"].mean(axis=0)
    return np.abs(mine - (other.coef_ - other.coef_.mean(axis=0))).max()


def compare_classifiers(options, rows, labels, is_test, scratch):
    known = is_test & np.isin(labels, labels[~is_test])
    model = scratch / "classifier.safetensors"
    words = ["train", options.output, model, "--test", options.test, "--folds", 0, "--overwrite"]
    print("| logistic regression | verger, s | scikit-learn, s | quotient | correct | correct there |"
          " the same class | weights differ by |\n|---|---|---|---|---|---|---|---|")
    converged = {"tol": 1e-6, "max_iter": 10000}
    for name, settings in (("its own tolerance", {"max_iter": 1000}), ("1e-6", converged)):
        times = []
        for _ in range(options.rounds):
            _, ours = timed(lambda: classify(options, *words, "--c", options.c),
                            resource.RUSAGE_CHILDREN)
            other, theirs = timed(lambda: LogisticRegression(C=options.c, **settings).fit(
                rows[~is_test], labels[~is_test]))
            times.append((ours, theirs))
        mine, his = labels_of(model, rows[known]), other.predict(rows[known])
        print(f"| C = {options.c:g}, scikit-learn to {name} | {quotient(times)} | "
              f"{(mine == labels[known]).mean():.2%} | {(his == labels[known]).mean():.2%} | "
              f"{(mine == his).mean():.2%} | {largest_difference(model, other):.1e} |", flush=True)


def calibration(options, scratch):
    """As `evaluate` tells it, of images that were set apart, with a temperature of the folds."""
    copied = scratch / "out"
    (copied / "features").mkdir(parents=True)
    (copied / "features" / "parquet").symlink_to((options.output / "features" / "parquet").resolve())
    done = subprocess.run([options.build / "verger", "classify", "evaluate", copied, "--follow-links",
                           "--test", options.test, "--c", str(options.c), "--progress", "none"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    print("\n```\n" + "\n".join(line for line in done.stdout.splitlines()
                                if line.startswith(("method", "logistic", "lda"))) + "\n```")


# --- k-means ------------------------------------------------------------------------------------


class Options(ctypes.Structure):
    """vg_kmeans_options."""

    _fields_ = [("seed", ctypes.c_uint64), ("restarts", ctypes.c_int),
                ("max_iterations", ctypes.c_int), ("tolerance", ctypes.c_double),
                ("threads", ctypes.c_int), ("start", ctypes.c_void_p),
                ("progress", ctypes.c_void_p), ("context", ctypes.c_void_p),
                ("reserved", ctypes.c_uint64 * 8)]


class Result(ctypes.Structure):
    _fields_ = [("inertia", ctypes.c_double), ("iterations", ctypes.c_int)]


def verger_kmeans(library, rows, k, threads, start):
    options, result = Options(), Result()
    library.vg_kmeans_options_default(ctypes.byref(options))
    options.restarts, options.threads = 1, threads
    options.start = start.ctypes.data if start is not None else None
    labels, centres = np.empty(len(rows), np.int32), np.empty((k, rows.shape[1]))
    status = library.vg_kmeans(
        rows.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(rows)), rows.shape[1], k,
        ctypes.byref(options), labels.ctypes.data_as(ctypes.c_void_p),
        centres.ctypes.data_as(ctypes.c_void_p), ctypes.byref(result), None)
    assert status == 0
    return labels, result.inertia


def compare_kmeans(options, rows, k):
    library = ctypes.CDLL(str(options.build.resolve() / "libverger.so"))
    drawn = np.random.default_rng(0).choice(len(rows), k, replace=False)
    start = rows[drawn].astype(np.float64)
    print(f"\n| k-means, k = {k} | verger, s | scikit-learn, s | quotient | the same label |"
          " inertia by scikit-learn's |\n|---|---|---|---|---|---|")
    for name, mine, his in (("from the same rows", start, start.astype(np.float32)),
                            ("own seeds", None, "k-means++")):
        times = []
        for _ in range(options.rounds):
            (labels, inertia), ours = timed(
                lambda: verger_kmeans(library, rows, k, options.threads, mine))
            other, theirs = timed(lambda: KMeans(k, init=his, n_init=1, algorithm="lloyd",
                                                 random_state=0).fit(rows))
            times.append((ours, theirs))
        same = f"{(labels == other.labels_).mean():.2%}" if mine is not None else "-"
        print(f"| {name} | {quotient(times)} | {same} | {inertia / other.inertia_:.4f} |", flush=True)


def main():
    options = parse()
    paths, labels, rows = read_rows(options.output)
    folder = options.test.split("*")[0]
    is_test = np.array([f"/{folder}" in f"/{path}" for path in paths])
    print(f"{date.today()}, {cpu_name()}, {options.threads} threads, scikit-learn "
          f"{sklearn.__version__}; {(~is_test).sum()} rows to train on, {is_test.sum()} to test, of "
          f"{rows.shape[1]} numbers\n")
    with tempfile.TemporaryDirectory() as scratch, threadpoolctl.threadpool_limits(options.threads):
        if options.only in (None, "classifiers"):
            compare_classifiers(options, rows, labels, is_test, Path(scratch))
        if options.only in (None, "calibration"):
            calibration(options, Path(scratch))
        if options.only in (None, "kmeans"):
            compare_kmeans(options, rows, options.clusters or len(set(labels[~is_test])))


main()
