"""The table of neighbours, by Spark: tasks do shares of the work, each by a process of the command,
which reads the whole table where it lies; one on the driver puts the shares together. So rows, order
and bytes are those of `verger neighbours`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

import pyarrow as pa
from pyspark.sql import SparkSession

from verger._command import environment, find_command
from verger.spark.addresses import S3_SCHEMES, for_command, is_for_command, s3_environment, scheme_of
from verger.spark.arrow import map_in_arrow
from verger.spark.shares import check_commands, last_message
from verger.spark.telling import JobError, phase

WITHOUT = "a machine has no command verger: install the package with it on every one"


class NeighboursTable(NamedTuple):
    rows: int
    timestamp: str
    address: str  # of the table, in Parquet where it is written
    seconds: float


def neighbours(spark: SparkSession, output: str, k: int = 10, *, metric: str = "cosine",
               space: str = "features", formats: Sequence[str] = ("parquet", "csv"),
               shares: Optional[int] = None, timestamp: Optional[str] = None,
               overwrite: bool = False, words: Sequence[str] = ()) -> NeighboursTable:
    """Writes the table of `verger neighbours` into an output, byte for byte.

    `output` is an address that every machine reaches. The work is cut into so many `shares`, a task
    each; one for each core by default. A share holds what the command holds: the rows in a mapped
    file in $TMPDIR, some 700 bytes of memory a row beside it, and `k` times 4 bytes a row that it
    leaves in the output until all are put together. A call that failed can be repeated with its
    `timestamp`, and does again what is missing. `words` are further ones of the command. JobError
    with a message for people where it fails.
    """
    if not is_for_command(output):
        raise JobError(f"{output} is for Hadoop alone: the command has to reach it")
    start = time.monotonic()
    cores = spark.sparkContext.defaultParallelism
    count = cores if shares is None else shares
    stamp = timestamp or time.strftime("%Y%m%d_%H%M%S", time.gmtime())
    variables = s3_environment(spark) if scheme_of(output) in S3_SCHEMES else {}
    asked = ("neighbours", for_command(output), "-k", str(k), "--metric", metric, "--space", space,
             "--format", ",".join(formats), "--timestamp", stamp, "--progress", "json",
             *(["--overwrite"] if overwrite else []), *words)
    with phase(spark, "check the executors"):
        check_commands(spark, WITHOUT)
    with phase(spark, "match"):
        share = NeighbourShare((*asked, "--threads", spark.conf.get("spark.task.cpus", "1")), count,
                               variables)
        map_in_arrow(spark.range(0, count, 1, count), share.find, "share long").collect()
    with phase(spark, "put together"):
        end = call([*asked, "--gather", str(count)], variables, JobError)
    return NeighboursTable(end["rows"], end["timestamp"], end["neighbours"], time.monotonic() - start)


class NeighbourShare(NamedTuple):
    """Small, for it travels with every task."""

    words: tuple[str, ...]
    count: int
    variables: Mapping[str, str]

    def find(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For mapInArrow, over the column id."""
        for batch in batches:
            for number in batch["id"].to_pylist():
                call([*self.words, "--share", f"{number + 1}/{self.count}"], self.variables, RuntimeError)
            yield pa.RecordBatch.from_arrays([batch["id"].cast(pa.int64())], ["share"])


def call(words: Sequence[str], variables: Mapping[str, str], failure: type[Exception]) -> dict[str, Any]:
    """The figures of the command's event "end"."""
    command = find_command()
    if command is None:
        raise failure(WITHOUT)
    done = subprocess.run([str(command), *words], env={**environment(), **variables},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = done.stderr.decode("utf-8", "backslashreplace")
    end: dict[str, Any] = {}
    for line in told.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            print(line, file=sys.stderr, flush=True)
            continue
        if event.get("event") == "log":
            print(event["message"], file=sys.stderr, flush=True)
        if event.get("event") == "end":
            end = event
    if done.returncode != 0:
        raise failure(end.get("error") or last_message(told) or
                      f"the command ended with {done.returncode}")
    return end
