"""An HTTP proxy before an S3 server: counts requests, adds latency, replays faults.

Requests pass as they are. A client signs the Host header it sends, which is the proxy's,
and the server checks the signature over the Host header it gets, which is the same.
Connections of clients stay alive, as S3's do; each request has a connection of its own to
the server.

A fault is a small JSON file (store/faults):

    about     what goes wrong, and where that happens in the world
    match     method, and path ("/bucket/key"), query and payer as patterns of fnmatch; what is
              left out matches all. payer is who says under its signature to pay, or ""
    first     the first of the matching requests that is hit, from 1 (the default)
    times     how many in a row are hit; null is all that come (1 is the default)
    each      true: `first` and `times` count for every path by itself
    action    one of
              {"status": 503, "code": "SlowDown"}   an error in S3's XML, in place of the
                                                    server's answer; the request is not
                                                    passed on unless "after" is true
                                                    ("message": its text)
              {"reset": "before"} or "after"        the connection is reset in place of the
                                                    answer, before or after the server did
                                                    what was asked
              {"cut": 0.5}                          the answer ends after this share of its
                                                    body, its Content-Length being whole
              {"shorten": 100}                      the body and its Content-Length lack
                                                    this many bytes
              {"stall": "head"} or "body"           nothing more comes: no answer, or half a
                                                    body
    outcome   what the user of a run shall see, for e2e/test_bucket_faults.py
              {"ends": "ok"}                        the tables of an undisturbed run
              {"ends": "row", "of": ..., "says": ...}     this image is a row of errors/,
                                                    all others are as undisturbed
              {"ends": "failed", "says": ...}       exit 1, no table is marked as whole
              "says" is a regular expression
"""

import asyncio
import collections
import contextlib
import dataclasses
import fnmatch
import json
import socket
import struct
import threading
import urllib.parse

MAX_HEAD = 1 << 16
PIECE = 1 << 16
PATIENCE = 0.2  # seconds


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str  # "/bucket/key", unescaped
    query: str
    payer: str = ""

    @property
    def kind(self):
        """As S3 names it, as far as the tests ask."""
        is_object = "/" in self.path.strip("/")
        if "list-type=" in self.query:
            return "ListObjectsV2"
        return f"{self.method} {'object' if is_object else 'bucket'}"


class Fault:
    def __init__(self, description):
        self.match, self.action = description.get("match", {}), description["action"]
        self.first, self.times = description.get("first", 1), description.get("times", 1)
        self.each = description.get("each", False)
        self.seen = collections.Counter()
        self.hits = 0

    def hits_now(self, request):
        """Whether this request is hit; to be asked once for each request."""
        for name, pattern in self.match.items():
            if not fnmatch.fnmatchcase(getattr(request, name), pattern):
                return False
        counter = request.path if self.each else None
        self.seen[counter] += 1
        last = float("inf") if self.times is None else self.first + self.times - 1
        is_hit = self.first <= self.seen[counter] <= last
        self.hits += is_hit
        return is_hit


