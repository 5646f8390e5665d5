"""The photographs: those whose features are checked, and those that are timed."""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
CHECKED_IMAGES = 8
DRAWN_CLASSES = 16


def fruits(scratch, count):
    """A folder with Training/<class>/*.jpg: Fruits-360 where it is, else drawn ones."""
    for folder in (ROOT / ".deps" / "fruits-360", SHARED / "fruits-360"):
        if (folder / "Training").is_dir():
            return folder.resolve()
    folder = scratch / "fruits"
    archive = SHARED / "fruits-360" / "fruits-360-sample.tar"
    if archive.exists():
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    else:
        subprocess.run([sys.executable, ROOT / "tools/generate-fruits", "--classes",
                        str(DRAWN_CLASSES), "--per-class", str(-(-count // DRAWN_CLASSES)), folder],
                       check=True, stdout=subprocess.DEVNULL)
    return folder


def spread(folder, count):
    """Of the JPEG files below a folder, `count` from all over it."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        sys.exit(f"compare: no JPEG files in {folder}")
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def published(folder):
    """(files, features) of some images of the reference system; None where they are not here."""
    table = SHARED / "reference" / "mini" / "features.snappy.parquet"
    if not table.exists():
        return None
    rows = pyarrow.parquet.read_table(table).slice(0, CHECKED_IMAGES).to_pylist()
    files = [folder / "Training" / row["path"].split("/Training/")[1] for row in rows]
    if not all(file.exists() for file in files):
        return None
    return files, np.array([row["features"] for row in rows], np.float32)


def verger_features(verger, weights, folder, files, kernels="best"):
    with tempfile.TemporaryDirectory() as output:
        listed = Path(output) / "list"
        listed.write_text("".join(f"{file.relative_to(folder)}\n" for file in files))
        subprocess.run([verger, "run", folder, Path(output) / "out", "-k", "2", "--files-from",
                        listed, "--model", weights, "--format", "parquet", "--quiet",
                        *(["--kernels", kernels] if kernels != "best" else [])], check=True)
        [table] = (Path(output) / "out/features/parquet").glob("features_*/part-*.parquet")
        rows = pyarrow.parquet.ParquetFile(table).read().to_pylist()
    by_path = {row["path"]: row["features"] for row in rows}
    return np.array([by_path[str(file)] for file in files], np.float32)


def find_weights(named):
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    file = "mobilenet_v2_1.0_224.safetensors"
    places = [cache / "verger" / file, SHARED / "models" / file]
    for path in [Path(named)] if named else places:
        if path.exists():
            return path.resolve()
    sys.exit("compare: no weights: run 'verger model fetch', or name a file with --model")
