"""The workers of an extractor: each serves one thread at a time."""

from __future__ import annotations

import ctypes
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import byref
from typing import Iterator, NamedTuple, Optional, Union

import pyarrow as pa

from verger._library import (FEATURE_COUNT, HANDLE, IMAGE_BYTES, EncodedImage, ExtractorOptions,
                             ExtractorTimes, Image, ImageResult, Resource, VergerError, call,
                             library, text_of)
from verger._rows import Encoded, Failed, File, Pixels, Source, name_bytes, unreadable
from verger.model import Model

FILE_BYTES = 256 << 20  # of files in memory, all threads together


class Times(NamedTuple):
    """Seconds of all threads together."""

    decode: float
    resize: float
    network: float


class Outcomes(NamedTuple):
    """Of a chunk's images: features one after the other where `dense` was asked for, else of
    those alone that did not fail."""

    features: pa.Buffer
    errors: list[Optional[str]]


class Budget:
    """Bytes of files that all threads together hold in memory. A thread holds one file at a
    time, so none waits for another that waits."""

    def __init__(self, most: int) -> None:
        self._left = self._most = most
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        size = min(size, self._most)
        with self._changed:
            while size > self._left:
                self._changed.wait()
            self._left -= size
        try:
            yield
        finally:
            with self._changed:
                self._left += size
                self._changed.notify_all()


class Worker:
    """vg_extractor: the buffers of one thread, or of a team. The caller sees to it that one
    thread at a time uses it."""

    def __init__(self, model: Resource, options: ExtractorOptions, budget: Budget,
                 max_file_size: int) -> None:
        self._model = model  # which has to outlive it
        self._owned = Resource("vg_extractor_open", "vg_extractor_close", model.pointer,
                               byref(options))
        self._max_pixels = options.image.max_pixels
        self._budget = budget
        self._max_file_size = max_file_size
        self._rgb = ctypes.create_string_buffer(IMAGE_BYTES)
        self.times = Times(0, 0, 0)

    def extract(self, sources: list[Source], dense: bool) -> Outcomes:
        row_bytes = FEATURE_COUNT * 4
        features = pa.allocate_buffer(len(sources) * row_bytes, resizable=True)
        errors: list[Optional[str]] = []
        place = 0
        for source in sources:
            address = features.address + place * row_bytes
            error = self._one(source, address)
            errors.append(error)
            if error is not None and dense:
                ctypes.memset(address, 0, row_bytes)
            place += error is None or dense
        features.resize(place * row_bytes)
        times = ExtractorTimes()
        library().vg_extractor_get_times(self._owned.pointer, byref(times))
        self.times = Times(times.decode, times.resize, times.network)
        return Outcomes(features, errors)

    def _one(self, source: Source, features: int) -> Optional[str]:
        """Writes one image's features; why there are none, where there are none."""
        if isinstance(source, Failed):
            return source.reason
        if isinstance(source, File):
            return self._file(source.name, features)
        if isinstance(source, Encoded):
            return self._encoded(source.content, features)
        return self._pixels(source, features)

    def _file(self, name: Union[str, bytes], features: int) -> Optional[str]:
        try:
            info = os.stat(name)
            if not stat.S_ISREG(info.st_mode):
                return "cannot be read: it is not a file"
            if info.st_size > self._max_file_size:
                return (f"the file has {info.st_size} bytes, max_file_size is "
                        f"{self._max_file_size}")
            with self._budget.take(info.st_size), open(name, "rb") as file:
                # One byte more than it had: it may grow, and must not beyond what was taken.
                content = file.read(info.st_size + 1)
                if len(content) != info.st_size:
                    return "cannot be read: the file changes while it is read"
                return self._encoded(pa.py_buffer(content), features)
        except FileNotFoundError as error:
            real = name_bytes(name) if isinstance(name, str) else name
            if os.fsencode(name) != real:  # the text of an odd name, out of a table
                return self._file(real, features)
            hint = ": download it, or let the command read it" if b"://" in real else ""
            return unreadable(error) + hint
        except OSError as error:
            return unreadable(error)
        except ValueError as error:  # a NUL in the name
            return f"cannot be read: {error}"

    def _encoded(self, content: pa.Buffer, features: int) -> Optional[str]:
        image, result = EncodedImage(content.address, content.size), ImageResult()
        call("vg_extract", self._owned.pointer, 1, byref(image), features, byref(result))
        return None if result.status == 0 else text_of(result.error)

    def _pixels(self, source: Pixels, features: int) -> Optional[str]:
        if source.width * source.height > self._max_pixels:
            return (f"the image is {source.width} x {source.height} pixels, "
                    f"max_pixels is {self._max_pixels}")
        image = Image(source.rgb.address, source.width, source.height, source.rgb.size)
        try:
            call("vg_extractor_resize", self._owned.pointer, byref(image), self._rgb)
        except VergerError as error:
            return str(error)
        call("vg_extractor_forward", self._owned.pointer, 1, self._rgb, features)
        return None

    def abandon(self) -> None:
        """In a forked process: its team stayed behind, and closing would wait for it."""
        self._owned.pointer = HANDLE()


class Crew:
    """`threads` workers, and a pool of as many threads where there are several."""

    def __init__(self, model: Model, options: ExtractorOptions, threads: int,
                 max_file_size: int) -> None:
        resource = model._resource()
        budget = Budget(max(FILE_BYTES, max_file_size))
        self._model = model
        self._workers = [Worker(resource, options, budget, max_file_size)
                         for _ in range(threads)]
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
