"""Runs that are killed and resumed: the tables are those of a run that nobody disturbed."""

import concurrent.futures
import os
import random
import shutil
import time

import kills
import pytest
import snapshots
from conftest import TS, encoded, fill, photograph

# Besides the quick tests, so many kills at random moments.
KILLS = int(os.environ.get("VERGER_KILLS", "0"))
SEED = int(os.environ.get("VERGER_SEED", str(time.time_ns() % 2**32)))
SMALL = ["--part-rows", "3", "--format", "csv", "--timestamp", TS]
BOTH = ["--part-rows", "5", "--timestamp", TS]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two parts of images, one of them broken."""
    folder = tmp_path_factory.mktemp("few")
    for i in range(5):
        path = folder / "Training" / f"Apple {i % 2}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(i)))
    path.write_bytes(path.read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def dozen(tmp_path_factory):
    """Three parts of images, the last of two images and one of them broken."""
    folder = fill(tmp_path_factory.mktemp("dozen"), per_class=4)
    (folder / "Training" / "Pear 1" / "r_3_100.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return folder


def undisturbed(source, tmp_path, arguments):
    """What a run writes, and how often it changes the disk for that."""
    count = kills.changes(source, tmp_path / "undisturbed", *arguments)
    return snapshots.whole(tmp_path / "undisturbed"), count


def in_parallel(function, items):
    """Two at a time: half of a run waits for the disk."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


def resume_to_the_end(source, output, arguments, expected):
    kills.ends(source, output, "--resume", *arguments, code=3)
    snapshots.assert_same(snapshots.whole(output), expected)


def survives(source, output, arguments, expected, points):
    """A run killed at the first of the points, its resumptions at the others."""
    killed = 0
    for i, point in enumerate(points):
        killed += kills.killed_at(point, source, output, *arguments, *["--resume"][:i])
    resume_to_the_end(source, output, arguments, expected)
    shutil.rmtree(output)
    return killed


def test_a_kill_before_every_change_to_the_disk(few, tmp_path):
    expected, changes = undisturbed(few, tmp_path, SMALL)

    def try_point(point):
        return survives(few, tmp_path / f"{point}", SMALL, expected, [point])
    killed = sum(in_parallel(try_point, range(1, changes + 1)))
    print(f"survived {killed} kills at {changes} moments")
    assert killed == changes


def test_resumptions_are_killed_too(dozen, tmp_path):
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    expected, changes = undisturbed(dozen, tmp_path, BOTH)
    chains = [[draw.randint(1, changes) for _ in range(4)] for _ in range(8)]

    def try_chain(number):
        return survives(dozen, tmp_path / f"{number}", BOTH, expected, chains[number])
    print(f"survived {sum(in_parallel(try_chain, range(len(chains))))} kills")


@pytest.mark.skipif(KILLS == 0, reason="VERGER_KILLS=n asks for so many kills")
def test_many_kills(dozen, tmp_path):
    """At every change to the disk, then after random times, three in a row."""
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    expected, changes = undisturbed(dozen, tmp_path, BOTH)
    start = time.monotonic()
    kills.ends(dozen, tmp_path / "timed", *BOTH, code=3)
    whole = time.monotonic() - start

    def try_point(point):
        return survives(dozen, tmp_path / f"{point}", BOTH, expected, [point])

    def try_times(number):
        output, killed = tmp_path / f"at-random-{number}", 0
        for i in range(3):
            killed += kills.killed_after(draw.uniform(0, 1.2 * whole), dozen, output, *BOTH,
                                         *["--resume"][:i])
        resume_to_the_end(dozen, output, BOTH, expected)
        shutil.rmtree(output)
        return killed
    targeted = sum(in_parallel(try_point, range(1, changes + 1)))
    assert targeted == changes
    timed, rounds = 0, 0
    while timed < KILLS:
        timed += sum(in_parallel(try_times, range(rounds, rounds + 10)))
        rounds += 10
    print(f"survived {targeted} kills at every one of {changes} moments, and {timed} at random")