class Head:
    """The first line and the headers of a request or an answer, and their bytes."""

    def __init__(self, data):
        self.data = data
        first, *lines = data.decode("latin-1").split("\r\n")
        self.words = first.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        self.headers = {name.strip().lower(): value.strip() for name, value in pairs}

    @property
    def status(self):
        return int(self.words[1])

    @property
    def request(self):
        target = urllib.parse.urlsplit(self.words[1])
        signed = self.headers.get("authorization", "").partition("SignedHeaders=")[2].split(",")[0]
        is_signed = "x-amz-request-payer" in signed.split(";")
        return Request(self.words[0], urllib.parse.unquote(target.path), target.query,
                       self.headers.get("x-amz-request-payer", "") if is_signed else "")

    @property
    def is_chunked(self):
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self):
        """Of the body; None where the end of the connection ends it."""
        length = self.headers.get("content-length")
        return None if length is None else int(length)

    def with_headers(self, **changes):
        """The bytes, with other values for these headers; None takes one out."""
        first, *lines = self.data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        changed = {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [line for line in lines if line.split(":")[0].lower() not in changed]
        lines += [f"{name}: {value}" for name, value in changed.items() if value is not None]
        return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


async def read_head(reader):
    """None at the end of the connection."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise ConnectionResetError from end
        return None


async def pieces_of(reader, length):
    """A body of `length` bytes, or up to the end of the connection."""
    while length is None or length > 0:
        piece = await reader.read(PIECE if length is None else min(PIECE, length))
        if not piece:
            if length is not None:
                raise ConnectionResetError
            return
        if length is not None:
            length -= len(piece)
        yield piece


async def chunks_of(reader):
    """A chunked body, its frame included. The last chunk and the end come as one piece:
    versitygw answers and hangs up without reading the end, and what is then still to be
    written would break the connection before its answer is read."""
    held = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        if held:
            yield held
        held = line + await reader.readexactly(size + 2)
    end = line
    while line != b"\r\n":  # trailers, up to an empty line
        line = await reader.readuntil(b"\r\n")
        end += line
    yield held + end


def body_of(reader, head, length):
    return chunks_of(reader) if head.is_chunked else pieces_of(reader, length)


async def send(writer, pieces, limit=None):
    """All pieces, or the first `limit` bytes of them."""
    async for piece in pieces:
        part = piece if limit is None else piece[:limit]
        if limit is not None:
            limit -= len(part)
        writer.write(part)
        await writer.drain()


def reset(writer):
    """Ends a connection with RST, as a machine that died or a firewall does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def error_answer(request, status, code, message=None):
    body = "" if request.method == "HEAD" else (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>'
        f"{message or f'this is the fault {code} of a test'}</Message><RequestId>0</RequestId></Error>")
    reason = {200: "OK", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error",
              503: "Slow Down"}.get(status, "Error")
    return (f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode()


class Exchange:
    """One request and its answer. The fault, if any, is done here."""

    def __init__(self, client, server, head, action):
        self.reader, self.writer = client
        self.server_reader, self.server_writer = server
        self.head, self.request, self.action = head, head.request, action

    async def run(self):
        """Whether the client's connection may be used again."""
        if "status" in self.action and not self.action.get("after"):
            await self.drop_request_body()
            return await self.refuse()
        if self.action.get("reset") == "before":
            reset(self.writer)
            return False
        sending = asyncio.create_task(self.pass_request())
        try:
            answer = await self.next_answer()
            is_kept = await self.pass_answer(answer)
            # The server may answer before it has read the very end of a chunked body.
            await asyncio.wait({sending}, timeout=PATIENCE)
            return is_kept and sending.done() and not sending.exception()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def drop_request_body(self):
        if self.head.headers.get("expect", "").lower() == "100-continue":
            return  # the body comes only after a "100 Continue"
        async for _ in body_of(self.reader, self.head, self.head.length or 0):
            pass

    async def refuse(self):
        self.writer.write(error_answer(self.request, self.action["status"], self.action["code"],
                                       self.action.get("message")))
        await self.writer.drain()
        return False

    async def pass_request(self):
        self.server_writer.write(self.head.data)
        await send(self.server_writer, body_of(self.reader, self.head, self.head.length or 0))

    async def next_answer(self):
        """The final one; "100 Continue" is passed on."""
        while True:
            answer = await read_head(self.server_reader)
            if answer is None:
                raise ConnectionResetError
            if answer.status >= 200:
                return answer
            self.writer.write(answer.data)
            await self.writer.drain()

    async def pass_answer(self, answer):
        if "status" in self.action:
            await self.drop_answer_body(answer)
            return await self.refuse()
        if self.action.get("reset") == "after":
            await self.drop_answer_body(answer)
            reset(self.writer)
            return False
        if self.action.get("stall") == "head":
            return await self.stall()
        length, limit = self.answer_length(answer), None
        # That the server ends its connection is no matter of the client's.
        changes = {} if length is None else {"connection": None}
        if "shorten" in self.action:
            limit = length - self.action["shorten"]
            changes["content_length"] = limit
        self.writer.write(answer.with_headers(**changes))
        if "cut" in self.action:
            limit = int(length * self.action["cut"])
        if self.action.get("stall") == "body":
            limit = length // 2
        await send(self.writer, body_of(self.server_reader, answer, length), limit)
        if self.action.get("stall") == "body":
            return await self.stall()
        return length is not None and (limit is None or "shorten" in self.action)

    def answer_length(self, answer):
        has_none = self.request.method == "HEAD" or answer.status in (204, 304)
        return 0 if has_none else answer.length

    async def drop_answer_body(self, answer):
        length = self.answer_length(answer)
        async for _ in body_of(self.server_reader, answer, length):
            pass

    async def stall(self):
        """Until the client has enough of it."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read(1)
        return False


class FaultProxy:
    """Made by `serving`. What it counts may be read at any time."""

    def __init__(self, server_port):
        self.server_port, self.port = server_port, None
        self.latency = 0.0  # seconds before a request is passed on
        self.latency_of = {}  # the same by Request.kind, where it differs
        self.faults = []
        self.forget()

    def forget(self):
        """Counts from here on."""
        self.requests = []  # in the order of their coming
        self.most_in_flight = collections.Counter()  # by Request.kind
        self.in_flight = collections.Counter()

    def replay(self, *faults):
        """Replaces the faults; each is a description as in the files."""
        self.faults = [Fault(fault) for fault in faults]
        return self.faults

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def count(self, kind, path="*"):
        return sum(request.kind == kind and fnmatch.fnmatchcase(request.path, path)
                   for request in list(self.requests))

    async def answer_one(self, client, head):
        request, in_flight = head.request, self.in_flight
        self.requests.append(request)
        hit = next((fault for fault in self.faults if fault.hits_now(request)), None)
        in_flight[request.kind] += 1
        self.most_in_flight[request.kind] = max(self.most_in_flight[request.kind],
                                                in_flight[request.kind])
        try:
            await asyncio.sleep(self.latency_of.get(request.kind, self.latency))
            server = await asyncio.open_connection("127.0.0.1", self.server_port, limit=MAX_HEAD)
            with contextlib.closing(server[1]):
                return await Exchange(client, server, head, hit.action if hit else {}).run()
        finally:
            in_flight[request.kind] -= 1

    async def answer_client(self, *client):
        reader, writer = client
        try:
            is_open = True
            while is_open and (head := await read_head(reader)):
                is_open = await self.answer_one(client, head)
        except (ConnectionError, asyncio.IncompleteReadError):
            reset(writer)
        finally:
            writer.close()


@contextlib.contextmanager
def serving(server_port):
    """A proxy before the server of that port, in a thread of its own."""
    proxy, loop = FaultProxy(server_port), asyncio.new_event_loop()
    listener = loop.run_until_complete(
        asyncio.start_server(proxy.answer_client, "127.0.0.1", 0, limit=MAX_HEAD, backlog=1024))
    proxy.port = listener.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        end_tasks(loop)
        loop.close()


def end_tasks(loop):
    """Connections that clients keep alive wait for a next request that never comes."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))


def read_fault(path):
    return json.loads(path.read_text())
