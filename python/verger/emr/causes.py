"""The first real error of a job, and what it usually means: the table in causes.toml."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass
from importlib import resources
from typing import Iterable, Optional

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAID = re.compile(r"^.*verger: error: .+$", re.M)
TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):\n(?:^[ \t].*\n|^\n)*^(?P<last>\S.*)$", re.M)
CAUSED_BY = re.compile(r"^\s*Caused by: .+$", re.M)
LOUD = re.compile(r"^.*(?:\bERROR\b|\bFATAL\b|Exception\b|\bError: ).*$", re.M)
# What Spark and YARN say beside each end, and which tells nothing.
NOISE = re.compile(r"SparkContext did not initialize|ShutdownHook|RECEIVED SIGNAL|"
                   r"finished with failed status|Failed to connect to driver")


@dataclass(frozen=True)
class Cause:
    """A line of the table."""

    name: str
    pattern: re.Pattern[str]
    means: str
    do: str


@dataclass(frozen=True)
class Diagnosis:
    """An error, where it stands, and its cause if it is known."""

    source: str
    error: str
    cause: Optional[Cause]


@functools.lru_cache(maxsize=None)
def table() -> tuple[Cause, ...]:
    """causes.toml, in its order."""
    text = resources.files(__package__).joinpath("causes.toml").read_text()
    return tuple(Cause(row["name"], re.compile(row["pattern"]), row["means"], row["do"])
                 for row in tomllib.loads(text)["cause"])


def first_error(text: str) -> Optional[str]:
    """The line that tells most: what verger says itself, the end of the last traceback, the
    innermost cause of an exception in Java, or else the first line that is loud."""
    said = SAID.findall(text)
    if said:
        return str(said[-1]).strip()
    tracebacks = list(TRACEBACK.finditer(text))
    caused = CAUSED_BY.findall(text)
    # Of an exception in Java, Python knows no more than that there was one.
    if tracebacks and not (caused and tracebacks[-1]["last"].startswith("py4j.")):
        return str(tracebacks[-1]["last"]).strip()
    if caused:
        return str(caused[-1]).strip()
    return next((match[0].strip() for match in LOUD.finditer(text)
                 if not NOISE.search(match[0])), None)


def cause_of(text: str) -> Optional[Cause]:
    """The first of the table whose pattern is found."""
    return next((cause for cause in table() if cause.pattern.search(text)), None)


def diagnose(sources: Iterable[tuple[str, str]]) -> Optional[Diagnosis]:
    """Of (source, text) in the order in which they are to be believed. A known cause in a later
    source beats an unknown error in an earlier one."""
    unknown = None
    for source, text in sources:
        error = first_error(text)
        cause = (cause_of(error) if error else None) or cause_of(text)
        if cause is not None:
            found = cause.pattern.search(text)
            line = error if error and cause.pattern.search(error) else _line_of(text, found)
            return Diagnosis(source, line, cause)
        if error and unknown is None:
            unknown = Diagnosis(source, error, None)
    return unknown


def _line_of(text: str, found: Optional[re.Match[str]]) -> str:
    if found is None:
        return ""
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start:end if end >= 0 else len(text)].strip()
