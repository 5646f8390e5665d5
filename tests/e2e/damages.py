"""What can befall a file between two runs."""

import os
import random
import time

SEED = int(os.environ.get("VERGER_SEED", str(time.time_ns() % 2**32)))


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(random.Random(1).randbytes(70000))


DAMAGES = [delete, truncate, flip, empty, garbage]


def in_turn(things):
    """For a test: each damage with one of the things, with another one the next time the tests run;
    with all of them where kills are asked for (VERGER_KILLS)."""
    if os.environ.get("VERGER_KILLS"):
        return [(thing, damage) for thing in things for damage in DAMAGES]
    return [(things[(SEED + i) % len(things)], damage) for i, damage in enumerate(DAMAGES)]
