"""Moments of a column of features: one a partition, merged in a tree, all in C."""

from __future__ import annotations

from typing import Iterable, Iterator

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from verger.pca import Moments
from verger.spark.arrow import map_in_arrow

# Moments that one task of the tree merges: 6.6 MB each at 1280 features.
FAN_IN = 16

SCHEMA = "part long, moments binary"
PARTIAL = pa.schema([("part", pa.int64()), ("moments", pa.binary())])


def partial(part: int, moments: Moments) -> pa.RecordBatch:
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


def merge_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows in order of `part` to one row for each FAN_IN parts. The order of the sums is that
    of the parts, so that a task that runs again gives the same bits."""
    group, merged = None, None
    for batch in batches:
        for part, data in zip(batch["part"].to_pylist(), batch["moments"]):
            moments = Moments.from_bytes(data.as_buffer().to_pybytes())
            if group == part // FAN_IN:
                merged.merge(moments)
                continue
            if merged is not None:
                yield partial(group, merged)
            group, merged = part // FAN_IN, moments
    if merged is not None:
        yield partial(group, merged)


def merge_tree(partials: DataFrame, count: int) -> Moments:
    """`count` rows of moments to one, which is all that the driver gets."""
    while count > 1:
        count = -(-count // FAN_IN)
        group = F.floor(F.col("part") / FAN_IN)
        partials = map_in_arrow(partials.repartition(count, group).sortWithinPartitions("part"),
                                merge_groups, SCHEMA)
    (row,) = partials.collect()
    return Moments.from_bytes(bytes(row.moments))


def moments_of(features: DataFrame, dims: int) -> Moments:
    """Those of the column features (array<float>) of all rows where it is not null."""
    count = features.rdd.getNumPartitions()
    most = FAN_IN * features.sparkSession.sparkContext.defaultParallelism
    if count > most:
        count, features = most, features.coalesce(most)
    partials = map_in_arrow(features.select("features"), moments_of_partition(dims), SCHEMA)
    return merge_tree(partials, count)
