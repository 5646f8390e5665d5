"""What a job tells while it runs and at its end, and the cause of a failure in one line."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator

from py4j.protocol import Py4JJavaError
from pyspark.errors import PythonException
from pyspark.sql import SparkSession


class JobError(Exception):
    """Why a job ended without its tables."""


@dataclass
class Summary:
    """What a job did."""

    images: int
    failed: int
    seconds: float
    extract_seconds: float
    cores: int
    timestamp: str
    components: int
    total_variance: float  # share that they explain
    kept: int = 0  # images whose features were there already


@dataclass
class Phase:
    start: float
    seconds: float = 0.0


def say(message: str) -> None:
    print(f"verger: {message}", file=sys.stderr, flush=True)


@contextmanager
def phase(spark: SparkSession, name: str) -> Iterator[Phase]:
    """Names the Spark jobs of a block, and says how long it took."""
    context = spark.sparkContext
    context.setJobDescription(f"verger: {name}")
    taken = Phase(time.monotonic())
    try:
        yield taken
    finally:
        context.setJobDescription(None)
    taken.seconds = time.monotonic() - taken.start
    say(f"{name}: {taken.seconds:.1f} s")


def told(text: str) -> list[str]:
    """What our own code said, in a text that Spark made of it."""
    return re.findall(r"^(?:.*: )?(?:JobError|RuntimeError|OSError|ValueError|verger\.\S+): (.+)$", text,
                      re.MULTILINE)


def cause_of(error: BaseException) -> str:
    """One line: Spark wraps what a task says into its own trace, and Java's into Python's."""
    text = str(error)
    java = getattr(error, "java_exception", None)
    while java is not None:
        text = str(java.toString())
        java = java.getCause()
    lines = [line.strip() for line in (told(text)[-1:] or text.splitlines()) if line.strip()]
    return lines[0] if lines else type(error).__name__


@contextmanager
def rows_of_tasks() -> Iterator[None]:
    """What a task says of its rows is a ValueError of one sentence, as it would be without Spark."""
    try:
        yield
    except (PythonException, Py4JJavaError) as error:
        if not told(str(error)):
            raise
        raise ValueError(cause_of(error)) from None
