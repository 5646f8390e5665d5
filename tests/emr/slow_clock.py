"""verger-emr as a process of its own, whose waits are a 300th as long: signals are real.

    python slow_clock.py MARK WORDS...      MARK names the requests before which to halt
"""

import os
import signal
import sys
import time
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.environ["VERGER_PYTHON_FOLDER"])

from verger.emr import aws as aws_room  # noqa: E402
from verger.emr.command_line import main  # noqa: E402

START = datetime(2026, 11, 28, 13, 45, tzinfo=timezone.utc)  # as in world.py
SPEED = 300
halt, words = sys.argv[1], sys.argv[2:]
make = aws_room.Aws.client


def client(self, service, **given):
    """Says each request, and stops the process before the one that is named."""
    made = make(self, service, **given)
    if not getattr(made, "is_watched", False):
        made.is_watched = True
        made.meta.events.register("before-send.*.*", say)
    return made


def say(request, **_):
    name = request.context.get("operation_name") if hasattr(request, "context") else None
    name = name or request.headers.get("X-Amz-Target", b"").decode().rpartition(".")[2] \
        or f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}"
    print(f"request {name}", file=sys.stderr, flush=True)
    if halt and halt in name:
        os.kill(os.getpid(), signal.SIGSTOP)


def now():
    """Of the world, which CLOCK_MONOTONIC of this machine drives."""
    elapsed = time.monotonic() - float(os.environ["WORLD_BEGAN"])
    return START + timedelta(seconds=SPEED * elapsed)


aws_room.Aws.client = client
sys.exit(main(words, now=now, sleep=lambda seconds: time.sleep(seconds / SPEED)))
