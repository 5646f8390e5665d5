"""The network on the executors: weights that go once to a node, a model a process."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple, Optional

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from verger import kernel_sets
from verger.extractor import Extractor
from verger.model import Model, find_or_fetch_model
from verger.spark.arrow import map_in_arrow


class Network(NamedTuple):
    """What a task needs to extract features: small, for it travels with every task."""

    model: str  # the name under SparkFiles, or "seeded:N"
    sha256: Optional[str]
    threads: int
    max_pixels: Optional[int] = None
    exif_orient: bool = False

    def extractor(self) -> Extractor:
        """That of this process: its tasks share it one after the other."""
        return open_extractor(self)

    def extract(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """path, label and content to path, label, features and error: for mapInArrow."""
        return self.extractor().extract_batches(batches)


@functools.lru_cache(maxsize=1)
def open_extractor(network: Network) -> Extractor:
    model = network.model
    if not model.startswith("seeded:"):
        weights = SparkFiles.get(model)
        check_weights(weights, network.sha256)
        model = mapped_model(weights)
    return Extractor(model, threads=network.threads, max_pixels=network.max_pixels,
                     exif_orient=network.exif_orient)


def file_sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_weights(weights: str, sha256: Optional[str]) -> None:
    """An executor must not compute with other weights than those that the driver names."""
    found = file_sha256(weights)
    if found != sha256:
        raise RuntimeError(f"the weights that came to this executor, {weights}, have the SHA-256 "
                           f"{found}, those of the driver {sha256}: start the application again")


def mapped_model(weights: str) -> Model:
    """The weights packed for this CPU and mapped: all processes of an executor share them."""
    kernels = os.environ.get("VERGER_CPU") or kernel_sets()[-1]
    packed = f"{weights}.{kernels}.packed"
    if not os.path.exists(packed):
        Model(weights).save_packed(packed)
    return Model(packed)


def share_weights(spark: SparkSession, model: Optional[str]) -> tuple[str, str]:
    """Offers the weights to the executors by SparkContext.addFile; each fetches them once. Their name
    there, and the file here. model: as of `find_or_fetch_model`, or an address such as s3://."""
    found = model if model and "://" in model else find_or_fetch_model(model)
    if found.startswith("seeded:"):
        return found, found
    spark.sparkContext.addFile(found)
    name = found.rpartition("/")[2]
    return name, found if "://" not in found else SparkFiles.get(name)


def share_network(spark: SparkSession, model: Optional[str] = None, **options) -> Network:
    """model: as of `share_weights`. options: those of Network."""
    threads = int(spark.conf.get("spark.task.cpus", "1"))
    name, file = share_weights(spark, model)
    sha256 = None if name.startswith("seeded:") else file_sha256(file)
    return Network(name, sha256, threads, **options)


def check_executors(spark: SparkSession, network: Network) -> str:
    """Opens the model once on every core, so that a cluster that cannot is known before any
    work. The kernel sets in use, with a comma between."""

    def kernels(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            name = network.extractor().model.kernels
            yield pa.RecordBatch.from_arrays([pa.array([name])], ["kernels"])

    tasks = spark.sparkContext.defaultParallelism
    rows = map_in_arrow(spark.range(0, tasks, 1, tasks), kernels, "kernels string")
    return ",".join(sorted({row.kernels for row in rows.collect()}))
