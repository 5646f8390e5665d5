#!/usr/bin/env python3
"""Times nearest rows beside faiss's flat index and numpy, turn about in one run.

The rows are features of Fruits-360, where it is in .deps or ../shared, else of drawn images;
to come to --rows of them, they are repeated with noise. All work in float32 on the same
threads, and what they find is compared before a time is printed: verger is exact in float64,
so where lists differ, both distances are printed. Prints tables in Markdown; asserts no time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "peers"), str(ROOT / "python")]

from machine import cpu_name  # noqa: E402
from sample import find_weights, fruits  # noqa: E402

METRICS = ("cosine", "l2")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--rows", type=int, default=67692, metavar="N")
    parser.add_argument("--neighbours", "-k", type=int, default=10, metavar="K")
    parser.add_argument("--queries", type=int, default=1000, metavar="N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--noise", type=float, default=0.1, metavar="SHARE",
                        help="of the features' deviation, on repeated rows (default 0.1)")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE")
    parser.add_argument("--features", type=Path, metavar="FOLDER",
                        help="a features table of Parquet instead")
    parser.add_argument("--quick", action="store_true", help="to see that all works: 3,000 rows")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.queries = 3000, 50
    os.environ["VERGER_LIBRARY"] = str(options.build.resolve() / "libverger.so")
    return options


# --- Rows -----------------------------------------------------------------------------------


def read_features(folder):
    table = pyarrow.parquet.read_table(folder, columns=["features"])
    column = table["features"].combine_chunks()
    return np.asarray(column.flatten(), np.float32).reshape(len(column), -1)


def sample_features(options):
    if options.features:
        return read_features(options.features)
    with tempfile.TemporaryDirectory() as scratch:
        folder = fruits(Path(scratch), 2000)
        output = Path(scratch) / "out"
        subprocess.run([options.build / "verger", "run", folder, output, "--select", "**/*.jpg",
                        "--model", find_weights(options.model), "--format", "parquet", "-k", "50",
                        "--limit", "2000" if options.quick else "100000", "--quiet"], check=True)
        (table,) = (output / "features" / "parquet").iterdir()
        return read_features(table)


def repeated(features, count, noise):
    """`count` rows in the order of the paths, copies of a row side by side."""
    source = np.sort(np.arange(count) % len(features))
    rows = features[source]
    random = np.random.default_rng(0)
    scale = np.float32(noise * features.std())
    for first in range(0, count, 4096):
        part = rows[first:first + 4096]
        part += scale * random.standard_normal(part.shape, np.float32)
    return rows


def components(rows, count=50):
    sample = rows[::max(1, len(rows) // 8192)].astype(np.float64)
    vectors = np.linalg.eigh(np.cov(sample.T))[1][:, -count:]
    return np.ascontiguousarray((rows - rows.mean(0)) @ vectors.astype(np.float32))


# --- Those that are compared ---------------------------------------------------------------


def scaled(rows, metric):
    if metric == "l2":
        return rows
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def faiss_index(faiss, rows, metric):
    index = (faiss.IndexFlatL2 if metric == "l2" else faiss.IndexFlatIP)(rows.shape[1])
    index.add(rows)
    return index


def numpy_search(rows, squares, query, k, metric):
    scores = rows @ query
    keys = squares - 2 * scores if metric == "l2" else -scores
    nearest = np.argpartition(keys, k)[:k]
    return nearest[np.argsort(keys[nearest], kind="stable")]


def exact_distance(rows, query, ids, metric):
    rows, query = rows[ids].astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        return np.linalg.norm(rows - query, axis=1)
    return 1 - rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)


def differing(rows, queries, ours, theirs, metric):
    """Lists with other rows, and the largest difference of a distance in them: what float32
    cannot tell apart."""
    lists, largest = 0, 0.0
    for query, mine, other in zip(queries, ours, theirs):
        if (mine == other).all():
            continue
        lists += 1
        far = np.abs(exact_distance(rows, query, mine, metric)
                     - exact_distance(rows, query, other, metric))
        largest = max(largest, float(far.max()))
    return lists, largest


def without_self(found):
    """The first column is the row itself, but where a copy of it comes before."""
    kept = found != np.arange(len(found))[:, None]
    kept[kept.all(1), -1] = False
    return found[kept].reshape(len(found), -1)


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def timed_with_cpu(work):
    """Seconds, and CPU seconds of all threads: what others on the machine do adds to the first."""
    cpu = time.process_time()
    seconds, result = timed(work)
    return seconds, time.process_time() - cpu, result


# --- Measurements ----------------------------------------------------------------------------


def whole_graph(verger, faiss, rows, metric, options, name):
    k = options.neighbours
    ours, our_cpu, (found, _) = timed_with_cpu(lambda: verger.neighbours(rows, k, metric=metric,
                                                                  threads=options.threads))
    peer_rows = scaled(rows, metric)
    theirs, their_cpu, (_, other) = timed_with_cpu(
        lambda: faiss_index(faiss, peer_rows, metric).search(peer_rows, k + 1))
    lists, largest = differing(rows, rows, found, without_self(other), metric)
    print(f"| {name}, {metric} | {ours:.1f}, {our_cpu:.1f} | {theirs:.1f}, {their_cpu:.1f} | "
          f"{theirs / ours:.1f} | "
          f"{lists} of {len(rows)}, {largest:.1e} |", flush=True)


def single_queries(verger, faiss, rows, metric, options):
    k, random = options.neighbours, np.random.default_rng(1)
    queries = np.ascontiguousarray(rows[random.choice(len(rows), options.queries)])
    queries += np.float32(0.05 * rows.std()) * random.standard_normal(queries.shape, np.float32)
    opening, index = timed(lambda: verger.Index(rows, metric=metric, threads=options.threads))
    peer_rows, peer_queries = scaled(rows, metric), scaled(queries, metric)
    peer, squares = faiss_index(faiss, peer_rows, metric), (peer_rows ** 2).sum(1)
    times, ours, theirs = {"verger": [], "faiss": [], "numpy": []}, [], []
    for i, query in enumerate(queries):
        seconds, (ids, _) = timed(lambda: index.search(query, k))
        times["verger"].append(seconds)
        ours.append(ids)
        seconds, (_, ids) = timed(lambda: peer.search(peer_queries[i:i + 1], k))
        times["faiss"].append(seconds)
        theirs.append(ids[0])
        if i % 10 == 0:
            times["numpy"].append(timed(lambda: numpy_search(peer_rows, squares, peer_queries[i], k,
                                                             metric))[0])
    lists, largest = differing(rows, queries, ours, theirs, metric)
    shown = " | ".join(f"{1e3 * np.median(t):.2f}, {1e3 * np.percentile(t, 99):.2f}"
                       for t in times.values())
    print(f"| {metric} | {shown} | {opening:.1f} | {lists} of {len(queries)}, {largest:.1e} |",
          flush=True)


def main():
    options = parse()
    import faiss
    import verger

    faiss.omp_set_num_threads(options.threads)
    features = sample_features(options)
    rows = repeated(features, options.rows, options.noise)
    print(f"{date.today()}, {cpu_name()}, {options.threads} threads, faiss {faiss.__version__}, "
          f"numpy {np.__version__}: {len(rows)} rows of {rows.shape[1]} from {len(features)} "
          f"images, the {options.neighbours} nearest.\n")
    print("| every row: s, CPU s | verger | faiss | verger is times as fast | other lists, by at most |\n"
          "|---|---|---|---|---|")
    few = components(rows)
    for metric in METRICS:
        whole_graph(verger, faiss, few, metric, options, "50 components")
    for metric in METRICS:
        whole_graph(verger, faiss, rows, metric, options, "features")
    print("\n| one query: median, 99 % (ms) | verger | faiss | numpy | opening, s | "
          "other lists, by at most |\n|---|---|---|---|---|---|")
    for metric in METRICS:
        single_queries(verger, faiss, rows, metric, options)


if __name__ == "__main__":
    main()
