"""Tables too large for one request: the faults of tests/store/upload_faults, replayed.

An upload that fails leaves no object, and no parts that somebody pays for."""

import re
import subprocess

import pytest

from store.fault_proxy import read_fault
from store.fixtures import fault_proxy, gateway  # noqa: F401
from store.gateway import ROOT, environment
from test_readers import TOOL

FAULTS = sorted((ROOT / "tests/store/upload_faults").glob("*.json"))
SECONDS = 60


def write(store, name, env=None):
    return subprocess.run([TOOL, "write", "csv", str(store), name, "2500", "1280"], env=env,
                          capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert write(folder, "t.csv").returncode == 0
    return (folder / "t.csv").read_bytes()


def unfinished(bucket):
    """Uploads that the gateway still keeps parts of."""
    return [path for path in (bucket / ".sgwtmp/multipart").rglob("*") if path.is_file()]


def test_an_upload_that_stays_listed(gateway, fault_proxy):  # noqa: F811
    """The server says that it is gone and lists it all the same: it is dropped once."""
    denied = read_fault(ROOT / "tests/store/upload_faults/upload-part-denied.json")
    stays = {"match": {"method": "DELETE", "query": "*uploadId=*"}, "times": None,
             "action": {"status": 404, "code": "NoSuchUpload"}}
    bucket = gateway.bucket("uploads-that-stay")
    _, dropped = fault_proxy.replay(denied, stays)
    done = write(f"s3://{bucket.name}", "t.csv", environment(fault_proxy.endpoint))
    assert done.returncode != 0
    assert 1 <= dropped.hits <= 2  # Arrow's client tries too
    assert unfinished(bucket)


@pytest.mark.parametrize("payer", ["", "requester"])  # by Arrow's client, and by ours
@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_fault(gateway, fault_proxy, whole, path, payer):  # noqa: F811
    fault, bucket = read_fault(path), gateway.bucket(f"uploads-{path.stem}{payer}")
    (replayed,) = fault_proxy.replay(fault)
    name = f"{path.stem}.csv"
    done = write(f"s3://{bucket.name}", name,
                 {**environment(fault_proxy.endpoint), "AWS_REQUEST_PAYER": payer})
    assert replayed.hits > 0, "nothing was hit: the fault is of a request that is not made"
    assert unfinished(bucket) == []
    if fault["outcome"]["ends"] == "ok":
        assert done.returncode == 0, done.stderr
        assert (bucket / name).read_bytes() == whole
    else:
        assert done.returncode != 0
        assert re.search(fault["outcome"]["says"], done.stderr, re.DOTALL), done.stderr
        assert not (bucket / name).exists()
