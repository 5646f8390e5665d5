"""s3:// against versitygw, a real S3 server that checks signatures.

Skipped where the program is not on PATH:
go install github.com/versity/versitygw/cmd/versitygw@latest"""

import os
import shutil
import socket
import subprocess
import time

import pyarrow.parquet
import pytest

from test_readers import TOOL

GATEWAY = shutil.which("versitygw")
pytestmark = pytest.mark.skipif(GATEWAY is None, reason="no versitygw on PATH: no S3 to talk to")

KEY, SECRET = "key", "se/cret"
PREFIX = "data/pre fix é"
NAMES = ["plain.jpg", "a b/c.jpg", "100%25.jpg", "café/x+y.jpg", "q'uote,;&=.jpg"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [GATEWAY, "--port", f"127.0.0.1:{port}", "posix", str(folder)],
        env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline
    yield folder, f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
    server.kill()
    server.wait()


def address(gateway, bucket="bucket", secret=SECRET, prefix=PREFIX):
    return f"s3://{KEY}:{secret}@{bucket}/{prefix}?{gateway[1]}"


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


def test_objects_of_any_name(gateway):
    store = address(gateway)
    for name in NAMES:
        tool("put", store, name, stdin=name.encode())
        assert (gateway[0] / "bucket" / PREFIX / name).read_bytes() == name.encode()
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


def test_tables(gateway, tmp_path):
    store = address(gateway, prefix="tables")
    tool("write", "parquet", store, "t.parquet", 2000, 1280)
    tool("copy", "parquet", store, "t.parquet", "csv", store, "t.csv")
    tool("copy", "csv", store, "t.csv", "parquet", tmp_path, "back.parquet")
    here = pyarrow.parquet.read_table(tmp_path / "back.parquet", columns=["path", "features"])
    there = pyarrow.parquet.read_table(gateway[0] / "bucket/tables/t.parquet",
                                       columns=["path", "features"])
    assert here.to_pydict() == there.to_pydict()


def test_a_table_that_fails_half_way_is_no_object(gateway, tmp_path):
    store = address(gateway, prefix="broken")
    tool("write", "csv", tmp_path, "t.csv", 5000, 1280)
    with open(tmp_path / "t.csv", "a") as file:
        file.write('x,y,,,,"1,z",\n')
    done = tool("copy", "csv", tmp_path, "t.csv", "parquet", store, "t.parquet", status=4)
    assert b"of row 5001 is not a list of numbers" in done.stderr
    assert not (gateway[0] / "bucket/broken/t.parquet").exists()


def test_what_is_missing_or_forbidden_is_said(gateway):
    done = tool("get", address(gateway), "none", status=6)
    assert f"s3://bucket/{PREFIX}/none: no such file" in done.stderr.decode()
    tool("list", address(gateway), "none", status=6)
    done = tool("list", address(gateway, bucket="nobucket"), "", status=3)
    assert b"s3://nobucket" in done.stderr
    done = tool("put", address(gateway, secret="wrong"), "x", stdin=b"x", status=3)
    assert b"signature" in done.stderr
