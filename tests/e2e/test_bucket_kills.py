"""Runs from bucket to bucket that are killed and resumed, leases and all."""

import os
import random
import shutil
import time

import kills
import pytest
import snapshots
from conftest import TS, fill

KILLS = int(os.environ.get("VERGER_KILLS", "0"))
SEED = int(os.environ.get("VERGER_SEED", str(time.time_ns() % 2**32)))
WORDS = ["--part-rows", "5", "--timestamp", TS]
SOURCE = "s3://kills-orchard"


class Bucket:
    """Where runs write to, and what they left there."""

    def __init__(self, gateway):
        self.folder = gateway.bucket("kills-tables")
        self.env = gateway.environment()

    def run(self, name, *arguments, code=0):
        kills.ends(SOURCE, f"s3://kills-tables/{name}", *WORDS, *arguments, code=code, env=self.env)
        return snapshots.whole(self.folder / name)

    def killed_after(self, seconds, name, *arguments):
        return kills.killed_after(seconds, SOURCE, f"s3://kills-tables/{name}", *WORDS, *arguments,
                                  env=self.env)


@pytest.fixture(scope="module")
def bucket(gateway):
    fill(gateway.bucket("kills-orchard"), per_class=6)
    return Bucket(gateway)


@pytest.fixture(scope="module")
def undisturbed(bucket):
    """What a run writes, and how long it takes for that."""
    start = time.monotonic()
    return bucket.run("undisturbed"), time.monotonic() - start


def survive(bucket, undisturbed, draw, name):
    """Three kills at random, then the end."""
    expected, seconds = undisturbed
    killed = sum(bucket.killed_after(draw.uniform(0.1, seconds), name, *["--resume"][:i])
                 for i in range(3))
    start = time.monotonic()
    snapshots.assert_same(bucket.run(name, "--resume"), expected)
    # Nobody waited half a minute for the lease of a dead process to run out.
    assert time.monotonic() - start < 20 + seconds
    shutil.rmtree(bucket.folder / name, ignore_errors=True)
    return killed


def test_kills(bucket, undisturbed):
    print(f"seed {SEED}")
    draw, killed, rounds = random.Random(SEED), 0, 0
    while rounds == 0 or killed < KILLS / 8:
        killed += survive(bucket, undisturbed, draw, f"at-random-{rounds}")
        rounds += 1
    print(f"survived {killed} kills")
