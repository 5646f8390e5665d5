"""What a run asks of a bucket that answers after 20 ms: counted, not timed."""

import collections

import pytest
from buckets import run
from conftest import fill
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
