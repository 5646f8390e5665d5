"""What can befall a file between two runs."""

import os
import random


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
