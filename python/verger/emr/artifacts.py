"""What a job needs in the bucket besides images: archive, job, weights, by content address.

artifacts/SHA256/NAME never changes, so what is there is never sent again, and a run names
exactly what it ran with.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from botocore.exceptions import ClientError

from verger.emr.aws import Aws, is_absent, told
from verger.emr.outcomes import CheckFailed, WrongUsage
from verger.emr.settings import Settings

ARCHIVE = Path("dist/verger-emr.tar.gz")
ENTRY = "process_fruits_data.py"
FOLDER = "artifacts"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Artifact:
    """A file here, and its place in the bucket."""

    kind: str  # archive, job or model
    name: str
    sha256: str
    size: int
    path: Path
    content: bytes = b""  # of one that is no file of its own

    @property
    def key(self) -> str:
        return f"{FOLDER}/{self.sha256}/{self.name}"

    def address(self, bucket: str) -> str:
        return f"s3://{bucket}/{self.key}"

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content) if self.content else self.path.open("rb")


def of_file(kind: str, path: Path) -> Artifact:
    """Raises CheckFailed where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return Artifact(kind, path.name, digest.hexdigest(), path.stat().st_size, path)
    except OSError as error:
        raise CheckFailed(f"{path} cannot be read: {error}") from error


def _entry_of(archive: Path) -> Artifact:
    """The job's file, out of the archive, so that both are of one version."""
    try:
        with tarfile.open(archive) as tar:
            member = next((entry for entry in tar if entry.name == ENTRY), None)
            file = tar.extractfile(member) if member else None
            content = file.read() if file else b""
    except (OSError, tarfile.TarError) as error:
        raise CheckFailed(f"{archive} is no archive: {error}", "make emr-archive") from error
    if not content:
        raise CheckFailed(f"{archive} has no {ENTRY}", "make emr-archive")
    return Artifact("job", ENTRY, hashlib.sha256(content).hexdigest(), len(content), archive,
                    content)


@dataclass(frozen=True)
class Artifacts:
    """The three of a run. `model_words` is what --model of the job gets."""

    bucket: str
    archive: Artifact
    job: Artifact
    model: Artifact | None
    seeded: str = ""

    @property
    def all(self) -> list[Artifact]:
        return [self.archive, self.job] + ([self.model] if self.model else [])

    @property
    def model_words(self) -> str:
        return self.model.address(self.bucket) if self.model else self.seeded


def local_artifacts(settings: Settings) -> Artifacts:
    """Reads them here. Raises CheckFailed or WrongUsage that say how to get what is missing."""
    from verger.model import find_model

    archive = Path(settings.archive) if settings.archive else ARCHIVE
    if not archive.is_file():
        raise CheckFailed(f"there is no archive at {archive}", "make emr-archive   (or archive = "
                          '"FILE" in verger-emr.toml)')
    try:
        model = find_model(settings.model)
    except FileNotFoundError as error:
        raise WrongUsage(str(error), "verger model fetch") from error
    seeded = model if model.startswith("seeded:") else ""
    return Artifacts(settings.need("bucket"), of_file("archive", archive), _entry_of(archive),
                     None if seeded else of_file("model", Path(model)), seeded)


def is_uploaded(aws: Aws, bucket: str, artifact: Artifact) -> bool:
    """Whether the bucket has it, as long and with the digest that it was sent with."""
    with told(aws, f"look for {artifact.name} in {bucket}"):
        try:
            head = aws.s3.head_object(Bucket=bucket, Key=artifact.key)
        except ClientError as error:
            if is_absent(error):
                return False
            raise
    return bool(head["ContentLength"] == artifact.size
                and head.get("Metadata", {}).get("sha256") == artifact.sha256)


def upload(aws: Aws, bucket: str, artifact: Artifact) -> bool:
    """Sends it unless it is there; S3 checks the digest. Whether it was sent."""
    if is_uploaded(aws, bucket, artifact):
        return False
    with told(aws, f"upload {artifact.name}"), artifact.open() as file:
        aws.s3.put_object(Bucket=bucket, Key=artifact.key, Body=file,
                          ChecksumSHA256=base64.b64encode(bytes.fromhex(artifact.sha256)).decode(),
                          Metadata={"sha256": artifact.sha256})
    return True
