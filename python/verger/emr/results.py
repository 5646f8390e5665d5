"""download: the tables of one run, complete and counted, as often as it takes."""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Optional

from botocore.exceptions import ClientError

from verger.emr.aws import Aws, code_of, told
from verger.emr.outcomes import CheckFailed
from verger.emr.settings import split_address

# Of every table that a run writes, TS for its timestamp; those without * must be there.
FOLDERS = ("features/parquet/features_TS*", "features/csv/features_TS*", "pca/parquet/pca_TS*",
           "pca/csv/pca_TS*", "metadata/metadata_TS", "errors/errors_TS*",
           "model_info/model_info_TS", "model_info/variance_TS", "model_info/pca_TS*", "model_info/pca_model_TS*")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Item:
    """A file of a table."""

    key: str
    name: str  # below the output
    size: int
    etag: str


@dataclass(frozen=True)
class Counts:
    """Rows of the tables that came down."""

    features: Optional[int]
    pca: Optional[int]
    metadata: int
    processed: int  # as model_info says
    failed: int


def folders(timestamp: str) -> list[tuple[str, bool]]:
    """(folder below the output, whether it must be there)."""
    return [(name.rstrip("*").replace("TS", timestamp), not name.endswith("*"))
            for name in FOLDERS]


def list_tables(aws: Aws, output: str, timestamp: str) -> list[Item]:
    """All files of a run's tables. Raises CheckFailed where a table is missing or unfinished."""
    bucket, prefix = split_address(output)
    above = f"{prefix}/" if prefix else ""
    items: list[Item] = []
    for folder, is_needed in folders(timestamp):
        with told(aws, f"list {output}/{folder}"):
            found = [Item(row["Key"], row["Key"][len(above):], row["Size"], row["ETag"])
                     for row in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket,
                                          Prefix=f"{above}{folder}/")]
        if not found and is_needed:
            raise CheckFailed(f"there is no {folder} below {output}: the job did not get so far",
                              "verger-emr logs RUN --errors")
        # MLlib's model is a folder of folders, each with a mark of its own.
        if found and not any(item.name.endswith("/_SUCCESS") for item in found):
            raise CheckFailed(f"{output}/{folder} has no _SUCCESS: the job did not finish it",
                              "verger-emr logs RUN --errors")
        items += found
    return items


def download(aws: Aws, output: str, items: list[Item], folder: Path,
             report: Callable[[int, int], None]) -> int:
    """Bytes that were fetched; a file that is there with its size is not fetched again, one that
    was broken off goes on where it was. _SUCCESS comes last in each table."""
    bucket, _ = split_address(output)
    total, done, fetched = sum(item.size for item in items), 0, 0
    for item in sorted(items, key=lambda item: (item.name.endswith("_SUCCESS"), item.name)):
        path = folder / item.name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CheckFailed(f"{item.key} would be written outside of {folder}")
        if not (path.is_file() and path.stat().st_size == item.size):
            fetched += _fetch(aws, bucket, item, path)
        done += item.size
        report(done, total)
    return fetched


def _fetch(aws: Aws, bucket: str, item: Item, path: Path) -> int:
    """Into a file beside it whose name has the ETag, so that no two versions are joined."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coming = path.with_name(f".{path.name}.{item.etag.strip(chr(34))}.coming")
    start = coming.stat().st_size if coming.is_file() else 0
    if start >= item.size:
        start = 0
    words = {"Range": f"bytes={start}-"} if start else {}
    with told(aws, f"fetch {item.name}"):
        try:
            body = aws.s3.get_object(Bucket=bucket, Key=item.key, IfMatch=item.etag,
                                     **words)["Body"]
        except ClientError as error:
            if code_of(error) in ("PreconditionFailed", "412"):
                raise CheckFailed(f"{item.name} changed while it was fetched",
                                  "the same command again") from error
            raise
        with coming.open("ab" if start else "wb") as file:
            for chunk in body.iter_chunks(CHUNK):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    if coming.stat().st_size != item.size:
        raise CheckFailed(f"{item.name} is {coming.stat().st_size} bytes of {item.size}",
                          "the same command again")
    os.replace(coming, path)
    return item.size - start


# --- Counting --------------------------------------------------------------------


def _parquet_rows(folder: Path) -> Optional[int]:
    from pyarrow import parquet
    if not folder.is_dir():
        return None
    return sum(int(parquet.read_metadata(path).num_rows) for path in folder.rglob("*.parquet"))


def _csv_records(folder: Path) -> Iterator[list[str]]:
    # A row of features is longer than the 128 kB that csv allows.
    csv.field_size_limit(min(sys.maxsize, 1 << 30))
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows, None)
            yield from rows


def _csv_rows(folder: Path) -> Optional[int]:
    return sum(1 for _ in _csv_records(folder)) if folder.is_dir() else None


def count(folder: Path, timestamp: str) -> Counts:
    """Of the tables on disk. Raises CheckFailed where they do not agree."""
    info: dict[str, int] = {}
    for path in sorted((folder / f"model_info/model_info_{timestamp}").iterdir()):
        if not path.name.startswith(("_", ".")) and path.stat().st_size:
            info = json.loads(path.read_text())
    tables = {f"{table} ({kind})": rows(folder / f"{table}/{kind}/{table}_{timestamp}")
              for table in ("features", "pca")
              for kind, rows in (("parquet", _parquet_rows), ("csv", _csv_rows))}
    processed = int(info.get("num_images_processed", -1))
    metadata = _csv_rows(folder / f"metadata/metadata_{timestamp}") or 0
    failed = _csv_rows(folder / f"errors/errors_{timestamp}") or 0
    # Metadata have the images that failed as well.
    for name, rows in {**tables, "metadata, errors left out,": metadata - failed}.items():
        if rows is not None and rows != processed:
            raise CheckFailed(f"{name} has {rows:,} rows and model_info says {processed:,} images",
                              "delete the folder and download again")
    return Counts(tables["features (parquet)"], tables["pca (parquet)"], metadata, processed,
                  failed)
