"""`verger model fetch` against a server that drops, redirects, refuses and lies."""

import fcntl
import hashlib
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import keras_files
import numpy as np
import pytest
import reference_network
from file_server import serving
from model_tools import SHARED_WEIGHTS, Home

PART = "mobilenet_v2_no_top.h5.part"
TAG = PART + ".tag"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The bytes of an .h5 as published, and what it should become."""
    layers = keras_files.random_layers(seed=12)
    path = tmp_path_factory.mktemp("published") / "weights.h5"
    keras_files.write_by_name(path, layers)
    return path.read_bytes(), keras_files.folded(layers)


@pytest.fixture
def server(published):
    with serving(published[0]) as running:
        yield running


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def fetch(home, server, *arguments, **options):
    return home.run("model", "fetch", "--url", server.url, *arguments, **options)


def assert_fetched(home, run, published):
    assert run.returncode == 0, run.messages
    assert run.output == f"{home.cached}\n"
    assert home.cache_names() == [home.cached.name]
    tensors = reference_network.read_safetensors(home.cached)
    for name, values in published[1].items():
        assert np.array_equal(tensors[name], values), name


def assert_failed(home, run, reason):
    assert run.returncode == 1
    assert run.output == ""
    assert reason in run.messages, run.messages
    assert not home.cached.exists()


def ranges(server):
    return [wanted for _, wanted, _ in server.requests]


def test_fetches(home, server, published):
    assert_fetched(home, fetch(home, server), published)
    assert server.requests == [("/weights.h5", None, None)]

    there = fetch(home, server)
    assert there.returncode == 0
    assert "is there already" in there.output
    assert len(server.requests) == 1
    assert_fetched(home, fetch(home, server, "--force"), published)
    assert len(server.requests) == 2

    info = home.run("model", "info")
    digest = hashlib.sha256(published[0]).hexdigest()
    assert f"origin      Keras .h5 of sha256 {digest} from {server.url}\n" in info.output


def test_address_from_the_environment(home, server, published):
    run = home.run("model", "fetch", environment={"VERGER_MODEL_URL": server.url})
    assert_fetched(home, run, published)


def test_digest(home, server, published):
    """What has another digest than it must have is not kept."""
    digest = hashlib.sha256(published[0]).hexdigest()
    other = digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    assert_failed(home, fetch(home, server, "--sha256", other),
                  f"its SHA-256 is {digest} instead of {other}")
    assert home.cache_names() == []
    assert_fetched(home, fetch(home, server, "--sha256", digest.upper()), published)


@pytest.mark.parametrize("digest", ["", "12", "g" * 64, "0" * 65])
def test_no_digest(digest, home, server):
    assert_failed(home, fetch(home, server, "--sha256", digest), "64 hexadecimal digits")
    assert server.requests == []


def test_digest_from_the_environment(home, server, published):
    environment = {"VERGER_MODEL_URL": server.url, "VERGER_MODEL_SHA256": "0" * 64}
    assert_failed(home, home.run("model", "fetch", environment=environment), "its SHA-256 is")
    environment["VERGER_MODEL_SHA256"] = hashlib.sha256(published[0]).hexdigest()
    assert_fetched(home, home.run("model", "fetch", environment=environment), published)


def test_secrets_of_an_address(home, server, published):
    """A user, a password and a query are sent, and neither shown nor kept."""
    url = server.url.replace("//", "//someone:pa55@") + "?sig=pa55#pa55"
    server.drops = [1_000_000, 0]
    broken = home.run("model", "fetch", "--url", url)
    assert_failed(home, broken, f"cannot fetch {server.url}: ")
    kept = [path.read_bytes() for path in home.cache.iterdir()]
    fetched = home.run("model", "fetch", "--url", url)
    assert_fetched(home, fetched, published)
    assert ranges(server)[-1] == "bytes=1000000-"
    assert server.requests[-1][0] == "/weights.h5?sig=pa55"
    environment = {"VERGER_MODEL_URL": url}
    listed = home.run("model", "list", environment=environment)
    assert f"  {server.url}\n" in listed.output
    server.codes = [403]
    refused = home.run("model", "fetch", "--force", environment=environment)
    info = home.run("model", "info")
    shown = "".join(run.output + run.messages for run in (broken, fetched, listed, refused, info))
    assert "pa55" not in shown and "someone" not in shown
    assert all(b"pa55" not in content for content in [*kept, home.cached.read_bytes()])


@pytest.mark.parametrize("url", ["someone:pa55@127.0.0.1/x", "http://a:pa55@[x/y", "::pa55@?pa55"])
def test_secrets_of_what_is_no_address(url, home):
    run = home.run("model", "fetch", "--url", url)
    assert_failed(home, run, "cannot fetch")
    assert "pa55" not in run.messages


TOO_LARGE = (128 << 20) + 1


@pytest.mark.parametrize("lengths", [True, False])
def test_too_large(lengths, home, server):
    """A server that does not end fills no disk, whether it announces it or not."""
    server.data, server.lengths = bytes(TOO_LARGE), lengths
    assert_failed(home, fetch(home, server), "gives more than the 134217728 bytes")
    assert home.cache_names() == []
    assert len(server.requests) == 1


def fetch_pinned(home, url, size, is_imagenet):
    return home.run(url, size, is_imagenet, program="fetch_pinned")


def test_size_of_the_official_file(home, server, published):
    size = len(published[0])
    assert_failed(home, fetch_pinned(home, server.url, size - 1, 0), "gives more than the")
    assert_failed(home, fetch_pinned(home, server.url, size + 1, 0),
                  f"it has {size} bytes instead of {size + 1}")
    assert home.cache_names() == []
    assert_fetched(home, fetch_pinned(home, server.url, size, 0), published)


def test_features_of_the_official_file(home, server, published, tmp_path):
    run = fetch_pinned(home, server.url, len(published[0]), 1)
    assert_failed(home, run, "differ by")
    assert "the official ImageNet weights" in run.messages
    assert home.cache_names() == []


@pytest.mark.skipif(not SHARED_WEIGHTS.exists(), reason=f"no {SHARED_WEIGHTS}")
def test_the_official_features_pass(home, tmp_path):
    tensors = reference_network.read_safetensors(SHARED_WEIGHTS)
    h5 = tmp_path / "official.h5"
    keras_files.write_by_name(h5, keras_files.unfolded(tensors))
    run = fetch_pinned(home, h5.as_uri(), h5.stat().st_size, 1)
    assert run.returncode == 0, run.messages


def test_xdg_cache(home, server, tmp_path):
    run = fetch(home, server, environment={"XDG_CACHE_HOME": str(tmp_path / "xdg")})
    assert run.output == f"{tmp_path}/xdg/verger/{home.cached.name}\n"
    # A relative path is none: XDG Base Directory Specification.
    run = fetch(home, server, environment={"XDG_CACHE_HOME": "xdg"})
    assert run.output == f"{home.cached}\n"


def test_follows_redirects(home, server, published):
    server.redirect = server.url.replace("weights", "moved")
    assert_fetched(home, fetch(home, server), published)
    assert [path for path, _, _ in server.requests] == ["/weights.h5", "/moved.h5"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_does_not_trust_anybody(home, server, published, tmp_path):
    """A server whose certificate nobody vouches for is sent no request; SSL_CERT_FILE vouches."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    run = home.run("model", "fetch", "--url", url)
    assert_failed(home, run, "certificate")
    assert server.requests == []
    run = home.run("model", "fetch", "--url", url,
                   environment={"SSL_CERT_FILE": str(tmp_path / "certificate.pem")})
    assert_fetched(home, run, published)


