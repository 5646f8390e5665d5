"""What a user's account is like: flags over environment over verger-emr.toml over defaults.

`verger-emr setup` writes the file from the outputs of the stack. It holds names, never keys.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional

from verger.emr.outcomes import WrongUsage
from verger.regions import EU_REGIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "verger-emr.toml"
VARIABLE = "VERGER_EMR_"


@dataclass(frozen=True)
class Settings:
    """Each is a key of the file and, in capitals after VERGER_EMR_, a variable."""

    region: str = "eu-west-1"
    profile: Optional[str] = None
    bucket: Optional[str] = None  # of artifacts, logs and tables
    input: Optional[str] = None  # s3:// address of the images; their folder is Training/
    output: Optional[str] = None  # s3:// address of the tables
    on: str = "serverless"
    stack: str = "verger"
    release: str = "emr-7.11.0"
    application: Optional[str] = None  # id, of EMR Serverless
    arch: str = "arm64"  # of the application
    job_role: Optional[str] = None  # ARN, of jobs on Serverless
    service_role: Optional[str] = None  # of EMR on EC2
    instance_profile: Optional[str] = None
    security_configuration: Optional[str] = None
    subnets: tuple[str, ...] = ()
    type: str = "m7g.xlarge"
    nodes: int = 4
    allow_regions: tuple[str, ...] = ()  # beside those of the EU
    archive: Optional[str] = None  # the local file; default dist/verger-emr.tar.gz
    model: Optional[str] = None  # the local weights
    file: Optional[Path] = dataclasses.field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.on not in ("serverless", "ec2"):
            raise WrongUsage(f'on = "{self.on}": it must be serverless or ec2')
        if self.arch not in ("arm64", "x86_64"):
            raise WrongUsage(f'arch = "{self.arch}": it must be arm64 or x86_64')
        if self.nodes < 1:
            raise WrongUsage(f"nodes = {self.nodes}: it must be at least 1")

    @property
    def input_address(self) -> str:
        return normal_address(self.input or f"s3://{self.need('bucket')}/raw")

    @property
    def output_address(self) -> str:
        return normal_address(self.output or f"s3://{self.need('bucket')}/output")

    def need(self, name: str) -> str:
        """A setting without which the command cannot go on."""
        value = getattr(self, name)
        if not value:
            where = self.file or FILE
            raise WrongUsage(f"{name} is not set: {where} does not have it, nor "
                             f"{VARIABLE}{name.upper()}", "verger-emr setup")
        return str(value)

    def check_region(self) -> None:
        """Data stays in the European Union unless another region is allowed by name."""
        if self.region not in EU_REGIONS and self.region not in self.allow_regions:
            raise WrongUsage(f"{self.region} is not in the European Union",
                             f"verger-emr ... --allow-region {self.region}, if it may be")

    @property
    def required_region(self) -> str:
        """For --require-region of the job."""
        return "eu" if self.region in EU_REGIONS else self.region


FIELDS = {field.name: field for field in dataclasses.fields(Settings) if field.name != "file"}
LISTS = {"subnets", "allow_regions"}


def normal_address(address: str) -> str:
    """s3://bucket/folder without doubled or trailing slashes: each slash would be a part of the
    keys."""
    if not address.startswith("s3://") or not address[5:].strip("/"):
        raise WrongUsage(f'"{address}" is no address: write s3://bucket/folder')
    return "s3://" + "/".join(part for part in address[5:].split("/") if part)


def split_address(address: str) -> tuple[str, str]:
    """Bucket, and the prefix of keys without slashes at its ends."""
    bucket, _, prefix = normal_address(address)[5:].partition("/")
    return bucket, prefix


def find_file(start: Path) -> Optional[Path]:
    """verger-emr.toml in this folder or the nearest one above."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def load(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ,
         file: Optional[Path] = None, start: Optional[Path] = None) -> Settings:
    """Flags that are None or empty do not count. Raises WrongUsage."""
    found = file or find_file(start or Path.cwd())
    values: dict[str, Any] = {}
    if found is not None:
        values.update(_read(found))
    for name in FIELDS:
        given = environment.get(VARIABLE + name.upper())
        if given:
            values[name] = _from_text(name, given)
    values.update({name: value for name, value in flags.items()
                   if name in FIELDS and value not in (None, ())})
    return Settings(**values, file=found)


def _from_text(name: str, text: str) -> Any:
    if name in LISTS:
        return tuple(part for part in text.split(",") if part)
    if name == "nodes":
        if not text.isdigit():
            raise WrongUsage(f'{VARIABLE}NODES is "{text}": it must be a number')
        return int(text)
    return text


def _read(file: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}") from error
    for name, value in values.items():
        if any(word in name.lower() for word in ("secret", "access_key", "token", "password")):
            raise WrongUsage(f"{file} holds {name}: keys belong into a profile of the AWS CLI, "
                             "not into this file", "aws configure")
        if name not in FIELDS:
            raise WrongUsage(f"{file} has {name}, which is no setting: {', '.join(FIELDS)}")
        kind = tuple if name in LISTS else int if name == "nodes" else str
        if name in LISTS and isinstance(value, list):
            values[name] = tuple(value)
        if type(values[name]) is not kind:
            raise WrongUsage(f"{file}: {name} = {value!r} is no {kind.__name__}")
    return values


def write(file: Path, values: Mapping[str, Any]) -> None:
    """Adds to what the file says; appears whole."""
    known = _read(file) if file.is_file() else {}
    known.update({name: value for name, value in values.items() if value not in (None, "", ())})
    # The strings and lists of JSON are those of TOML.
    lines = [f"{name} = {json.dumps(list(value) if name in LISTS else value, ensure_ascii=False)}"
             for name, value in known.items()]
    coming = file.with_name(file.name + ".coming")
    coming.write_text("# Written by verger-emr setup; names only, never keys.\n"
                      + "\n".join(lines) + "\n")
    os.replace(coming, file)
