"""Moments of rows: one a partition, merged in a tree, all in C."""

from __future__ import annotations

from typing import Iterable, Iterator, Optional

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from verger._merged import Merged
from verger.pca import Moments
from verger.spark.arrow import map_in_arrow
from verger.spark.telling import rows_of_tasks

# Moments that one task of the tree merges: 6.6 MB each at 1280 features.
FAN_IN = 16

SCHEMA = "part long, moments binary"
PARTIAL = pa.schema([("part", pa.int64()), ("moments", pa.binary())])


def partial(part: int, moments: Merged) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([part], pa.int64()), pa.array([bytes(moments)])],
                                      schema=PARTIAL)


def moments_of_partition(dims: int):
    """For mapInArrow over batches of the column features."""

    def add(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Moments(dims) as moments:
            for batch in batches:
                moments.add(batch)
            yield partial(TaskContext.get().partitionId(), moments)

    return add


def merge_groups(kind: type[Merged]):
    """For mapInArrow: rows in order of `part` to one row for each FAN_IN parts. The order of the
    sums is that of the parts, so that a task that runs again gives the same bits."""

    def merge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        group, merged = None, None
        for batch in batches:
            for part, data in zip(batch["part"].to_pylist(), batch["moments"]):
                moments = kind.from_bytes(data.as_buffer().to_pybytes())
                if merged is not None and merged.dims != moments.dims:
                    raise ValueError("the column features has rows of several lengths, "
                                     f"{merged.dims} and {moments.dims}")
                if group == part // FAN_IN:
                    merged.merge(moments)
                    continue
                if merged is not None:
                    yield partial(group, merged)
                group, merged = part // FAN_IN, moments
        if merged is not None:
            yield partial(group, merged)

    return merge


def merge_tree(partials: DataFrame, count: int, kind: type[Merged]) -> Optional[Merged]:
    """Rows of moments of `count` partitions to one, which is all that the driver gets. None where
    no partition has any."""
    while count > 1:
        count = -(-count // FAN_IN)
        group = F.floor(F.col("part") / FAN_IN)
        partials = map_in_arrow(partials.repartition(count, group).sortWithinPartitions("part"),
                                merge_groups(kind), SCHEMA)
    with rows_of_tasks():
        rows = partials.collect()
    return kind.from_bytes(bytes(rows[0].moments)) if rows else None


def leaves(rows: DataFrame) -> tuple[DataFrame, int]:
    """Rows in no more partitions than a tree should have, and how many these are."""
    count = rows.rdd.getNumPartitions()
    most = FAN_IN * rows.sparkSession.sparkContext.defaultParallelism
    return (rows.coalesce(most), most) if count > most else (rows, count)


def moments_of(features: DataFrame, dims: int) -> Moments:
    """Those of the column features (array<float>) of all rows where it is not null."""
    features, count = leaves(features)
    partials = map_in_arrow(features.select("features"), moments_of_partition(dims), SCHEMA)
    return merge_tree(partials, count, Moments)