def test_does_not_follow_to_a_file(home, server):
    server.redirect = "file:///etc/passwd"
    assert_failed(home, fetch(home, server), "cannot fetch")


def test_drops_within_a_call(home, server, published):
    """Each try that brings something is followed by another."""
    server.drops = [1_000_000, 1, 2_000_000]
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server) == [None, "bytes=1000000-", "bytes=1000001-", "bytes=3000001-"]
    assert {condition for _, _, condition in server.requests[1:]} == {'"one"'}


def test_goes_on_in_a_later_call(home, server, published):
    server.drops = [1_000_000, 0]
    assert_failed(home, fetch(home, server), "1000000 bytes are kept")
    assert home.cache_names() == [PART, TAG]
    assert (home.cache / PART).read_bytes() == published[0][:1_000_000]
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server) == [None, "bytes=1000000-", "bytes=1000000-"]


def test_goes_on_by_date(home, server, published):
    server.etag, server.modified = 'W/"weak"', "Mon, 23 Nov 2026 10:00:00 GMT"
    server.drops = [1_000_000]
    assert_fetched(home, fetch(home, server), published)
    assert server.requests[1][1:] == ("bytes=1000000-", server.modified)


def test_without_validators_starts_afresh(home, server, published):
    server.etag = None
    server.drops = [1_000_000]
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server) == [None, None]


def test_changed_on_the_server(home, server, published):
    good, server.data = server.data, bytes(len(server.data))
    server.drops = [1_000_000, 0]
    assert_failed(home, fetch(home, server), "bytes are kept")
    server.data, server.etag = good, '"two"'
    assert_fetched(home, fetch(home, server), published)


def test_part_of_another_address(home, server, published):
    server.drops = [1_000_000, 0]
    assert_failed(home, fetch(home, server), "bytes are kept")
    url = server.url.replace("weights", "other")
    assert_fetched(home, home.run("model", "fetch", "--url", url), published)
    assert server.requests[-1] == ("/other.h5", None, None)


def test_server_without_ranges(home, server, published):
    server.ranges = False
    server.drops = [3_000_000, 1_000_000]
    assert_failed(home, fetch(home, server), "1000000 bytes are kept")
    assert_fetched(home, fetch(home, server), published)


