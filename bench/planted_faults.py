#!/usr/bin/env python3
"""Plants faults among photographs, and says how well verger inspect finds them.

Labels are swapped at random and to the most similar label, in three draws each: the average
precision of label_rank. Pictures of noise and waves are put among the images: the area under the
curve of outlier_score, and where outlier_rank has them. Copies of 500 images, some compressed again,
made smaller or shifted: how many share a group with their original. Prints a table in Markdown;
asserts nothing.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench" / "peers")]

from machine import cpu_name  # noqa: E402
from sample import find_weights, fruits  # noqa: E402

SWAPS = [("random", 0.01), ("random", 0.05), ("random", 0.2), ("nearest", 0.05), ("nearest", 0.2)]


def call(build, *words):
    done = subprocess.run([str(build / "verger"), *map(str, words), "--progress", "none", "--quiet"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)


def newest(output, table):
    return max((output / table / "parquet").iterdir())


def read(output, table):
    return pyarrow.parquet.read_table(newest(output, table))


# --- Labels ---------------------------------------------------------------------------------


def nearest_labels(features, codes):
    means = np.stack([features[codes == code].mean(axis=0) for code in range(codes.max() + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alike = means @ means.T
    np.fill_diagonal(alike, -2)
    return alike.argmax(axis=1)


def average_precision(ranks, is_bad):
    hits = is_bad[np.argsort(ranks)]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1) * hits).sum() / hits.sum()


def inspect_labels(build, output, labels):
    """label_rank of each image, with these labels in the table of components."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        target = other / "pca" / "parquet" / newest(output, "pca").name
        target.mkdir(parents=True)
        components = read(output, "pca")
        at = components.column_names.index("label")
        pyarrow.parquet.write_table(components.set_column(at, "label", pyarrow.array(labels)),
                                    target / "part-00000.parquet")
        (target / "_SUCCESS").touch()
        (other / "neighbours").symlink_to((output / "neighbours").resolve())
        call(build, "inspect", other, "--labels", "--follow-links", "--format", "parquet")
        return np.array(read(other, "inspection")["label_rank"])


def measure_swaps(build, output):
    table = read(output, "features")
    features = np.stack(table["features"].to_numpy())
    names, codes = np.unique(table["label"].to_numpy(zero_copy_only=False), return_inverse=True)
    nearest = nearest_labels(features, codes)
    for kind, share in SWAPS:
        found = []
        for seed in range(3):
            random = np.random.default_rng(seed)
            is_bad = np.zeros(len(codes), bool)
            is_bad[random.choice(len(codes), int(share * len(codes)), replace=False)] = True
            others = (codes + random.integers(1, len(names), len(codes))) % len(names)
            wrong = nearest[codes] if kind == "nearest" else others
            found.append(average_precision(
                inspect_labels(build, output, names[np.where(is_bad, wrong, codes)]), is_bad))
        yield (f"labels swapped, {kind}, {share:.0%}: average precision",
               f"{np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})")


# --- Images ---------------------------------------------------------------------------------


def shifted(picture):
    pixels = np.asarray(picture)
    moved = np.full_like(pixels, 255)
    moved[2:, 2:] = pixels[:-2, :-2]
    return Image.fromarray(moved)


COPIES = {"same bytes": None,
          "JPEG of quality 85": lambda picture: (picture, 85),
          "80 % of the size": lambda p: (p.resize((p.width * 4 // 5, p.height * 4 // 5)), 95),
          "shifted by 2 pixels": lambda picture: (shifted(picture), 95)}


def plant_copies(images, folder, count):
    paths = sorted(images.rglob("*.jpg"))
    chosen = np.random.default_rng(1).choice(len(paths), min(count, len(paths)), replace=False)
    for i in chosen:
        for number, change in enumerate(COPIES.values()):
            target = folder / f"copy{number}" / paths[i].relative_to(images)
            target.parent.mkdir(parents=True, exist_ok=True)
            data = paths[i].read_bytes()
            if change is not None:
                picture, quality = change(Image.open(io.BytesIO(data)).convert("RGB"))
                written = io.BytesIO()
                picture.save(written, "JPEG", quality=quality)
                data = written.getvalue()
            target.write_bytes(data)


def plant_foreign(images, folder):
    """Under labels that are there: that is how strange images come into a set."""
    random = np.random.default_rng(0)
    labels = sorted({path.parent.name for path in images.rglob("*.jpg")})
    y, x = np.mgrid[0:100, 0:100]
    for i in range(50):
        noise = random.integers(0, 256, (100, 100, 3), dtype=np.uint8)
        waves = random.uniform(0.05, 1, 6)
        wave = np.stack([127 + 127 * np.sin(waves[2 * c] * x + waves[2 * c + 1] * y)
                         for c in range(3)], axis=-1).astype(np.uint8)
        for name, pixels in ("noise", noise), ("wave", wave):
            target = folder / str(random.choice(labels)) / f"{name}{i}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(target)


def measure_images(output):
    rows = read(output, "inspection").to_pylist()
    is_foreign = np.array(["/foreign/" in row["path"] for row in rows])
    is_own = np.array(["/images/" in row["path"] for row in rows])
    for name in ("outlier_score", "outlier_rank"):
        score = np.array([row[name] for row in rows]) * (-1 if name == "outlier_rank" else 1)
        used = is_own | is_foreign
        order = np.argsort(np.argsort(score[used], kind="stable"))
        n, m = is_foreign.sum(), is_own.sum()
        area = (order[is_foreign[used]].sum() - n * (n - 1) / 2) / (n * m)
        yield f"100 foreign images, by {name}: area under the curve", f"{area:.4f}"
    groups = {row["path"]: row["duplicate_group"] for row in rows}
    for number, name in enumerate(COPIES):
        part = f"/copy{number}/"
        found = [groups[path] is not None and groups[path] == groups[path.replace(part, "/images/")]
                 for path in groups if part in path]
        yield f"copies, {name}: in the group of the original", f"{np.mean(found):.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="instead of Fruits-360")
    parser.add_argument("--output", type=Path, metavar="FOLDER",
                        help="an output of those images, with neighbours, that is there already")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE")
    parser.add_argument("--copies", type=int, default=500, metavar="N")
    options = parser.parse_args()
    model = find_weights(options.model)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images, planted = options.images or fruits(root, 4000), root / "planted"
        plain = options.output or root / "plain"
        if options.output is None:
            call(options.build, "run", images, plain, "--model", model)
            call(options.build, "neighbours", plain)
        lines += measure_swaps(options.build, plain)
        shutil.copytree(images, planted / "images")
        plant_copies(planted / "images", planted, options.copies)
        plant_foreign(planted / "images", planted / "foreign")
        call(options.build, "run", planted, root / "out", "--model", model)
        call(options.build, "neighbours", root / "out")
        call(options.build, "inspect", root / "out")
        lines += measure_images(root / "out")
    print(f"{date.today():%d %B %Y}, {cpu_name()}:\n\n| planted | found |\n|---|---|")
    for what, figure in lines:
        print(f"| {what} | {figure} |")


main()
