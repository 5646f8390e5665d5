"""What a task does: parts of a run, extracted by the command."""

from __future__ import annotations

import subprocess
import sys
from typing import Iterable, Iterator, Mapping, NamedTuple, Optional

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from verger._command import environment, find_command
from verger.spark.arrow import map_in_arrow
from verger.spark.telling import JobError

SAYS = "verger: "
NO_COMMAND = ("an executor has no command verger: install the package with it on every machine, or let "
              "Hadoop list and read, with --hadoop")


class Share(NamedTuple):
    """Small, for it travels with every task."""

    words: tuple[str, ...]  # of the run, without its model
    model: str  # the name under SparkFiles, or "seeded:N"
    parts: tuple[int, ...]  # of all tasks; row i of the frame is the i-th
    variables: Mapping[str, str]

    def extract(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For mapInArrow, over the column id."""
        model = self.model
        if not model.startswith("seeded:"):
            model = SparkFiles.get(model)
        for batch in batches:
            numbers = [self.parts[i] for i in batch["id"].to_pylist()]
            extract_parts([*self.words, "--model", model], numbers, self.variables)
            yield pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64())], ["part"])


def extract_parts(words: list[str], numbers: list[int], variables: Mapping[str, str]) -> None:
    command = find_command()
    if command is None:
        raise RuntimeError(NO_COMMAND)
    listed = ",".join(map(str, numbers))
    done = subprocess.run([str(command), "run", *words, "--parts", listed, "--progress", "none"],
                          env={**environment(), **variables}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = done.stderr.decode("utf-8", "backslashreplace")
    print(told, end="", file=sys.stderr, flush=True)
    if done.returncode not in (0, 3):
        raise RuntimeError(last_message(told) or
                           f"the command ended with {done.returncode} at part {listed}")


def last_message(told: str) -> str:
    """Of the command's standard error, but for its warnings."""
    lines = [line[len(SAYS):] for line in told.splitlines() if line.startswith(SAYS)]
    return next((line for line in reversed(lines) if not line.startswith("warning: ")), "")


def version_of_command() -> Optional[str]:
    """None where there is none, or it does not start."""
    command = find_command()
    if command is None:
        return None
    try:
        done = subprocess.run([str(command), "--version"], env=environment(), capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.partition("\n")[0] if done.returncode == 0 else None


def versions_on_executors(spark: SparkSession) -> set[Optional[str]]:
    """Of the command, asked of every core, before there is any work."""

    def ask(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_arrays([pa.array([version_of_command()], pa.string())],
                                             ["version"])

    tasks = spark.sparkContext.defaultParallelism
    rows = map_in_arrow(spark.range(0, tasks, 1, tasks), ask, "version string")
    return {row.version for row in rows.collect()}


def check_commands(spark: SparkSession, without: str = NO_COMMAND) -> None:
    """Executors must have the driver's command: another may write other tables. `without` is said
    where one has none."""
    own = version_of_command()
    for version in versions_on_executors(spark):
        if version is None:
            raise JobError(without)
        if version != own:
            raise JobError(f"an executor's command is another than the driver's: {version}, not "
                           f"{own}: install the same on every machine")
