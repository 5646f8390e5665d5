"""Buckets whose readers pay: the server refuses each request that does not say so under its
signature, and what then comes are the tables of any bucket."""

import subprocess

import pytest
from buckets import error_rows, run, tables
from conftest import BUILD, SEEDED, TS, fill, verger
from store import fault_proxy as proxies
from store.gateway import environment

REFUSAL = {"match": {"payer": ""}, "times": None, "action": {"status": 403, "code": "AccessDenied"}}
NAMES = ["plain.jpg", "a b/c.jpg", "100%25.jpg", "café/x+y.jpg", "q'uote,;&=.jpg", "ends in space "]


@pytest.fixture(scope="module")
def orchard(gateway):
    fill(gateway.bucket("paid-orchard"), per_class=3)
    gateway.bucket("paid-tables")
    return "s3://paid-orchard"


@pytest.fixture
def proxy(gateway):
    with proxies.serving(gateway.port) as proxy:
        proxy.replay(REFUSAL)
        yield proxy


def tool(proxy, *arguments, stdin=b"", code=0):
    env = {**environment(proxy.endpoint), "AWS_REQUEST_PAYER": "requester"}
    done = subprocess.run([BUILD / "io_tool", *arguments], input=stdin, capture_output=True, env=env)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_run(gateway, orchard, proxy):
    """From nothing, broken off, on, and an update, which copies on the server."""
    out = "s3://paid-tables/run"
    env = environment(proxy.endpoint)
    run(orchard, out, "--requester-pays", environment=env)
    run(orchard, "s3://paid-tables/alone", environment=gateway.environment())
    own, plain = gateway.folder / "paid-tables/run", gateway.folder / "paid-tables/alone"
    assert tables(own, orchard) == tables(plain, orchard)
    words = ["-k", "5", *SEEDED, "--requester-pays"]
    done = verger("run", orchard, out, *words, "--resume", env=env)
    assert done.returncode == 0 and "nothing is left to do" in done.stderr + done.stdout
    extra = gateway.folder / "paid-orchard/Training/Apple 1/new.jpg"
    extra.write_bytes(next(extra.parent.glob("r_*.jpg")).read_bytes())
    done = verger("run", orchard, out, *words, "--update", "--checksum", env=env)
    assert done.returncode == 0, done.stderr
    extra.unlink()
    done = verger("runs", out, "--keep", "1", "--requester-pays", env=env)
    assert done.returncode == 0, done.stderr
    kinds = {(request.method, request.kind) for request in proxy.requests}
    assert {method for method, _ in kinds} >= {"GET", "HEAD", "PUT", "DELETE"}
    assert all(request.payer == "requester" for request in proxy.requests)


def test_a_list_of_names(gateway, orchard, proxy, tmp_path):
    """Each is looked at: an object, a "folder" and nothing."""
    names = tmp_path / "names"
    names.write_text("Training/Apple 1/r_0_100.jpg\nTraining/Apple 1\nTraining/none.jpg\n"
                     "Training/Apple 1/r_1_100.jpg\n")
    words = ["-k", "0", *SEEDED, "--timestamp", TS, "--files-from", names]
    told = []
    for output, env, more in (("paid", environment(proxy.endpoint), ["--requester-pays"]),
                              ("plain", gateway.environment(), [])):
        done = verger("run", orchard, tmp_path / output, *words, *more, env=env)
        assert done.returncode == 3, done.stderr
        told.append(error_rows(tmp_path / output, orchard))
    assert told[0] == told[1] and len(told[0]) == 2


def test_the_variable_does_as_the_option(orchard, proxy, tmp_path):
    run(orchard, tmp_path / "out", environment={**environment(proxy.endpoint),
                                                "AWS_REQUEST_PAYER": "requester"})


def test_a_refusal_says_what_to_do(orchard, proxy, tmp_path):
    done = run(orchard, tmp_path / "out", environment=environment(proxy.endpoint), code=1)
    assert "a bucket whose readers pay wants --requester-pays" in done.stderr


def test_who_pays_signs(orchard, proxy, tmp_path):
    env = {**environment(proxy.endpoint), "AWS_NO_SIGN_REQUEST": "true"}
    done = run(orchard, tmp_path / "out", "--requester-pays", environment=env, code=1)
    assert "leave --requester-pays or AWS_NO_SIGN_REQUEST out" in done.stderr
    assert proxy.requests == []


def test_objects_of_any_name(gateway, orchard, proxy):
    store = "s3://paid-tables/names"
    for name in NAMES:
        tool(proxy, "put", store, name, stdin=name.encode())
        assert tool(proxy, "get", store, name) == name.encode()
    assert sorted(tool(proxy, "list", store, "").decode().split("\0")[:-1]) == sorted(NAMES)
    assert tool(proxy, "list", store, "a b").decode() == "a b/c.jpg\0"
    tool(proxy, "list", store, "nothing", code=6)
    tool(proxy, "rmtree", store, "a b")
    tool(proxy, "rmtree", store, "a b")
    assert not (gateway.folder / "paid-tables/names/a b/c.jpg").exists()


def test_names_that_xml_has_not(aws_like):
    """The server escapes them when it is asked to, as S3 does and versitygw does not."""
    odd = [*NAMES, "control\x04.jpg"]
    with proxies.serving(aws_like.port) as bucket:
        for name in odd:
            tool(bucket, "put", "s3://home-bucket/xml", name, stdin=b"x")
        listed = tool(bucket, "list", "s3://home-bucket/xml", "").decode().split("\0")[:-1]
    assert sorted(listed) == sorted(odd)


def test_tables(gateway, orchard, proxy, tmp_path):
    """Read in pieces and written in parts, as on a disk."""
    bucket = "s3://paid-tables/t"
    for kind in "parquet", "csv":
        for store in bucket, str(tmp_path):
            tool(proxy, "write", kind, store, f"t.{kind}", "2500", "1280")
            tool(proxy, "copy", kind, store, f"t.{kind}", kind, store, f"copy.{kind}")
    assert proxy.count("POST object") >= 4
    assert all(request.payer == "requester" for request in proxy.requests)
    for file in tmp_path.iterdir():
        assert (gateway.folder / "paid-tables/t" / file.name).read_bytes() == file.read_bytes()


def test_a_listing_of_several_pages(gateway, proxy):
    folder = gateway.bucket("paid-crowd") / "of many"
    folder.mkdir()
    names = [f"{i:05}.jpg" for i in range(2300)]
    for name in names:
        (folder / name).touch()
    listed = tool(proxy, "list", "s3://paid-crowd/of many", "").decode().split("\0")[:-1]
    assert listed == names
    assert proxy.count("ListObjectsV2") == 3


@pytest.mark.parametrize("action", [{"cut": 0.5}, {"shorten": 40}])
def test_a_listing_that_is_cut_is_none(gateway, orchard, proxy, action):
    """Never the images up to there; what is cut on its way is asked for again."""
    proxy.replay({"match": {"query": "*list-type*"}, "times": 1 if "cut" in action else None,
                  "action": action})
    listed = tool(proxy, "list", orchard, "", code=0 if "cut" in action else 3).decode()
    assert listed.count(".jpg") == (9 if "cut" in action else 0)
