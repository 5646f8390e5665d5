"""An account of AWS that is no more than a process: see world.py."""

import functools
import gzip
import io
import json
import os
import sys
import tarfile
import types
from pathlib import Path

import boto3
import botocore.endpoint
import pyarrow
import pytest
from moto import mock_aws
from pyarrow import parquet

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(Path(__file__).parent)]

import world as worlds  # noqa: E402
from verger.emr import aws as aws_room  # noqa: E402
from verger.emr.command_line import main  # noqa: E402

BUCKET, REGION = "fruits-of-ours", "eu-west-1"
IMAGES = 4
ENTRY = b"# the job\n"


def make_archive(path):
    """The same bytes each time."""
    with gzip.GzipFile(path, "w", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in (("bin/python", b"#!/bin/sh\n"), ("process_fruits_data.py", ENTRY)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def write_tables(s3, words, images=IMAGES, failed=1):
    """What a job leaves below its output."""
    output, ts = words[1], words[words.index("--timestamp") + 1]
    bucket, _, prefix = output[5:].partition("/")
    good = images - failed

    def put(name, content, done=True):
        key = f"{prefix}/{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        if done:
            s3.put_object(Bucket=bucket, Key=f"{key.rpartition('/')[0]}/_SUCCESS", Body=b"")

    for table, column in (("features", "features"), ("pca", "pca_features")):
        sink = io.BytesIO()
        parquet.write_table(pyarrow.table({"path": [f"{i}.jpg" for i in range(good)],
                                           column: [[1.0, 2.0]] * good}), sink)
        put(f"{table}/parquet/{table}_{ts}/part-0.parquet", sink.getvalue())
        rows = "".join(f'{i}.jpg,Apple,"1.0,2.0"\n' for i in range(good))
        put(f"{table}/csv/{table}_{ts}/part-0.csv", f"path,label,{column}_string\n{rows}".encode())
    rows = "".join(f"{i}.jpg,Apple\n" for i in range(images))
    put(f"metadata/metadata_{ts}/part-0.csv", f"path,label\n{rows}".encode())
    put(f"errors/errors_{ts}/part-0.csv", b"path,label,error\nx.jpg,Apple,cut\n" if failed
        else b"path,label,error\n")
    info = {"timestamp": ts, "num_images_processed": good}
    put(f"model_info/model_info_{ts}/part-0.txt", json.dumps(info).encode())
    put(f"model_info/variance_{ts}/part-0.csv", b"component,variance_explained\n1,0.5\n")


@functools.lru_cache(maxsize=None)
def s3_client():
    return boto3.client("s3", region_name=REGION)


class Account:
    """An account with everything in place, and verger-emr to use it."""

    def __init__(self, world, folder, capsys, monkeypatch):
        self.world, self.folder, self.capsys, self.monkeypatch = world, folder, capsys, monkeypatch
        self.s3 = s3_client()

    def fill(self, images=IMAGES):
        location = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        for number in range(images):
            self.s3.put_object(Bucket=BUCKET, Key=f"raw/Training/Apple Red 1/{number}.jpg",
                               Body=b"\xff\xd8jpeg")
        make_archive(self.folder / "verger-emr.tar.gz")
        (self.folder / "weights.safetensors").write_bytes(b"weights")
        self.settings()

    def settings(self, **changes):
        values = {"region": REGION, "bucket": BUCKET, "archive": "verger-emr.tar.gz",
                  "model": "weights.safetensors", "service_role": "verger-service",
                  "instance_profile": "verger-nodes", "security_configuration": "verger-security",
                  "job_role": f"arn:aws:iam::{worlds.ACCOUNT}:role/verger-job",
                  "application": next(iter(self.world.applications)), **changes}
        (self.folder / "verger-emr.toml").write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()
                    if value is not None))

    def call(self, *words, status=0):
        """Runs a command line; its output and what it said."""
        self.capsys.readouterr()
        code = main([str(word) for word in words], now=self.world.now, sleep=self.world.sleep)
        out, err = self.capsys.readouterr()
        assert code == status, f"{code}: {out}{err}"
        return Said(out, err)

    def put_log(self, address, text):
        bucket, _, key = address[5:].partition("/")
        body = worlds.zipped(text)
        self.s3.put_object(Bucket=bucket, Key=key.replace("//", "/") + ".gz", Body=body)

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


class Said:
    """What a command wrote."""

    def __init__(self, out, err):
        self.out, self.err = out, err

    @property
    def json(self):
        return json.loads(self.out.splitlines()[-1])

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def all(self):
        return self.out + self.err


CLIENTS = {}


def share_clients(monkeypatch):
    """Making a client takes longer than most of what is asked of it."""
    make = aws_room.Aws.client

    def shared(self, service, *, once=False, region=None):
        if self.recorder or self.profile:
            return make(self, service, once=once, region=region)
        key = (service, once, region or self.region)
        if key not in CLIENTS:
            CLIENTS[key] = make(self, service, once=once, region=region)
        return CLIENTS[key]

    monkeypatch.setattr(aws_room.Aws, "client", shared)


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """moto, keys that nobody has, and a folder to work in."""
    share_clients(monkeypatch)
    for name in list(os.environ):
        # The AWS CLI's package says there where its data are.
        if name.startswith(("AWS_", "VERGER_")) and name != "AWS_DATA_PATH":
            monkeypatch.delenv(name)
    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
                        ("AWS_CONFIG_FILE", "/nowhere"), ("XDG_CACHE_HOME", str(tmp_path)),
                        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    # Retries of botocore wait in earnest.
    monkeypatch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda seconds: None))
    with mock_aws():
        yield


@pytest.fixture
def world(monkeypatch):
    made = worlds.World()
    made.new_application()
    worlds.install(made, monkeypatch.setattr)
    return made


@pytest.fixture
def account(aws, world, tmp_path, capsys, monkeypatch):
    made = Account(world, tmp_path, capsys, monkeypatch)
    made.fill()
    world.on_done = functools.partial(write_tables, made.s3)
    world.put_log = made.put_log
    return made
