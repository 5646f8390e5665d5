"""What a run asks of a bucket that answers after 20 ms: counted, not timed."""

import collections
import subprocess

import pytest
from buckets import run
from conftest import BUILD, fill
from store import fault_proxy
from store.gateway import environment

IMAGES, THREADS = 48, 4
READERS = 4 * THREADS  # src/run/pipeline.c: readers a thread on a bucket


@pytest.fixture(scope="module")
def source(gateway):
    fill(gateway.bucket("far-orchard"), per_class=IMAGES // 3)
    gateway.bucket("far-tables")
    return "s3://far-orchard"


@pytest.fixture(scope="module")
def proxy(gateway, source):
    """After a whole run through it."""
    with fault_proxy.serving(gateway.port) as proxy:
        proxy.latency = 0.02
        run(source, "s3://far-tables/counted", "--threads", THREADS,
            environment=environment(proxy.endpoint))
        yield proxy


def test_one_request_an_image(proxy):
    asked = collections.Counter((request.method, request.path) for request in proxy.requests
                                if request.path.endswith(".jpg"))
    assert len({path for _, path in asked}) == IMAGES
    assert asked == {("GET", path): 1 for _, path in asked}


def test_one_listing_of_the_input(proxy):
    assert proxy.count("ListObjectsV2", "/far-orchard") == 1


def test_one_request_an_object_that_is_written(proxy):
    written = collections.Counter(request.path for request in proxy.requests
                                  if request.method in ("PUT", "POST"))
    beats = ("/", "/lock")  # folders' markers, and the lock, which is written again and again
    tables = {path: count for path, count in written.items() if not path.endswith(beats)}
    assert len(tables) > 10
    # The gateway hangs up now and then, and a request is sent again: all but one object a run.
    assert sum(tables.values()) <= len(tables) + 1, tables


def test_many_requests_are_on_their_way(gateway, source):
    """Images that take long, so that a busy machine starts all readers before the first
    image is there."""
    with fault_proxy.serving(gateway.port) as proxy:
        proxy.latency_of["GET object"] = 0.5
        run(source, "s3://far-tables/in-flight", "--threads", THREADS, "--limit", READERS,
            environment=environment(proxy.endpoint))
        assert proxy.most_in_flight["GET object"] == READERS


# --- Updates ------------------------------------------------------------------------------

# The command with features drawn from a hash of the file (tests/scale), for parts of many images.
UPDATE = ["--model", "seeded:7", "-k", 3, "--format", "parquet", "--part-rows", 64, "--threads", 1,
          "--progress", "none"]
FOLDERS = 14


def standin(source, output, timestamp, *arguments, environment):
    command = [BUILD / "verger_standin", "run", source, output, *UPDATE, "--timestamp", timestamp, *arguments]
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def update(gateway, tmp_path_factory):
    """The proxy through which an update went, of some parts of which three are new."""
    source = tmp_path_factory.mktemp("orchard")
    for kind in range(FOLDERS):
        (source / f"Kind {kind:02}").mkdir()
        for number in range(60):
            (source / f"Kind {kind:02}" / f"{number}.jpg").write_text(f"image {number} of {kind}\n")
    gateway.bucket("far-updates")
    standin(source, "s3://far-updates/t", "20250101_000000", environment=gateway.environment())
    for kind in (2, 7, 12):
        (source / f"Kind {kind:02}" / "new.jpg").write_text("a new image\n")
    with fault_proxy.serving(gateway.port) as proxy:
        proxy.latency = 0.05
        standin(source, "s3://far-updates/t", "20250102_000000", "--update",
                environment=environment(proxy.endpoint))
        yield proxy


def test_parts_are_looked_at_side_by_side(update):
    """On one thread that works, for requests wait most of the time: records, and copies."""
    copies = [request for request in update.requests
              if request.method == "PUT" and "run_20250102" in request.path]
    assert len(copies) > 5
    assert min(update.most_in_flight[kind] for kind in ("GET object", "HEAD object", "PUT object")) >= 4


def test_images_of_other_parts_are_not_read_again(update):
    """However many parts are new, who looks for what they had goes to the place."""
    asked = collections.Counter(request.path for request in update.requests
                                if request.method == "GET" and request.path.endswith(".parquet")
                                and "_verger/run_20250101" in request.path)
    assert len(asked) > 8
    # As above, a request may be sent again.
    assert asked[min(asked)] <= min(asked.values()) + 2, asked
