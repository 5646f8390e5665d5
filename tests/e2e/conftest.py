"""The real command on small folders of real images."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from pictures import encoded, fill, photograph  # noqa: F401
from store.fixtures import aws_like, fault_proxy, gateway  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
SHARED = ROOT.parent / "shared"
TS = "20250131_235959"
SEEDED = ["--model", "seeded:7", "--progress", "none"]


def patience():
    """How many times longer than a plain build this one may take."""
    cache = BUILD / "CMakeCache.txt"
    sanitized = cache.exists() and "VERGER_SANITIZE:STRING=\n" not in cache.read_text()
    return 10 if sanitized else 1


@pytest.fixture(scope="session")
def fruits(tmp_path_factory):
    """24 images of 3 classes; tests must not write there."""
    return fill(tmp_path_factory.mktemp("fruits"))


@pytest.fixture
def own_fruits(fruits, tmp_path):
    """A copy to damage."""
    return pathlib.Path(shutil.copytree(fruits, tmp_path / "fruits"))


def verger(*arguments, **options):
    """Runs the command to its end."""
    command = [str(BUILD / "verger"), *map(str, arguments)]
    options.setdefault("timeout", 120)
    return subprocess.run(command, capture_output=True, text=True, **options)


def run(source, output, *arguments, code=0, **options):
    """verger run with seeded weights and a fixed timestamp."""
    done = verger("run", source, output, "-k", 5, *SEEDED, "--timestamp", TS, *arguments, **options)
    assert done.returncode == code, done.stderr
    return done


def table_folder(output, table, kind=None, ts=TS):
    stem = {"variance": "model_info", "images": "metadata", "counts": "metadata"}.get(table, table)
    folder = pathlib.Path(output) / stem
    return (folder / kind if kind else folder) / f"{table}_{ts}"


def parts(folder):
    return sorted(p for p in pathlib.Path(folder).iterdir() if p.name[0] not in "._")


def read_parquet(output, table, ts=TS):
    tables = [pyarrow.parquet.read_table(p) for p in parts(table_folder(output, table, "parquet", ts))]
    return pyarrow.concat_tables(tables)


def read_csv(output, table, kind=None, ts=TS):
    frames = [
        pandas.read_csv(p, keep_default_na=False) for p in parts(table_folder(output, table, kind, ts))
    ]
    return pandas.concat(frames, ignore_index=True)


def numbers(column, dtype=numpy.float64):
    """A column of joined numbers as a matrix."""
    return numpy.array([text.split(",") for text in column]).astype(dtype)


def features(output, ts=TS):
    return numpy.stack(read_parquet(output, "features", ts).column("features").to_numpy())


def model_info(output, ts=TS):
    (part,) = parts(table_folder(output, "model_info", ts=ts))
    return json.loads(part.read_text())


def files_below(folder):
    folder = pathlib.Path(folder)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def successes(output):
    return [f for f in files_below(output) if f.endswith("_SUCCESS")]


def leftovers(output):
    """Files that a run must never leave behind."""
    return [f for f in files_below(output) if pathlib.Path(f).name.startswith(".")]


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The images of the reference runs."""
    archive = SHARED / "fruits-360" / "fruits-360-sample.tar"
    if not archive.exists():
        pytest.skip(f"no {archive}: the reference images are not here")
    folder = tmp_path_factory.mktemp("sample")
    with tarfile.open(archive) as tar:
        wanted = [m for m in tar if m.name.startswith("Training/Apple")]
        tar.extractall(folder, wanted, filter="data")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small file system can be mounted here: it needs the superuser")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
