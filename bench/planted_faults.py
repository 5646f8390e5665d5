#!/usr/bin/env python3
"""Plants faults among photographs, and says how well verger inspect finds them.

Labels are swapped at random and to the most similar label, in three draws each: the average
precision of label_rank, and beside it that of confident learning, which ranks images by how likely a
classifier that was not trained on them has their label, less how likely the best other one. Pictures of noise and waves are put among the images: the area under the
curve of outlier_score, and where outlier_rank has them. Copies, some compressed again, scaled or
shifted: how many share a group with their original, of duplicates or of a picture saved again. Dark,
light, blurred and flat ones: how many have that reason. Beside it is what cleanvision finds of the same
files, where tools/setup bench-inspect has installed it. Prints a table in Markdown; asserts nothing.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image, ImageEnhance, ImageFilter

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench" / "peers")]

from machine import cpu_name  # noqa: E402
from sample import find_weights, fruits  # noqa: E402

CLEANVISION = ROOT / ".deps" / "inspect" / "bin" / "python"
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
    hits = is_bad[np.argsort(ranks, kind="stable")]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1) * hits).sum() / hits.sum()


def write_labelled(other, output, table, labels):
    """The table of the output with other labels."""
    target = other / table / "parquet" / newest(output, table).name
    target.mkdir(parents=True)
    rows = read(output, table)
    at = rows.column_names.index("label")
    pyarrow.parquet.write_table(rows.set_column(at, "label", pyarrow.array(labels)),
                                target / "part-00000.parquet")
    (target / "_SUCCESS").touch()


def inspect_labels(build, output, labels):
    """label_rank of each image, with these labels in the table of components."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        write_labelled(other, output, "pca", labels)
        (other / "neighbours").symlink_to((output / "neighbours").resolve())
        call(build, "inspect", other, "--labels", "--follow-links", "--format", "parquet")
        return np.array(read(other, "inspection")["label_rank"])


