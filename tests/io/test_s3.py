"""s3:// against versitygw, a real S3 server that checks signatures."""

import os
import subprocess

import pyarrow.parquet
import pytest

from store.fixtures import gateway  # noqa: F401
from store.gateway import SECRET
from test_readers import TOOL

PREFIX = "data/pre fix é"
NAMES = ["plain.jpg", "a b/c.jpg", "100%25.jpg", "café/x+y.jpg", "q'uote,;&=.jpg"]


@pytest.fixture(autouse=True)
def bucket(gateway):
    return gateway.bucket("bucket")


def address(gateway, bucket="bucket", secret=SECRET, prefix=PREFIX):
    return gateway.address(f"{bucket}/{prefix}", secret=secret)


def tool(*arguments, stdin=b"", status=0):
    done = subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True,
                          env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"})
    assert done.returncode == status, done
    if status == 0:
        assert done.stderr == b""  # nothing Arrow complains of at the end either
    assert SECRET.encode() not in done.stderr
    return done


def listed(store, path=""):
    return sorted(tool("list", store, path).stdout.decode().split("\0")[:-1])


def test_objects_of_any_name(gateway, bucket):
    store = address(gateway)
    for name in NAMES:
        tool("put", store, name, stdin=name.encode())
        assert (bucket / PREFIX / name).read_bytes() == name.encode()
        assert tool("get", store, name).stdout == name.encode()
    assert listed(store) == sorted(NAMES)
    assert listed(store, "a b") == ["a b/c.jpg"]
    tool("mv", store, "plain.jpg", "moved/plain.jpg")
    assert tool("get", store, "moved/plain.jpg").stdout == b"plain.jpg"
    tool("rmtree", store, "moved")
    tool("rmtree", store, "moved")
    tool("rm", store, "a b/c.jpg")
    tool("rm", store, "a b/c.jpg")
    assert listed(store) == sorted(set(NAMES) - {"plain.jpg", "a b/c.jpg"})


def test_tables(gateway, bucket, tmp_path):
    store = address(gateway, prefix="tables")
    tool("write", "parquet", store, "t.parquet", 2000, 1280)
    tool("copy", "parquet", store, "t.parquet", "csv", store, "t.csv")
    tool("copy", "csv", store, "t.csv", "parquet", tmp_path, "back.parquet")
    here = pyarrow.parquet.read_table(tmp_path / "back.parquet", columns=["path", "features"])
    there = pyarrow.parquet.read_table(bucket / "tables/t.parquet",
                                       columns=["path", "features"])
    assert here.to_pydict() == there.to_pydict()


def test_a_table_that_fails_half_way_is_no_object(gateway, bucket, tmp_path):
    store = address(gateway, prefix="broken")
    tool("write", "csv", tmp_path, "t.csv", 5000, 1280)
    with open(tmp_path / "t.csv", "a") as file:
        file.write('x,y,,,,"1,z",\n')
    done = tool("copy", "csv", tmp_path, "t.csv", "parquet", store, "t.parquet", status=4)
    assert b"of row 5001 is not a list of numbers" in done.stderr
    assert not (bucket / "broken/t.parquet").exists()


def test_what_is_missing_or_forbidden_is_said(gateway):
    done = tool("get", address(gateway), "none", status=6)
    assert f"s3://bucket/{PREFIX}/none: no such file" in done.stderr.decode()
    tool("list", address(gateway), "none", status=6)
    done = tool("list", address(gateway, bucket="nobucket"), "", status=3)
    assert b"s3://nobucket" in done.stderr
    done = tool("put", address(gateway, secret="wrong"), "x", stdin=b"x", status=3)
    assert b"signature" in done.stderr
