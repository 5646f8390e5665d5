"""Times the PCA beside scikit-learn's, turn about in one run; prints a table in Markdown.

    .deps/venv/bin/python bench/compare_pca.py BUILD [--rows N] [--components K] [--rounds N]

scikit-learn has what suits it best, `covariance_eigh` over rows that are float64 already, and
its BLAS picks its kernels by itself. Both have the same rows and CPUs; the shares of variance
are compared before a time is printed. "verger is" is the median of the quotients of each round,
of what a clock shows and of processor time, which other work on the machine disturbs less. The
first round warms up.
"""

import argparse
import os
import statistics
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench" / "peers"), str(ROOT / "python")]

from machine import cpu_name  # noqa: E402

DIMS = 1280


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of libverger.so")
    parser.add_argument("--rows", type=int, default=67692, metavar="N")
    parser.add_argument("--components", "-k", type=int, default=50, metavar="K")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    return parser.parse_args()


def drawn_rows(count, numpy):
    """As features are: no number below 0, and columns that depend on one another."""
    random = numpy.random.default_rng(0)
    rows = random.standard_normal((count, DIMS), numpy.float32)
    for first in range(0, count, 4096):
        part = rows[first:first + 4096]
        part[:, :DIMS // 2] += part[:, DIMS // 2:]
        numpy.maximum(part, 0, out=part)
    return rows


def processor_seconds():
    times = os.times()
    return times.user + times.system


def timed(work):
    start, used = time.perf_counter(), processor_seconds()
    result = work()
    return result, (time.perf_counter() - start, processor_seconds() - used)


def turns(options):
    """{step: [((seconds, processor seconds) of verger, of scikit-learn)]} of each round."""
    import numpy
    from sklearn.decomposition import PCA

    import verger

    rows = drawn_rows(options.rows, numpy)
    wide = rows.astype(numpy.float64)
    figures = {"fit": [], "project": []}
    for turn in range(options.rounds + 1):
        ours, fit = timed(lambda: verger.pca.fit(rows, options.components))
        theirs, peer_fit = timed(
            lambda: PCA(options.components, svd_solver="covariance_eigh").fit(wide))
        numpy.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_ratio_,
                                      rtol=1e-9)
        _, project = timed(lambda: ours.project(rows))
        _, peer_project = timed(lambda: theirs.transform(wide))
        if turn > 0:
            figures["fit"].append((fit, peer_fit))
            figures["project"].append((project, peer_project))
    return figures


def row(step, rounds):
    def median(values):
        return statistics.median(values)

    ours, theirs = (median(turn[who][0] for turn in rounds) for who in (0, 1))
    faster, cheaper = (median(turn[1][kind] / turn[0][kind] for turn in rounds)
                       for kind in (0, 1))
    return (f"| {step} | {ours:.2f} s | {theirs:.2f} s | {faster:.2f} times as fast | "
            f"{cheaper:.2f} times |")


def main():
    options = parse()
    # What is set for another BLAS would make a slow peer of numpy's.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(name, None)
    os.environ["VERGER_LIBRARY"] = str(options.build.resolve() / "libverger.so")
    figures = turns(options)
    print(f"\nPCA of {options.rows:,} x {DIMS} to {options.components} components, "
          f"{len(os.sched_getaffinity(0))} CPUs of {cpu_name()}, {date.today()}\n")
    print("| | verger | scikit-learn | verger is | in processor time |")
    print("|---|---|---|---|---|")
    for step, rounds in figures.items():
        print(row(step, rounds))


if __name__ == "__main__":
    main()
