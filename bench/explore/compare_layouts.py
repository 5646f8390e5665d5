#!/usr/bin/env python3
"""Holds the map of verger report beside umap-learn's: trustworthiness, by scikit-learn.

OUTPUT is one of a run, with the table that verger neighbours wrote by --metric cosine. Both draw a
map of its features from as many neighbours; the plane of the first two components is beside them.
Trustworthiness is 1 where all that are near on the map are near among the features, 0.5 and less
where chance put them there. umap-learn has a seed, and so one thread. Prints a table in Markdown;
asserts nothing. For .deps/explore/bin/python.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet
import sklearn
from sklearn.manifold import trustworthiness

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "peers")]

from machine import cpu_name  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("output", metavar="OUTPUT", type=Path)
    parser.add_argument("--rows", type=int, default=6000, metavar="N",
                        help="that trustworthiness looks at, evenly taken: all distances of them "
                        "are held (default 6000)")
    parser.add_argument("--neighbours", type=int, nargs="+", default=[5, 15, 50], metavar="N",
                        help="on the map, that are looked at (default 5 15 50)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N",
                        help="of umap-learn")
    return parser.parse_args()


def newest(output, table):
    folders = [folder for folder in (output / table / "parquet").iterdir()
               if (folder / "_SUCCESS").exists()]
    return pyarrow.parquet.read_table(max(folders)).sort_by("path")


def matrix(column):
    column = column.combine_chunks()
    return np.asarray(column.flatten(), np.float32).reshape(len(column), -1)


def verger_map(build, output):
    """Places, and how long the command took with all that is on its page."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "out"
        for table in ("pca", "neighbours"):
            shutil.copytree(output / table / "parquet", copy / table / "parquet")
        start = time.perf_counter()
        subprocess.run([build.resolve() / "verger", "report", copy, "-o", copy / "page.html",
                        "--layout", "umap", "--thumbnails", "none", "--explore", "--quiet"], check=True)
        seconds = time.perf_counter() - start
        (table,) = (copy / "explore").iterdir()
        table = pyarrow.parquet.read_table(table).sort_by("path")
    return np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()]), seconds


def umap_map(features, neighbours, seed):
    import umap

    start = time.perf_counter()
    # Its neighbours are with the row itself.
    places = umap.UMAP(n_neighbors=neighbours + 1, metric="cosine", random_state=seed,
                       n_jobs=1).fit_transform(features)
    return places, time.perf_counter() - start


def main():
    options = parse()
    import umap

    features = matrix(newest(options.output, "features")["features"])
    components = matrix(newest(options.output, "pca")["pca_features"])[:, :2]
    k = len(newest(options.output, "neighbours")["distances"][0])
    rows = np.linspace(0, len(features) - 1, min(options.rows, len(features))).astype(int)
    print(f"{date.today()}, {cpu_name()}: {len(features)} rows of {features.shape[1]}, {k} neighbours "
          f"each; umap-learn {umap.__version__}, scikit-learn {sklearn.__version__}; trustworthiness "
          f"of {len(rows)} rows.\n")
    near = " | ".join(f"of {n} nearest" for n in options.neighbours)
    print(f"| map | {near} | s |\n|---|{'---:|' * (len(options.neighbours) + 1)}")

    def tell(name, places, seconds):
        shares = [trustworthiness(features[rows], places[rows], n_neighbors=n, metric="cosine")
                  for n in options.neighbours]
        print(f"| {name} | {' | '.join(f'{share:.4f}' for share in shares)} | {seconds} |", flush=True)

    tell("two components", components, "")
    places, seconds = verger_map(options.build, options.output)
    tell("verger", places, f"{seconds:.1f}, with the page")
    for seed in options.seeds:
        places, seconds = umap_map(features, k, seed)
        tell(f"umap-learn, seed {seed}", places, f"{seconds:.1f}")


if __name__ == "__main__":
    main()