def classifier_margins(build, output, labels, method):
    """Normalized margins of confident learning (Northcutt, Jiang and Chuang 2021) of each image, from
    predictions in folds; a label that is not among the five likeliest has probability 0."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        write_labelled(other, output, "features", labels)
        call(build, "classify", "evaluate", other, "--method", method, "--format", "parquet")
        found = {row["path"]: dict(zip(row["top_labels"], row["top_probabilities"]))
                 for row in read(other, "predictions").to_pylist()}
    margins = []
    for path, label in zip(read(output, "features")["path"].to_pylist(), labels):
        likely = found[path]
        own = likely.pop(label, 0.0)
        margins.append(own - max(likely.values(), default=0.0))
    return np.array(margins)


def measure_swaps(build, output, method):
    table = read(output, "features")
    features = np.stack(table["features"].to_numpy())
    names, codes = np.unique(table["label"].to_numpy(zero_copy_only=False), return_inverse=True)
    nearest = nearest_labels(features, codes)
    for kind, share in SWAPS:
        found, theirs = [], []
        for seed in range(3):
            random = np.random.default_rng(seed)
            is_bad = np.zeros(len(codes), bool)
            is_bad[random.choice(len(codes), int(share * len(codes)), replace=False)] = True
            others = (codes + random.integers(1, len(names), len(codes))) % len(names)
            wrong = nearest[codes] if kind == "nearest" else others
            labels = names[np.where(is_bad, wrong, codes)]
            found.append(average_precision(inspect_labels(build, output, labels), is_bad))
            margins = classifier_margins(build, output, labels, method)
            theirs.append(average_precision(margins, is_bad))
        for name, values in ("", found), (f", by confident learning ({method})", theirs):
            yield (f"labels swapped, {kind}, {share:.0%}{name}: average precision",
                   f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")


# --- Images ---------------------------------------------------------------------------------


def shifted(picture):
    pixels = np.asarray(picture)
    moved = np.full_like(pixels, 255)
    moved[1:, 1:] = pixels[:-1, :-1]
    return Image.fromarray(moved)


def scaled(picture, share):
    return picture.resize((round(picture.width * share), round(picture.height * share)))


def cropped(picture):
    return picture.crop((1, 1, picture.width - 1, picture.height - 1))


# Name, what is done, format, quality.
COPIES = [("same bytes", None, "JPEG", 0),
          *[(f"JPEG of quality {quality}", None, "JPEG", quality) for quality in (95, 85, 75, 60)],
          ("WebP of quality 80", None, "WEBP", 80), ("PNG", None, "PNG", None),
          *[(f"{share:.0%} of the size", lambda p, s=share: scaled(p, s), "JPEG", 95)
            for share in (2, 1.25, 0.8, 0.5)],
          ("shifted by a pixel", shifted, "JPEG", 95), ("a pixel cut off all round", cropped, "JPEG", 95)]

POOR = [("dark", "a fifth of the brightness", lambda p: ImageEnhance.Brightness(p).enhance(0.2)),
        ("light", "245 and more", lambda p: Image.eval(p, lambda level: 245 + level // 26)),
        ("blurred", "by 1.5 pixels", lambda p: p.filter(ImageFilter.GaussianBlur(1.5))),
        ("blurred", "by 3 pixels", lambda p: p.filter(ImageFilter.GaussianBlur(3))),
        ("flat", "a tenth of the contrast", lambda p: ImageEnhance.Contrast(p).enhance(0.1))]


def save(picture, kind, quality):
    data = io.BytesIO()
    picture.save(data, kind, **({} if quality is None else {"quality": quality}))
    return data.getvalue()


def plant(images, folder, count):
    """Each kind is made of other images, so that no original has two copies."""
    paths = sorted(images.rglob("*.jpg"))
    kinds = len(COPIES) + len(POOR)
    chosen = np.random.default_rng(1).permutation(len(paths))[:kinds * min(count, len(paths) // kinds)]
    for number, some in enumerate(np.array_split(chosen, kinds)):
        for i in some:
            data = paths[i].read_bytes()
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            if number < len(COPIES):
                _, change, kind, quality = COPIES[number]
                if quality != 0:
                    data = save(change(picture) if change else picture, kind, quality)
            else:
                data = save(POOR[number - len(COPIES)][2](picture), "PNG", None)
            target = folder / f"planted{number}" / paths[i].relative_to(images)
            target.parent.mkdir(parents=True, exist_ok=True)
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


def measure_foreign(rows):
    is_foreign = np.array(["/foreign/" in row["path"] for row in rows])
    is_own = np.array(["/images/" in row["path"] for row in rows])
    for name in ("outlier_score", "outlier_rank"):
        score = np.array([row[name] for row in rows]) * (-1 if name == "outlier_rank" else 1)
        used = is_own | is_foreign
        order = np.argsort(np.argsort(score[used], kind="stable"))
        n, m = is_foreign.sum(), is_own.sum()
        area = (order[is_foreign[used]].sum() - n * (n - 1) / 2) / (n * m)
        yield f"100 foreign images, by {name}: area under the curve", f"{area:.4f}"


def found_by_verger(rows):
    """Faults, and sets of images that are one picture."""
    faults = {reason: {row["path"] for row in rows if reason in row["reasons"]}
              for reason in ("dark", "light", "blurred", "flat")}
    sets = {}
    for row in rows:
        for kind in ("duplicate_group", "resaved_group"):
            if row[kind]:
                sets.setdefault((kind, row[kind]), set()).add(row["path"])
    return faults, list(sets.values())


def found_by_cleanvision(folder):
    done = subprocess.run([CLEANVISION, ROOT / "bench" / "cleanvision_peer.py", folder],
                          stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return ({reason: set(paths) for reason, paths in found["faults"].items()},
            [set(paths) for paths in found["sets"]])


def original_of(path):
    return re.sub("/planted[0-9]+/", "/images/", path)


def signatures(output):
    """What the run kept of each image, in grey levels; 512 bytes end a quality (packed_quality.h)."""
    for part in sorted(output.glob("_verger/run_*/part-*.parquet")):
        for row in pyarrow.parquet.read_table(part).to_pylist():
            if row["quality"]:
                yield row["path"].decode(), np.frombuffer(row["quality"][-512:], "<u2") / 256


def measure_levels(output):
    """How far copies are from their originals, and those from one another."""
    levels = dict(signatures(output))
    own = np.stack([level for path, level in levels.items() if path.startswith("images/")])
    squares = (own ** 2).sum(axis=1)
    nearest = []
    for first in range(0, len(own), 1000):
        some = own[first:first + 1000]
        apart = squares[first:first + 1000, None] + squares[None] - 2 * some @ own.T
        apart[np.arange(len(some)), first + np.arange(len(some))] = np.inf
        nearest.append(np.sqrt(np.maximum(apart.min(axis=1), 0)) / 16)
    low, middle = np.percentile(np.concatenate(nearest), [1, 50])
    yield "levels to the nearest other photograph: 1 %, median", f"{low:.2f}, {middle:.2f}"
    for number, (name, *_) in enumerate(COPIES):
        apart = [np.sqrt(((level - levels[original_of("/" + path)[1:]]) ** 2).mean())
                 for path, level in levels.items() if path.startswith(f"planted{number}/")]
        middle, high = np.percentile(apart, [50, 99])
        yield f"levels between copy and original, {name}: median, 99 %", f"{middle:.2f}, {high:.2f}"


def measure_cost(build, images, model, root):
    """CPU seconds of a run with --quality and of one without, by turns; the least of each."""
    least = {}
    for _ in range(6):
        for words in ([], ["--quality"]):
            before = os.times().children_user
            call(build, "run", images, root / "cost", "--model", model, "-k", 0, "--limit", 1000,
                 "--threads", 1, "--timestamp", "20260101_000000", "--overwrite", *words)
            spent = os.times().children_user - before
            least[len(words)] = min(least.get(len(words), spent), spent)
    yield "CPU time of run --quality, beside one without", f"{least[1] / least[0]:.3f}"


def measure_planted(rows, faults, sets):
    """How many of each kind are found, and how many that were not planted."""
    paths = [row["path"] for row in rows]
    set_of = {}
    for i, members in enumerate(sets):
        for path in members:
            set_of.setdefault(path, set()).add(i)
    planted = {path for path in paths if original_of(path) != path}
    planted |= set(map(original_of, planted))  # a blurred picture is its original's, too
    for number, (name, *_) in enumerate(COPIES):
        copies = [path for path in paths if f"/planted{number}/" in path]
        found = [bool(set_of.get(path, set()) & set_of.get(original_of(path), set())) for path in copies]
        yield f"copies, {name}: with their original", f"{np.mean(found):.3f}"
    wrong = {path for path in set_of if path not in planted and "/foreign/" not in path}
    others = sum(path not in planted and "/foreign/" not in path for path in paths)
    yield "photographs that have no copy, in a set", f"{len(wrong)} of {others}"
    for i, (reason, what, _) in enumerate(POOR):
        poor = [path for path in paths if f"/planted{len(COPIES) + i}/" in path]
        yield f"{reason}, {what}", f"{np.mean([path in faults[reason] for path in poor]):.3f}"
    for reason in dict.fromkeys(reason for reason, *_ in POOR):
        own = [path for path in paths if "/images/" in path]
        yield f"originals that are called {reason}", str(len(faults[reason] & set(own)))


def measure_images(options, images, model, root):
    planted, lines = root / "planted", []
    shutil.copytree(images, planted / "images")
    plant(planted / "images", planted, options.copies)
    plant_foreign(planted / "images", planted / "foreign")
    call(options.build, "run", planted, root / "out", "--model", model, "--quality")
    call(options.build, "neighbours", root / "out")
    call(options.build, "inspect", root / "out")
    lines += [(*line, "") for line in measure_cost(options.build, images, model, root)]
    rows = read(root / "out", "inspection").to_pylist()
    lines += [(*line, "") for line in measure_foreign(rows)]
    lines += [(*line, "") for line in measure_levels(root / "out")]
    found = list(measure_planted(rows, *found_by_verger(rows)))
    peer = [""] * len(found)
    if CLEANVISION.exists():
        peer = [figure for _, figure in measure_planted(rows, *found_by_cleanvision(planted))]
    lines += [(*line, other) for line, other in zip(found, peer)]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="instead of Fruits-360")
    parser.add_argument("--output", type=Path, metavar="FOLDER",
                        help="an output of those images, with neighbours, that is there already")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE")
    parser.add_argument("--copies", type=int, default=250, metavar="N", help="of each kind")
    parser.add_argument("--method", choices=("lda", "logistic"), default="lda",
                        help="of the classifier that labels are held against (default: lda)")
    parser.add_argument("--only", choices=("labels",), help="measure the labels alone")
    options = parser.parse_args()
    has_images = options.only is None or options.output is None
    model = find_weights(options.model) if has_images else None
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = options.images or (fruits(root, 4000) if has_images else None)
        plain = options.output or root / "plain"
        if options.output is None:
            call(options.build, "run", images, plain, "--model", model)
            call(options.build, "neighbours", plain)
        lines += [(*line, "") for line in measure_swaps(options.build, plain, options.method)]
        if options.only is None:
            lines += measure_images(options, images, model, root)
    print(f"{date.today():%d %B %Y}, {cpu_name()}:\n\n| planted | verger | cleanvision |\n|---|---|---|")
    for line in lines:
        print("| " + " | ".join(line) + " |")


main()