def test_server_sends_another_range(home, server, published):
    server.drops = [1_000_000]
    server.shift = 5
    assert_failed(home, fetch(home, server), "another range than was asked for")
    assert_fetched(home, fetch(home, server), published)


@pytest.mark.parametrize("surplus", [b"", b"too much"])
def test_part_is_as_long_as_the_file_or_longer(surplus, home, server, published):
    server.drops = [1_000_000, 0]
    assert_failed(home, fetch(home, server), "bytes are kept")
    (home.cache / PART).write_bytes(published[0] + surplus)
    assert_fetched(home, fetch(home, server), published)
    whole = f"bytes={len(published[0] + surplus)}-"
    assert ranges(server)[2:] == ([whole] if not surplus else [whole, None])


def test_no_length(home, server, published):
    server.lengths = False
    assert_fetched(home, fetch(home, server), published)


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 503])
def test_error_codes(code, home, server, published):
    server.codes = [code]
    assert_failed(home, fetch(home, server), f"HTTP error {code}")
    assert len(server.requests) == 1
    assert_fetched(home, fetch(home, server), published)


def test_error_keeps_the_part(home, server, published):
    server.drops = [1_000_000, 0]
    assert_failed(home, fetch(home, server), "bytes are kept")
    server.codes = [503]
    assert_failed(home, fetch(home, server), "HTTP error 503")
    assert (home.cache / PART).read_bytes() == published[0][:1_000_000]
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server)[-1] == "bytes=1000000-"


def test_nobody_answers(home):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.h5"
        assert_failed(home, home.run("model", "fetch", "--url", url), url)
        assert home.cache_names() == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x.h5", "nonsense:", "", "gopher://127.0.0.1/x"])
def test_other_protocols(url, home):
    assert_failed(home, home.run("model", "fetch", "--url", url), "cannot fetch")


def test_from_a_file(home, published, tmp_path):
    h5 = tmp_path / "weights.h5"
    h5.write_bytes(published[0])
    url = h5.as_uri()
    assert_fetched(home, home.run("model", "fetch", "--url", url), published)
    assert h5.read_bytes() == published[0]
    h5.unlink()
    run = home.run("model", "fetch", "--force", "--url", url)
    assert run.returncode == 1
    assert home.cached.exists()


def test_wrong_content(home, server):
    """Another file than was asked for is told, and not kept."""
    for data in (b"", b"<html>please log in</html>", server.data[:1_000_000]):
        server.data = data
        run = fetch(home, server)
        assert_failed(home, run, f"what {server.url} gave is not what is needed")
        assert home.cache_names() == []


def test_a_failed_fetch_keeps_the_old_weights(home, server):
    assert fetch(home, server).returncode == 0
    before = home.cached.read_bytes()
    server.data = b"<html></html>"
    assert fetch(home, server, "--force").returncode == 1
    assert home.cached.read_bytes() == before


def wait_for_bytes(path):
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size == 0:
        assert time.monotonic() < deadline, f"nothing arrives in {path}"
        time.sleep(0.01)


def test_interrupted(home, server, published):
    server.stall = threading.Event()
    process = home.start("model", "fetch", "--url", server.url)
    assert server.stalled.wait(60)
    wait_for_bytes(home.cache / PART)
    process.send_signal(signal.SIGINT)
    output, messages = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert "was stopped; it goes on from" in messages, messages
    server.stall.set()
    server.stall = None
    assert home.cache_names() == [PART, TAG]
    kept = (home.cache / PART).stat().st_size
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server) == [None, f"bytes={kept}-"]


def limit_files():
    """A limit on a file's size stands for a full disk: write() fails half-way."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_no_room(home, server, published):
    run = fetch(home, server, preexec_fn=limit_files, restore_signals=False)
    assert_failed(home, run, f"cannot write {home.cache / PART}: File too large")
    assert_fetched(home, fetch(home, server), published)
    assert ranges(server)[-1] == "bytes=2000000-"


def test_no_room_for_the_weights(home, published):
    h5 = home.work / "weights.h5"
    h5.write_bytes(published[0])
    run = home.run("model", "import", h5, preexec_fn=limit_files, restore_signals=False)
    assert_failed(home, run, f"cannot write {home.cached}: File too large")
    assert home.cache_names() == []


def test_cache_cannot_be_made(home, server):
    home.cache.parent.parent.mkdir(parents=True, exist_ok=True)
    home.cache.parent.write_text("a file where a folder is needed")
    run = fetch(home, server)
    assert run.returncode == 1
    assert str(home.cache) in run.messages


def test_one_at_a_time(home, server, published):
    home.cache.mkdir(parents=True)
    with open(home.cache / PART, "wb") as part:
        fcntl.lockf(part, fcntl.LOCK_EX)
        assert_failed(home, fetch(home, server), "another process is fetching")
        assert server.requests == []
    assert_fetched(home, fetch(home, server), published)
