"""Where EMR puts the logs of a run, and what to read in them first.

In cluster mode the step's own stderr says no more than that the application failed: the
driver is a container, and the reason is in its logs.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

from verger.emr.aws import Aws, told
from verger.emr.causes import Diagnosis, diagnose
from verger.emr.outcomes import CheckFailed
from verger.emr.runs import View, log_folder

# Of a key below the run's folder, most telling first; docs/emr.md has the layout.
ORDER = [re.compile(pattern) for pattern in (
    r"containers/application_\w+/container_\w+_0+1/stderr(\.gz)?$",
    r"SPARK_DRIVER/stderr(\.gz)?$",
    r"containers/application_\w+/container_\w+_0+1/stdout(\.gz)?$",
    r"SPARK_DRIVER/stdout(\.gz)?$",
    r"containers/application_\w+/container_\w+/(stderr|stdout)(\.gz)?$",
    r"SPARK_EXECUTOR/\w+/(stderr|stdout)(\.gz)?$",
    r"steps/s-\w+/stderr(\.gz)?$",
    r"steps/s-\w+/controller(\.gz)?$",
    r"node/i-\w+/bootstrap-actions/.*stderr(\.gz)?$",
    r"node/i-\w+/provision-node/.*(stderr|\.log)(\.gz)?$",
)]
DRIVER_RANKS = 4
MOST_READ = 40  # files that a diagnosis looks into
MOST_BYTES = 32 << 20  # of one file


@dataclass(frozen=True)
class Log:
    """One file."""

    key: str
    name: str  # below the run's folder
    size: int

    @property
    def rank(self) -> Optional[int]:
        """How early to read it; None is not worth it."""
        return next((number for number, pattern in enumerate(ORDER)
                     if pattern.search(self.name)), None)

    @property
    def is_drivers(self) -> bool:
        return self.rank is not None and self.rank < DRIVER_RANKS


def list_logs(aws: Aws, view: View) -> list[Log]:
    """Those of this run: on a cluster with several, of its step and its applications."""
    bucket, prefix = log_folder(view)
    with told(aws, f"list the logs below s3://{bucket}/{prefix}"):
        found = [Log(item["Key"], item["Key"][len(prefix) + 1:], item["Size"])
                 for item in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket,
                                       Prefix=prefix + "/")]
    if view.on == "ec2" and view.work:
        applications = view.applications or _applications_of(aws, bucket, view, found)
        found = [log for log in found if _belongs(log, view.work, applications)]
    return sorted(found, key=lambda log: (len(ORDER) if log.rank is None else log.rank, log.name))


def _applications_of(aws: Aws, bucket: str, view: View, logs: list[Log]) -> tuple[str, ...]:
    """YARN's ids, out of the step's stderr; where that says none and nothing else ran, all."""
    for log in logs:
        if re.match(rf"steps/{view.work}/stderr", log.name):
            found = re.findall(r"application_\d+_\d+", read(aws, bucket, log))
            if found:
                return tuple(dict.fromkeys(found))
    return () if view.is_kept else ("",)


def _belongs(log: Log, step: str, applications: tuple[str, ...]) -> bool:
    if log.name.startswith("steps/"):
        return log.name.startswith(f"steps/{step}/")
    if log.name.startswith("containers/"):
        return any(log.name.startswith(f"containers/{name}") for name in applications)
    return True


def unpack(content: bytes) -> str:
    """Of a .gz, one that is still being written too."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error):
            content = zlib.decompressobj(31).decompress(content)
    return content.decode("utf-8", "replace")


def read(aws: Aws, bucket: str, log: Log) -> str:
    with told(aws, f"read {log.name}"):
        answer = aws.s3.get_object(Bucket=bucket, Key=log.key)
        return unpack(answer["Body"].read(MOST_BYTES))


def why(aws: Aws, view: View) -> Optional[Diagnosis]:
    """The first real error. AWS's own reason counts where it is more than a shrug."""
    return diagnose(_sources(aws, view))


def _sources(aws: Aws, view: View) -> Iterator[tuple[str, str]]:
    # The reason of a failed step only names the place of its log.
    launch = view.reason and (view.detail != "FAILED" or view.on == "serverless")
    if launch:
        yield "AWS", f"{view.code} {view.reason}"
    if view.logs:
        bucket, _ = log_folder(view)
        for log in [log for log in list_logs(aws, view) if log.rank is not None][:MOST_READ]:
            yield log.name, read(aws, bucket, log)
    if view.reason and not launch:
        yield "AWS", f"{view.code} {view.reason}"


def save(aws: Aws, view: View, folder: Path) -> int:
    """All of them as text, in the same folders. How many."""
    bucket, _ = log_folder(view)
    logs = list_logs(aws, view)
    for log in logs:
        path = folder / log.name.removesuffix(".gz")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CheckFailed(f"{log.key} would be written outside of {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(read(aws, bucket, log))
    return len(logs)


class Follower:
    """What the driver has written since the last look, as far as EMR has copied it."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.seen: dict[str, int] = {}

    def news(self, view: View) -> Iterator[str]:
        """Lines; EMR copies logs of a living cluster every five minutes or so."""
        bucket, _ = log_folder(view)
        for log in list_logs(self.aws, view):
            if not log.is_drivers:
                continue
            text = read(self.aws, bucket, log)
            yield from text[self.seen.get(log.key, 0):].splitlines()
            self.seen[log.key] = len(text)
