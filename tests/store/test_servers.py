"""The servers of the tests do what the tests believe of them."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from store import aws_like as moto
from store import fault_proxy
from store.fixtures import aws_like  # noqa: F401

BODY = bytes(range(256)) * 4


class Plain(BaseHTTPRequestHandler):
    """Answers every GET with BODY, keeps what is PUT."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(BODY)

    def do_PUT(self):
        self.server.kept.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        server.kept = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(server):
    with fault_proxy.serving(server.server_address[1]) as proxy:
        yield proxy


def client(proxy, timeout=10):
    return http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)


def ask(connection, method="GET", path="/bucket/a%20b", body=None):
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer, answer.read()


def test_requests_pass_and_are_counted(proxy, server):
    connection = client(proxy)
    socket = None
    for _ in range(3):
        assert ask(connection)[1] == BODY
        assert socket in (None, connection.sock), "the connection was not kept alive"
        socket = connection.sock
    ask(connection, "PUT", "/bucket/x?partNumber=1", b"12345")
    assert server.kept == [b"12345"]
    assert proxy.count("GET object", "/bucket/a b") == 3
    assert proxy.requests[-1] == fault_proxy.Request("PUT", "/bucket/x", "partNumber=1")


def test_latency_is_of_each_request_and_limits_no_other(proxy):
    proxy.latency = 0.3
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: ask(client(proxy))[1], range(20))) == {BODY}
    assert proxy.most_in_flight["GET object"] == 20


def test_which_requests_are_hit(proxy):
    proxy.replay({"match": {"path": "/bucket/*"}, "first": 2, "times": 2,
                  "action": {"status": 503, "code": "SlowDown"}})
    found = [ask(client(proxy), path=path)[0].status
             for path in ("/bucket/1", "/other/1", "/bucket/2", "/bucket/1", "/bucket/1")]
    assert found == [200, 200, 503, 503, 200]
    proxy.replay({"each": True, "action": {"status": 503, "code": "SlowDown"}})
    found = [ask(client(proxy), path=path)[0].status for path in ("/b/1", "/b/2", "/b/1", "/b/2")]
    assert found == [503, 503, 200, 200]


@pytest.mark.parametrize("is_after", [False, True])
def test_status(proxy, server, is_after):
    proxy.replay({"action": {"status": 403, "code": "AccessDenied", "after": is_after}})
    answer, body = ask(client(proxy), "PUT", body=b"x")
    assert answer.status == 403 and b"<Code>AccessDenied</Code>" in body
    assert server.kept == ([b"x"] if is_after else [])


@pytest.mark.parametrize("when", ["before", "after"])
def test_reset(proxy, server, when):
    proxy.replay({"action": {"reset": when}})
    with pytest.raises(ConnectionResetError):
        ask(client(proxy), "PUT", body=b"x")
    assert server.kept == ([b"x"] if when == "after" else [])


def test_cut_and_shorten(proxy):
    proxy.replay({"action": {"cut": 0.25}})
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(client(proxy))
    assert cut.value.partial == BODY[:256] and cut.value.expected == 768
    proxy.replay({"action": {"shorten": 24}})
    answer, body = ask(client(proxy))
    assert answer.headers["Content-Length"] == "1000" and body == BODY[:1000]


@pytest.mark.parametrize("where", ["head", "body"])
def test_stall(proxy, where):
    proxy.replay({"action": {"stall": where}})
    with pytest.raises(TimeoutError):
        ask(client(proxy, timeout=0.5))


def test_regions_and_encryption_of_buckets(aws_like):
    assert aws_like.region(moto.HOME) == "us-east-1"
    assert aws_like.region(moto.ABROAD) == moto.ABROAD_REGION
    aws_like.request("PUT", f"{moto.HOME}/plain", b"x")
    assert aws_like.encryption(f"{moto.HOME}/plain") == moto.DEFAULT_ENCRYPTION
