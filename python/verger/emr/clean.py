"""clean: what lies in the bucket and costs a little every month, counted before it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, Optional

from verger.emr import artifacts
from verger.emr.aws import Aws, told
from verger.emr.outcomes import Refused
from verger.emr.results import folders
from verger.emr.settings import Settings, split_address

BATCH = 1000  # keys that S3 deletes at a time


@dataclass
class Heap:
    """Objects of one kind."""

    name: str
    is_data: bool  # wants its name typed
    keys: list[str] = field(default_factory=list)
    bytes: int = 0
    bucket: str = ""

    def as_dict(self) -> dict[str, object]:
        return {"name": self.name, "bucket": self.bucket, "objects": len(self.keys),
                "bytes": self.bytes}


def _heap(aws: Aws, name: str, bucket: str, prefixes: list[str], is_data: bool) -> Heap:
    heap = Heap(name, is_data, bucket=bucket)
    with told(aws, f"list {name} in {bucket}"):
        for prefix in prefixes:
            for item in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket,
                                  Prefix=prefix):
                heap.keys.append(item["Key"])
                heap.bytes += item["Size"]
    return heap


def heaps(aws: Aws, settings: Settings, *, logs: bool, artifacts_too: bool,
          timestamp: Optional[str], outputs: bool) -> Iterator[Heap]:
    """What was asked for. Images are never among it."""
    bucket = settings.need("bucket")
    if logs:
        yield _heap(aws, "logs", bucket, ["logs/"], False)
    if artifacts_too:
        yield _heap(aws, "artifacts", bucket, [f"{artifacts.FOLDER}/"], False)
    place, prefix = split_address(settings.output_address)
    above = f"{prefix}/" if prefix else ""
    if timestamp:
        names = [f"{above}{folder}/" for folder, _ in folders(timestamp)]
        yield _heap(aws, f"tables of {timestamp}", place,
                    [*names, *(f"{above}_verger/{kind}_{timestamp}/" for kind in ("run", "spark"))], True)
    elif outputs:
        tops = ("features", "pca", "metadata", "errors", "model_info", "_verger")
        yield _heap(aws, "tables of all runs", place, [f"{above}{top}/" for top in tops], True)


def delete(aws: Aws, heap: Heap) -> None:
    """And looks whether they are gone. Raises Refused with the first that is not."""
    for start in range(0, len(heap.keys), BATCH):
        batch = [{"Key": key} for key in heap.keys[start:start + BATCH]]
        with told(aws, f"delete {heap.name}"):
            answer = aws.s3.delete_objects(Bucket=heap.bucket,
                                           Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            raise Refused(f"{error['Key']} stays: {error.get('Message', '')}",
                          code=error.get("Code", ""))


def left_over(aws: Aws, heap: Heap) -> int:
    """Of the heap, what a listing still shows."""
    wanted = set(heap.keys)
    prefixes = {key.partition("/")[0] + "/" for key in heap.keys}
    with told(aws, f"list {heap.bucket}"):
        return sum(1 for prefix in prefixes for item in aws.pages(
            "s3", "list_objects_v2", "Contents", Bucket=heap.bucket, Prefix=prefix)
            if item["Key"] in wanted)


def unfinished_uploads(aws: Aws, bucket: str) -> list[tuple[str, str]]:
    """(key, upload) of uploads in parts that nobody ended; no listing of objects shows them."""
    with told(aws, f"list the unfinished uploads in {bucket}"):
        return [(item["Key"], item["UploadId"]) for item in
                aws.pages("s3", "list_multipart_uploads", "Uploads", Bucket=bucket)]


def abort_uploads(aws: Aws, bucket: str, uploads: list[tuple[str, str]]) -> None:
    for key, upload in uploads:
        with told(aws, f"end the upload of {key}"):
            aws.s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
