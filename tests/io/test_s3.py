"""s3:// against versitygw, a real S3 server that checks signatures."""

import http.server
import os
import re
import subprocess
import threading
import time

import pyarrow.parquet
import pytest

from store import aws_like as moto
from store.fixtures import aws_like, fault_proxy, gateway  # noqa: F401
from store.gateway import KEY, SECRET, environment
from test_readers import TOOL

PREFIX = "data/pre fix é"
NAMES = ["plain.jpg", "a b/c.jpg", "100%25.jpg", "café/x+y.jpg", "q'uote,;&=.jpg"]


@pytest.fixture(autouse=True)
def bucket(gateway):
    return gateway.bucket("bucket")


STORE_FAILED = 10  # VG_ESTORE: everybody's fault, not this object's

def address(gateway, bucket="bucket", secret=SECRET, prefix=PREFIX):
    return gateway.address(f"{bucket}/{prefix}", secret=secret)


def tool(*arguments, stdin=b"", status=0, env=None):
    env = env or {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True, env=env)
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
    done = tool("list", address(gateway, bucket="nobucket"), "", status=STORE_FAILED)
    assert b"s3://nobucket" in done.stderr
    done = tool("put", address(gateway, secret="wrong"), "x", stdin=b"x", status=STORE_FAILED)
    assert b"signature" in done.stderr


# --- The environment --------------------------------------------------------


def test_the_environment_says_all(gateway, bucket):
    here = gateway.environment()
    tool("put", "s3://bucket/env", "x", stdin=b"x", env=here)
    assert tool("get", "s3://bucket/env", "x", env=here).stdout == b"x"
    here["AWS_ENDPOINT_URL_S3"] = here.pop("AWS_ENDPOINT_URL")
    here["AWS_DEFAULT_REGION"] = here.pop("AWS_REGION")
    assert tool("get", "s3://bucket/env", "x", env=here).stdout == b"x"


