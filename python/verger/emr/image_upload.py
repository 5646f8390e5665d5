"""upload --data: a folder of images into the bucket, as often as it takes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Iterator

from verger.emr.aws import Aws, told
from verger.emr.outcomes import WrongUsage
from verger.emr.settings import split_address

SUFFIXES = {".jpg", ".jpeg", ".png"}
THREADS = 16


@dataclass
class Progress:
    """Files and bytes: all, those there already, those sent."""

    files: int = 0
    bytes: int = 0
    known: int = 0
    sent: int = 0
    sent_bytes: int = 0
    left_out: int = 0


def local_images(folder: Path) -> Iterator[Path]:
    """In order. Hidden files and links that leave the folder are no images of it."""
    root = folder.resolve()
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(above) / name
            if not name.startswith(".") and path.resolve().is_relative_to(root):
                yield path


def upload_images(aws: Aws, folder: Path, address: str,
                  report: Callable[[Progress], None]) -> Progress:
    """Sends what the bucket does not have with the same size, or has from an earlier day. A
    second call goes on where the first was broken off."""
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is no folder")
    if not (folder / "Training").is_dir():
        raise WrongUsage(f"{folder} holds no Training/, which every mode looks for",
                         "name the folder above Training/")
    bucket, prefix = split_address(address)
    above = f"{prefix}/" if prefix else ""
    progress = Progress()
    with told(aws, f"list {address}"):
        there = {item["Key"]: (item["Size"], item["LastModified"])
                 for item in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket,
                                       Prefix=above)}
    waiting: list[tuple[Path, str, int]] = []
    for path in local_images(folder):
        if path.suffix.lower() not in SUFFIXES:
            progress.left_out += 1
            continue
        state = path.stat()
        key = above + path.relative_to(folder).as_posix()
        progress.files += 1
        progress.bytes += state.st_size
        known = there.get(key)
        changed = datetime.fromtimestamp(int(state.st_mtime), timezone.utc)
        if known and known[0] == state.st_size and known[1] >= changed:
            progress.known += 1
        else:
            waiting.append((path, key, state.st_size))
    if not progress.files:
        raise WrongUsage(f"{folder} holds no .jpg, .jpeg or .png")
    report(progress)
    _send(aws, bucket, waiting, progress, report)
    return progress


def _send(aws: Aws, bucket: str, waiting: list[tuple[Path, str, int]], progress: Progress,
          report: Callable[[Progress], None]) -> None:
    client = aws.s3

    def send(path: Path, key: str, size: int) -> int:
        with path.open("rb") as file:
            client.put_object(Bucket=bucket, Key=key, Body=file, ChecksumAlgorithm="SHA256")
        return size

    with told(aws, "upload images"), ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(send, *item) for item in waiting]
        try:
            for task in as_completed(tasks):
                progress.sent_bytes += task.result()
                progress.sent += 1
                report(progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
