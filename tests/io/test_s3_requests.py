"""How buckets are asked: signatures, regions of AWS itself, proxies, endpoints, profiles."""

import calendar
import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest
from store import fault_proxy as proxies
from store.fixtures import gateway  # noqa: F401
from store.gateway import ROOT, environment, free_port

BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
MOTO = ROOT / ".deps/moto/bin/python"  # which brings botocore and cryptography
needs_moto = pytest.mark.skipif(not MOTO.exists(), reason="no .deps/moto: run tools/setup test")


def tool(*arguments, fails=False, **options):
    done = subprocess.run([BUILD / "io_tool", *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, **options)
    assert (done.returncode != 0) == fails, done.stderr
    return done


@pytest.fixture
def bucket(gateway):  # noqa: F811
    folder = gateway.bucket("requests")
    (folder / "x").write_text("hello")
    return folder


# --- Signatures ---------------------------------------------------------------------------------

BOTOCORE = """
import sys
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
method, url, key, secret, token, region, *more = sys.argv[1:]
request = AWSRequest(method=method, url=url, headers=dict(zip(more[::2], more[1::2])))
S3SigV4Auth(Credentials(key, secret, token or None), "s3", region).add_auth(request)
for name, value in request.headers.items():
    print(f"{name.lower()}:{value}")
"""


@needs_moto
@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2VjE/token+of=a/session=="])
@pytest.mark.parametrize("method, path, query, more", [
    ("GET", "/fruits/Training/Apple%201/r_0_100.jpg", "", []), ("HEAD", "/fruits", "", []),
    ("GET", "/fruits", "prefix=a%20b%2F&uploads=", []),
    ("PUT", "/tables/new", "", ["x-amz-copy-source", "/tables/old%201", "x-amz-copy-source-if-match",
                                '"0cc175b9c0f1b6a831c399e269772661-2"']),
    ("GET", "/fruits/a", "", ["x-amz-request-payer", "requester"])])
def test_signatures_are_those_of_botocore(token, method, path, query, more):
    host, key, secret, region = "127.0.0.1:9000", "AKIDEXAMPLE", "wJalr/XUtnFEMI", "eu-west-3"
    url = f"http://{host}{path}" + (f"?{query}" if query else "")
    done = subprocess.run([MOTO, "-c", BOTOCORE, method, url, key, secret, token, region, *more],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = dict(line.split(":", 1) for line in done.stdout.splitlines())
    seconds = calendar.timegm(time.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ"))
    done = subprocess.run([BUILD / "sign_tool", method, path, query, host, key, secret, token,
                           region, str(seconds), *more], capture_output=True, text=True, check=True)
    ours = {name.lower(): value.strip() for name, value in
            (line.split(":", 1) for line in done.stdout.splitlines())}
    assert ours["authorization"].replace(",", ", ") == theirs["authorization"]
    assert ours.get("x-amz-security-token", "") == token
    assert set(ours) == set(theirs) - {"host"}


# --- AWS itself -----------------------------------------------------------------------------------

CERTIFICATE = """
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an AWS of a test")])
now = datetime.datetime(2025, 1, 1)
certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
    .public_key(key.public_key()).serial_number(1)
    .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500))
    .add_extension(x509.SubjectAlternativeName(
        [x509.DNSName(f"s3.{r}.amazonaws.com") for r in ("eu-west-1", "us-east-1")]), False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    .sign(key, hashes.SHA256()))
print(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                        serialization.NoEncryption()).decode(), end="")
print(certificate.public_bytes(serialization.Encoding.PEM).decode(), end="")
"""


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


@contextlib.contextmanager
def connect_proxy(answer, certificate=None, target=None):
    """A CONNECT proxy: behind it is an AWS that gives the answer to all, or the port `target`.
    Yields its port and the first lines that came."""
    lines = []

    def serve(client):
        with client:
            head = read_head(client).decode("latin-1")
            lines.append(head.split("\r\n")[0])
            if not head.startswith("CONNECT "):
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            with context.wrap_socket(client, server_side=True) as secure:
                lines.append(read_head(secure).decode("latin-1").split("\r\n")[0])
                secure.sendall(answer)

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], lines
    finally:
        listener.close()


def without_endpoint(**more):
    variables = environment("http://unused")
    del variables["AWS_ENDPOINT_URL"]
    return {**variables, **more}


@needs_moto
@pytest.mark.parametrize("address", ["s3://fruits", "s3://fruits?region=eu-west-1"])
def test_aws_is_asked_for_the_region_and_the_address_not_believed(tmp_path, address):
    certificate = tmp_path / "certificate"
    certificate.write_bytes(subprocess.run([MOTO, "-c", CERTIFICATE], check=True,
                                           capture_output=True).stdout)
    answer = (b"HTTP/1.1 403 Forbidden\r\nx-amz-bucket-region: eu-west-2\r\n"
              b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    with connect_proxy(answer, certificate) as (port, lines):
        env = without_endpoint(AWS_CA_BUNDLE=str(certificate), REGION="eu",
                               AWS_REGION="eu-west-1",
                               https_proxy=f"http://127.0.0.1:{port}")
        done = tool("list", address, "", env=env, fails=True)
    assert "the bucket fruits is in eu-west-2, and the region is required to be eu" in done.stderr
    assert lines == ["CONNECT s3.eu-west-1.amazonaws.com:443 HTTP/1.1", "HEAD /fruits HTTP/1.1"]


# --- Proxies ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("action, words", [("list", [""]), ("get", ["x"])])
def test_a_proxy_is_asked_by_all_and_named(bucket, gateway, variable, action, words):  # noqa: F811
    dead = f"127.0.0.1:{free_port()}"
    env = {**gateway.environment(), variable: f"http://user:secret@{dead}/", "AWS_MAX_ATTEMPTS": "1"}
    done = tool(action, "s3://requests", *words, env=env, fails=True)
    assert f"(through the proxy http://{dead} of {variable})" in done.stderr
    assert "secret" not in done.stderr
    env["no_proxy"] = "example.com, 127.0.0.1"
    tool(action, "s3://requests", *words, env=env)


def test_a_proxy_that_is_needed(bucket, gateway):  # noqa: F811
    """The name of the server is known to the proxy alone; it forwards plain HTTP."""
    with proxies.serving(gateway.port) as proxy:
        env = {**environment("http://bucket.invalid:80"), "http_proxy": proxy.endpoint,
               "AWS_MAX_ATTEMPTS": "1"}
        for action, words in ("list", [""]), ("get", ["x"]):
            tool(action, "s3://requests", *words, env=env)
        assert proxy.count("ListObjectsV2") == 1 and proxy.count("GET object") == 1


def test_a_proxy_of_another_kind(gateway):  # noqa: F811
    env = {**gateway.environment(), "ALL_PROXY": "socks5://127.0.0.1:9"}
    assert "ALL_PROXY names a proxy that is not" in tool("list", "s3://requests", "", env=env,
                                                         fails=True).stderr


# --- Endpoints ---------------------------------------------------------------------------------------

def test_an_endpoint_without_a_scheme(gateway):  # noqa: F811
    env = {**gateway.environment(), "AWS_ENDPOINT_URL": f"127.0.0.1:{gateway.port}"}
    done = tool("list", "s3://requests", "", env=env, fails=True)
    assert "begin it with http:// or https://" in done.stderr


@needs_moto
def test_an_endpoint_with_a_path_is_signed_with_it(tmp_path):
    """A server that answers whatever it is asked, and keeps what it was asked."""
    heads = []

    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                heads.append(read_head(client).decode("latin-1"))
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                               b"hello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        tool("get", "s3://requests", "x", env=environment(f"http://{host}/storage/v1/s3"))
    head = next(head for head in heads if head.startswith("GET /storage"))
    lines = dict(line.split(": ", 1) if ": " in line else line.split(":", 1)
                 for line in head.split("\r\n")[1:] if ":" in line)
    lines = {name.lower(): value.strip() for name, value in lines.items()}
    assert head.startswith("GET /storage/v1/s3/requests/x HTTP/1.1")
    assert lines["host"] == host
    seconds = calendar.timegm(time.strptime(lines["x-amz-date"], "%Y%m%dT%H%M%SZ"))
    variables = environment("")
    done = subprocess.run([BUILD / "sign_tool", "GET", "/storage/v1/s3/requests/x", "", host,
                           variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], "",
                           variables["AWS_REGION"], str(seconds)],
                          capture_output=True, text=True, check=True)
    assert f"Authorization: {lines['authorization']}" in done.stdout


# --- Who asks ------------------------------------------------------------------------------------------

def test_unsigned_on_demand(bucket, gateway):  # noqa: F811
    """versitygw lets nobody in without a signature; what counts is that there is none."""
    with proxies.serving(gateway.port) as proxy:
        env = {**environment(proxy.endpoint), "AWS_NO_SIGN_REQUEST": "true"}
        for action, words in ("list", [""]), ("get", ["x"]):
            done = tool(action, "s3://requests", *words, env=env, fails=True)
            assert "AccessDenied" in done.stderr or "ACCESS_DENIED" in done.stderr
            assert "AWS_NO_SIGN_REQUEST" in done.stderr


def test_a_profile_that_is_not_there(tmp_path, bucket, gateway):  # noqa: F811
    env = {**gateway.environment(), "AWS_PROFILE": "nosuch", "HOME": str(tmp_path)}
    tool("list", "s3://requests", "", env=env)  # keys of the environment come first
    del env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    done = tool("list", "s3://requests", "", env=env, fails=True)
    assert f"the profile nosuch of AWS_PROFILE is neither in {tmp_path}/.aws/credentials" \
        in done.stderr
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[ profile nosuch ]\nregion = us-east-1\n")
    (tmp_path / ".aws/credentials").write_text(
        "[nosuch]\naws_access_key_id = key\naws_secret_access_key = se/cret\n")
    assert "x" in tool("list", "s3://requests", "", env=env).stdout


def test_the_reason_of_a_refusal_is_whole(gateway):  # noqa: F811
    """A long name gives way to it."""
    message = "the region 'us-east-1' is wrong; expecting 'eu-central-1'"
    with proxies.serving(gateway.port) as proxy:
        proxy.replay({"times": None, "action": {"status": 400,
                                                "code": "AuthorizationHeaderMalformed",
                                                "message": message}})
        for action, words in ("list", [""]), ("get", ["a" * 300]):
            done = tool(action, "s3://requests", *words, env=environment(proxy.endpoint), fails=True)
            assert "set AWS_REGION=eu-central-1" in done.stderr, done.stderr
            assert "AuthorizationHeaderMalformed" in done.stderr