def test_a_profile_says_who(gateway, bucket, tmp_path):
    (bucket / "profile").write_text("x")
    (tmp_path / "credentials").write_text(
        f"[orchard]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    here = {name: value for name, value in gateway.environment().items() if "KEY" not in name}
    here |= {"AWS_PROFILE": "orchard", "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "credentials"}
    assert tool("get", "s3://bucket", "profile", env=here).stdout == b"x"


def test_keys_of_the_environment_ask_no_metadata_service(gateway, bucket):
    """Off EC2 its address swallows what is sent there, and every program waits for it."""
    (bucket / "x").write_text("x")
    here = gateway.environment()
    del here["AWS_EC2_METADATA_DISABLED"]
    here["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://192.0.2.1"  # nobody (RFC 5737)
    start = time.monotonic()
    tool("get", "s3://bucket", "x", env=here)
    assert time.monotonic() - start < 2


def test_no_secret_is_said(gateway, bucket):
    token = "session-token-of-a-test"
    here = {**gateway.environment(), "AWS_SESSION_TOKEN": token, "AWS_MAX_ATTEMPTS": "1"}
    for words in (("get", "x"), ("list", "none"), ("put", "x"), ("rm", "x"), ("stat", "x")):
        for endpoint in (here["AWS_ENDPOINT_URL"], "http://127.0.0.1:1", "http://["):
            env = {**here, "AWS_ENDPOINT_URL": endpoint}
            done = subprocess.run([TOOL, words[0], "s3://bucket", words[1]], env=env,
                                  capture_output=True, stdin=subprocess.DEVNULL)
            assert SECRET.encode() not in done.stdout + done.stderr
            assert token.encode() not in done.stdout + done.stderr


# --- Reading and trying again -------------------------------------------------

REQUESTS = [(("get", "object"), "GET"), (("list", ""), "GET"), (("put", "new"), "PUT"),
            (("rm", "object"), "DELETE")]
SLOW_DOWN = {"action": {"status": 503, "code": "SlowDown"}}


@pytest.fixture
def proxied(fault_proxy, bucket):
    """The proxy, and the environment of a client that asks it."""
    (bucket / "object").write_bytes(b"0123456789" * 1000)
    return fault_proxy, environment(fault_proxy.endpoint)


@pytest.mark.parametrize("size", [None, 10000, 9999, 10001, 1])
def test_an_object_costs_one_request_and_comes_whole(proxied, bucket, size):
    proxy, env = proxied
    if size is not None:
        env["SIZE"] = str(size)
    assert tool("get", "s3://bucket", "object", env=env).stdout == b"0123456789" * 1000
    doubts = [] if size in (None, 10000) else ["HEAD object"]
    assert [request.kind for request in proxy.requests] == ["GET object", *doubts]


def test_a_deleted_object_leaves_nothing(proxied, bucket):
    proxy, env = proxied
    (bucket / "deep").mkdir()
    (bucket / "deep/object").write_text("x")
    tool("rm", "s3://bucket", "deep/object", env=env)
    assert [request.kind for request in proxy.requests] == ["DELETE object"]
    assert not (bucket / "deep").exists()


def test_an_empty_object(proxied, bucket):
    (bucket / "empty").write_bytes(b"")
    assert tool("get", "s3://bucket", "empty", env=proxied[1]).stdout == b""


@pytest.mark.parametrize("action", [
    {"status": 503, "code": "SlowDown"}, {"status": 500, "code": "InternalError"},
    {"reset": "before"}, {"reset": "after"}, {"cut": 0.5}], ids=str)
@pytest.mark.parametrize("words, method", REQUESTS, ids=str)
def test_what_passes_is_tried_again(proxied, words, method, action):
    proxy, env = proxied
    if "cut" in action and method not in ("GET",):
        pytest.skip("its answer has no body to cut")
    (fault,) = proxy.replay({"match": {"method": method}, "times": 2, "action": action})
    tool(words[0], "s3://bucket", words[1], stdin=b"x", env=env)
    assert fault.hits == 2


@pytest.mark.parametrize("words, method", REQUESTS, ids=str)
def test_what_does_not_pass_is_told_with_its_attempts(proxied, words, method):
    proxy, env = proxied
    (fault,) = proxy.replay({**SLOW_DOWN, "match": {"method": method}, "times": None})
    env["AWS_MAX_ATTEMPTS"] = "3"
    done = tool(words[0], "s3://bucket", words[1], stdin=b"x", env=env, status=3)
    assert re.match(rb"cannot \w+ s3://bucket[\w/]*: .*(slow ?down|503).*3 attempts.*try again later",
                    done.stderr, re.I), done.stderr
    assert fault.hits == 3


@pytest.mark.parametrize("code, status, exit_code", [
    ("NoSuchKey", 404, 6), ("AccessDenied", 403, 3), ("SignatureDoesNotMatch", 403, STORE_FAILED)])
@pytest.mark.parametrize("words, method", [(("get", "object"), "GET"), (("put", "new"), "PUT")],
                         ids=str)
def test_a_refusal_is_not_tried_again(proxied, words, method, code, status, exit_code):
    proxy, env = proxied
    proxy.replay({"match": {"method": method}, "times": None,
                  "action": {"status": status, "code": code}})
    expected = 3 if exit_code == 6 and words[0] == "put" else exit_code
    done = tool(words[0], "s3://bucket", words[1], stdin=b"x", env=env, status=expected)
    assert proxy.count(f"{method} object") == 1
    assert b"attempts" not in done.stderr


def test_the_time_for_trying_again_is_bounded(proxied):
    proxy, env = proxied
    proxy.replay({**SLOW_DOWN, "times": None})
    env["AWS_MAX_ATTEMPTS"] = "100"
    start = time.monotonic()
    tool("get", "s3://bucket", "object", env=env, status=3)
    assert 10 < time.monotonic() - start < 30


# --- Regions and encryption ---------------------------------------------------


@pytest.mark.parametrize("pattern, is_there", [("us-east-1", True), ("us-*", True), ("*", True),
                                               ("us-east-?", True), ("eu-*", False), ("", False)])
def test_a_region_is_required(gateway, bucket, pattern, is_there):
    (bucket / "x").write_text("x")
    env = {**gateway.environment(), "REGION": pattern}
    done = tool("get", "s3://bucket", "x", env=env, status=0 if is_there else 1)
    if not is_there:
        assert f"bucket is in us-east-1, and the region is required to be {pattern}:" in \
            done.stderr.decode()


def test_nothing_is_asked_of_a_bucket_elsewhere(fault_proxy, bucket):
    env = {**environment(fault_proxy.endpoint), "REGION": "eu-*"}
    tool("put", "s3://bucket", "x", stdin=b"x", env=env, status=1)
    assert [request.kind for request in fault_proxy.requests] == ["HEAD bucket"]


def test_the_region_is_the_buckets_and_not_the_users(aws_like):
    """Who signs for one region and names another's bucket is told."""
    env = {**aws_like.environment(region=moto.ABROAD_REGION), "REGION": moto.ABROAD_REGION}
    done = tool("list", f"s3://{moto.HOME}", "", env=env, status=1)
    assert b"is in us-east-1" in done.stderr
    env["REGION"] = "us-*"
    done = tool("list", f"s3://{moto.ABROAD}", "", env=env, status=1)
    assert b"is in eu-west-3" in done.stderr


def answering(answers):
    """A server that gives these answers to HEAD of a bucket and to GET ?location."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            status, headers, body = answers[self.command]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        do_HEAD = do_GET = answer

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def location(text):
    return (200, {}, f'<?xml version="1.0"?>\n<LocationConstraint xmlns="s3">{text}'
                     "</LocationConstraint>".encode())


@pytest.mark.parametrize("head, get, says", [
    ((200, {}, b""), location("eu-west-3"), "is in eu-west-3"),
    ((200, {}, b""), location("EU"), "is in eu-west-1"),
    ((200, {}, b""), location(""), "is in us-east-1"),
    ((403, {}, b""), (403, {}, b"<Error><Code>AccessDenied</Code></Error>"), "AccessDenied"),
    ((200, {}, b""), (200, {}, b"<html>hello</html>"), "cannot ask for the region"),
    ((403, {"x-amz-bucket-region": "eu-north-1"}, b""), None, "is in eu-north-1"),
    ((307, {"Location": "http://127.0.0.1:1/", "x-amz-bucket-region": "sa-east-1"}, b""), None,
     "is in sa-east-1"),
    ((301, {"Location": "http://127.0.0.1:1/"}, b""),
     (301, {"Location": "http://127.0.0.1:1/"}, b""), "HTTP 301"),
    ((404, {}, b""), None, "no such bucket")])
def test_a_region_that_cannot_be_told_is_refused(head, get, says):
    server = answering({"HEAD": head, "GET": get})
    env = {**environment(f"http://127.0.0.1:{server.server_port}"), "REGION": "mars-?"}
    done = subprocess.run([TOOL, "list", "s3://bucket", ""], env=env, capture_output=True)
    server.shutdown()
    assert done.returncode != 0 and says in done.stderr.decode(), done.stderr


@pytest.mark.parametrize("sse, key, is_met", [
    ("aws:kms", None, True), ("aws:kms", "bucket-key", True), ("aws:kms", "other-key", False),
    ("AES256", None, False)])
def test_the_encryption_of_the_bucket_is_looked_at(aws_like, sse, key, is_met):
    env = {**aws_like.environment(), "SSE": sse, **({"SSE_KMS_KEY": key} if key else {})}
    store = f"s3://{moto.HOME}/encryption"
    tool("put", store, "x", stdin=b"x", env=env)
    done = tool("encryption", store, "x", env=env, status=0 if is_met else 1)
    if not is_met:
        assert f"put-bucket-encryption --bucket {moto.HOME}" in done.stderr.decode()


def test_a_bucket_that_encrypts_nothing_is_refused(gateway, bucket):
    (bucket / "x").write_text("x")
    done = tool("encryption", "s3://bucket", "x", env={**gateway.environment(), "SSE": "AES256"},
                status=1)
    assert b"is encrypted by nothing, not by AES256" in done.stderr


@pytest.mark.parametrize("options, says", [
    ({"SSE": "AES256", "SSE_KMS_KEY": "k"}, "without the encryption aws:kms"),
    ({"SSE": "aws:kms", "SSE_KMS_KEY": "alias/k"}, "give its id or ARN"),
    ({"SSE": "rot13"}, "AES256 or aws:kms")])
def test_encryption_that_makes_no_sense(gateway, options, says):
    done = tool("list", "s3://bucket", "", env={**gateway.environment(), **options}, status=1)
    assert says in done.stderr.decode()
