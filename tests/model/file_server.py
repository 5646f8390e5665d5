"""An HTTP server of one file, with ranges, validators and the faults of real servers."""

import contextlib
import http.server
import threading


class FileServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = data
        self.etag = '"one"'
        self.modified = None
        self.ranges = True  # False: every answer is the whole file
        self.lengths = True  # False: the end of the connection is the end of the file
        self.drops = []  # bytes of the body after which an answer breaks off, one an answer
        self.codes = []  # answers to give instead, one a request
        self.redirect = None
        self.shift = 0  # the range that is sent begins so much too late
        self.stall = None  # an event that is waited for before the last byte
        self.stalled = threading.Event()
        self.requests = []  # (path, Range, If-Range)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/weights.h5"

    def handle_error(self, request, client_address):
        pass  # a client that went away is what some tests are about


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def head(self, code, length, **headers):
        self.send_response(code)
        if length is not None and self.server.lengths:
            self.send_header("Content-Length", length)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()

    def validators(self):
        named = {"ETag": self.server.etag, "Last_Modified": self.server.modified}
        return {name: value for name, value in named.items() if value is not None}

    def first_byte(self):
        """Where the asked range begins, or None for the whole file."""
        server, wanted = self.server, self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if wanted is None or not server.ranges:
            return None
        if condition is not None and condition not in (server.etag, server.modified):
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def send_body(self, body):
        server = self.server
        drop = server.drops.pop(0) if server.drops else None
        if drop is not None:
            body = body[:drop]
        if server.stall is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[:-1])
        self.wfile.flush()
        server.stalled.set()
        server.stall.wait(60)
        self.wfile.write(body[-1:])

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        if server.redirect is not None:
            location, server.redirect = server.redirect, None
            self.head(302, 0, Location=location)
            return
        if server.codes:
            page = b"<html>a page that is no file</html>"
            self.head(server.codes.pop(0), len(page), ETag='"page"')
            self.wfile.write(page)
            return
        size, first = len(server.data), self.first_byte()
        if first is None:
            self.head(200, size, **self.validators())
            self.send_body(server.data)
        elif first >= size:
            self.head(416, 0, Content_Range=f"bytes */{size}")
        else:
            first += server.shift
            self.head(
                206,
                size - first,
                Content_Range=f"bytes {first}-{size - 1}/{size}",
                **self.validators(),
            )
            self.send_body(server.data[first:])


@contextlib.contextmanager
def serving(data):
    with FileServer(data) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            if server.stall is not None:
                server.stall.set()
            server.shutdown()
            thread.join()
