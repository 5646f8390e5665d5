"""Speed of buckets beside folders, in one run; prints two tables in Markdown.

    .deps/venv/bin/python bench/stores.py BUILD [--images N] [--rounds N] [--threads N]

The same drawn photographs lie in a folder that is also a bucket of versitygw, on loopback.
They are read from the folder, from the gateway, and through a proxy that keeps every
request waiting (tests/store/fault_proxy.py); first only read, by more and more threads,
then by whole runs with seeded weights. Cases take turns, the median of the rounds counts.

The proxy is a Python process on the same cores as all else: the row of 0 ms says what it
costs, and what it can do at most.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from store import fault_proxy, gateway  # noqa: E402

TIMESTAMP = "20250131_235959"
LATENCIES = [0, 20]  # milliseconds
READERS = [1, 4, 8, 16, 32, 64]


class Place:
    """Where the images are read from, and what is counted there."""

    def __init__(self, name, source, output, environment, proxy=None):
        self.name, self.source, self.output = name, source, output
        self.environment, self.proxy = environment, proxy

    def forget(self):
        if self.proxy:
            self.proxy.forget()

    def counted(self, images):
        """Requests in flight and requests an image; None where nobody counts."""
        if not self.proxy:
            return None
        asked = [request for request in self.proxy.requests if request.path.endswith(".jpg")]
        return self.proxy.most_in_flight["GET object"], len(asked) / images


def open_places(stack, folder):
    """The folder, the gateway and the proxies, all over the same images."""
    server = stack.enter_context(gateway.serving(folder))
    server.bucket("tables")
    places = [Place("folder", folder / "images", folder / "local", dict(os.environ)),
              Place("gateway", "s3://images", "s3://tables/gateway", server.environment())]
    for milliseconds in LATENCIES:
        proxy = stack.enter_context(fault_proxy.serving(server.port))
        proxy.latency = milliseconds / 1000
        places.append(Place(f"gateway, proxy of {milliseconds} ms", "s3://images",
                            f"s3://tables/{milliseconds}ms",
                            gateway.environment(proxy.endpoint), proxy))
    return places


def call(words, environment):
    done = subprocess.run([str(word) for word in words], env=environment, capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"stores: {words[0]} failed: {done.stderr}")
    return done.stdout


def read_speed(build, place, threads):
    """Images a second, the listing and the start of the process left out."""
    files, _, seconds = call([build / "io_tool", "readall", place.source, threads],
                             place.environment).split()
    return int(files) / float(seconds)


def run_speed(build, place, images, threads):
    """Images a second of the whole command."""
    start = time.monotonic()
    call([build / "verger", "run", place.source, place.output, "-k", 50, "--model", "seeded:1",
          "--timestamp", TIMESTAMP, "--overwrite", "-q", "--progress", "none",
          "--threads", threads], place.environment)
    return images / (time.monotonic() - start)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def heading(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def medians(cases, measure, rounds):
    """The median of each case; cases take turns, so that all share a slow minute."""
    found = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            found[case].append(measure(case))
    return {case: statistics.median(values) for case, values in found.items()}


def print_reading(build, places, rounds):
    print("Reading alone, images/s (in brackets: of the folder's speed at as many threads)\n")
    heading("from", *(f"{threads} threads" for threads in READERS))
    cases = [(place, threads) for place in places for threads in READERS]
    speeds = medians(cases, lambda case: read_speed(build, *case), rounds)
    for place in places:
        row(place.name, *(f"{speeds[place, n]:,.0f} ({speeds[place, n] / speeds[places[0], n]:.3f})"
                          for n in READERS))


def print_runs(build, places, images, threads, rounds):
    counted = {}

    def measure(place):
        place.forget()
        speed = run_speed(build, place, images, threads)
        counted[place] = place.counted(images)
        return speed

    speeds = medians(places, measure, rounds)
    print(f"\nWhole runs, {images} images, {threads} threads\n")
    heading("from and to", "images/s", "of the folder's", "most GETs in flight",
            "requests an image")
    for place in places:
        in_flight, an_image = counted[place] or ("", "")
        row(place.name, f"{speeds[place]:.1f}", f"{speeds[place] / speeds[places[0]]:.3f}",
            str(in_flight), f"{an_image:.2f}" if an_image else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    words = parser.parse_args()
    if gateway.program() is None:
        sys.exit(f"stores: {gateway.MISSING}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        call([ROOT / "tools/generate-fruits", "--count", words.images, folder / "images"],
             dict(os.environ))
        places = open_places(stack, folder)
        build = words.build.resolve()
        print_reading(build, places, words.rounds)
        print_runs(build, places, words.images, words.threads, words.rounds)


main()
