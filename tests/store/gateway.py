"""versitygw, a real S3 server over a folder, which checks signatures."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY, SECRET = "key", "se/cret"
REGION = "us-east-1"
MISSING = ("no versitygw in .deps/bin or on PATH, so no S3 to talk to: "
           "run tools/setup test, which needs Go")


def program():
    """versitygw's path, or None."""
    return shutil.which(ROOT / ".deps/bin/versitygw") or shutil.which("versitygw")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port, server, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert server.poll() is None, "the server ended by itself"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)


def environment(endpoint, key=KEY, secret=SECRET, region=REGION):
    """What a user would export for this server; nothing of the machine's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": region, "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true"}


class Gateway:
    """Buckets are the folders below `folder`, objects the files in them."""

    def __init__(self, folder, port):
        self.folder, self.port = pathlib.Path(folder), port
        self.endpoint = f"http://127.0.0.1:{port}"

    def bucket(self, name):
        """The bucket's folder, made if it is not there."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def environment(self, **changes):
        return environment(self.endpoint, **changes)

    def address(self, path, key=KEY, secret=SECRET):
        """An address that says all by itself, for a process without the environment."""
        return (f"s3://{key}:{secret}@{path}?endpoint_override=127.0.0.1:{self.port}"
                f"&scheme=http&region={REGION}")


@contextlib.contextmanager
def serving(folder):
    """A gateway over `folder`. It ends each connection after one answer: with --keep-alive,
    versitygw 1.8.0 leaves the end of a chunked body unread and answers 400 to the next."""
    port = free_port()
    command = [program(), "--port", f"127.0.0.1:{port}", "--quiet", "--region", REGION,
               "posix", str(folder)]
    server = subprocess.Popen(
        command, env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, server)
        yield Gateway(folder, port)
    finally:
        server.kill()
        server.wait()
