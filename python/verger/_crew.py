"""The workers of an extractor: each serves one thread at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import byref
from typing import Callable, Iterator, NamedTuple, Optional

import pyarrow as pa

from verger._arrow import transform
from verger._library import ExtractorTimes, ImageOptions, Resource, library
from verger.model import Model


class Times(NamedTuple):
    """Seconds of all threads together."""

    decode: float
    resize: float
    network: float


class Worker:
    """vg_extractor: the buffers of one thread, or of a team. The caller sees to it that one
    thread at a time uses it."""

    def __init__(self, model: Resource, options: ImageOptions, team: int) -> None:
        self._model = model  # which has to outlive it
        self._owned = Resource("vg_extractor_open_team", "vg_extractor_close", model.pointer,
                               byref(options), team)
        self.times = Times(0, 0, 0)

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        try:
            return transform("vg_extract_arrow", self._owned.pointer, batch)
        finally:
            times = ExtractorTimes()
            library().vg_extractor_get_times(self._owned.pointer, byref(times))
            self.times = Times(times.decode, times.resize, times.network)

    def abandon(self) -> None:
        """In a forked process: its team stayed behind, and closing would wait for it."""
        self._owned.pointer = None


class Crew:
    """`threads` workers, and a pool of as many threads where there are several."""

    def __init__(self, model: Model, options: ImageOptions, threads: int, team: int) -> None:
        resource = model._resource()
        self._model = model
        self._workers = [Worker(resource, options, team) for _ in range(threads)]
        self._idle = list(self._workers)
        self._changed = threading.Condition()
        self._ended = ""  # why it serves no more
        self.pool: Optional[ThreadPoolExecutor] = None
        if threads > 1:
            self.pool = ThreadPoolExecutor(threads, "verger")

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """One that is idle, waited for; ValueError once the crew or the model is closed."""
        self.check()  # before the lock, which a fork may have left locked
        with self._changed:
            while not self._idle and not self._ended:
                self._changed.wait()
            self.check()
            worker = self._idle.pop()
        try:
            yield worker
        finally:
            with self._changed:
                self._idle.append(worker)
                self._changed.notify_all()

    def check(self) -> None:
        if self._ended:
            raise ValueError(self._ended)
        self._model._resource()

    def times(self) -> Times:
        """As of the last batch that each worker ended."""
        with self._changed:
            return Times(*map(sum, zip(*(worker.times for worker in self._workers))))

    def close(self) -> None:
        """Waits for what is under way; what was to come is a ValueError."""
        with self._changed:
            self._ended = "the extractor is closed"
            self._changed.notify_all()
            while len(self._idle) < len(self._workers):
                self._changed.wait()
            self._idle, self._workers = [], []
        if self.pool:
            self.pool.shutdown()

    def drop(self) -> None:
        """As `close`, but waits for nobody: for the collector of garbage, whose thread may be
        one of the pool. The workers go with the last that uses them."""
        self._ended = "the extractor is closed"
        if self.pool:
            self.pool.shutdown(wait=False)

    def abandon(self) -> None:
        """In a forked process: the threads, and who held a worker, stayed behind."""
        self._ended = "the extraction began before this process was forked: begin it again"
        for worker in self._workers:
            worker.abandon()
