"""The one name of a run: of its cluster, step, job run, client token, tag, logs and tables."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

PREFIX = "verger-"
# Of clusters that are kept and take the steps of several runs.
KEPT_PREFIX = "verger-cluster-"
RUN_TAG = "verger:run"
# No vowels, so that no words come out, and no letters that look like digits.
LETTERS = "bcdfghjkmnpqrstvwxz23456789"
FORM = re.compile(r"(\d{8})-(\d{6})-([a-z0-9]{4})")


@dataclass(frozen=True, order=True)
class RunId:
    """YYYYMMDD-HHMMSS-xxxx in UTC, as in 20261128-134500-k7f3."""

    text: str

    def __post_init__(self) -> None:
        if not FORM.fullmatch(self.text):
            raise ValueError(f'"{self.text}" is no run: runs are named like '
                             "20261128-134500-k7f3; verger-emr list shows them")

    @property
    def timestamp(self) -> str:
        """In the names of the tables, and for --timestamp of the job."""
        return self.text[:15].replace("-", "_")

    def name(self, attempt: int = 1) -> str:
        """Of the cluster, the step and the job run; a launch that is tried again has another."""
        return PREFIX + self.text + (f"-try{attempt}" if attempt > 1 else "")

    def __str__(self) -> str:
        return self.text


def new_run(now: datetime, letters: Optional[random.Random] = None) -> RunId:
    """A name that nobody else has: the second and four random letters."""
    source = letters or random.SystemRandom()
    tail = "".join(source.choice(LETTERS) for _ in range(4))
    return RunId(now.astimezone(timezone.utc).strftime("%Y%m%d-%H%M%S-") + tail)


def run_of_name(name: str) -> Optional[RunId]:
    """The run that a cluster, a step or a job run is named after."""
    found = re.fullmatch(rf"{PREFIX}({FORM.pattern})(-try\d+)?", name or "")
    return RunId(found[1]) if found else None


def is_ours(name: str) -> bool:
    """Whether a cluster was launched by this tool."""
    return run_of_name(name) is not None or name.startswith(KEPT_PREFIX)
