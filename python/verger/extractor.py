"""Encoded images to features."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from ctypes import byref
from pathlib import PurePath
from queue import SimpleQueue
from typing import Iterable, Iterator, NamedTuple, Optional, Union

import pyarrow as pa

from verger._arrow import batches_of, transform
from verger._library import ExtractorTimes, Handle, ImageOptions, library
from verger.model import Model, PathLike

# Rows that a thread takes at a time: some tenths of a second of work.
CHUNK_ROWS = 32

IMAGES = pa.schema([("path", pa.string()), ("label", pa.string()), ("content", pa.binary())])
FEATURES = pa.schema([("path", pa.string()), ("label", pa.string()),
                      ("features", pa.list_(pa.field("element", pa.float32()))),
                      ("error", pa.string())])


class Times(NamedTuple):
    """Seconds of all threads together."""

    decode: float
    resize: float
    network: float


class Worker(Handle):
    """vg_extractor: the buffers of one thread, or of a team."""

    closer = "vg_extractor_close"

    def __init__(self, model: Model, options: ImageOptions, team: int) -> None:
        super().__init__()
        self._open("vg_extractor_open_team", model._pointer, byref(options), team)

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return transform("vg_extract_arrow", self._pointer, batch)

    def times(self) -> Times:
        times = ExtractorTimes()
        library().vg_extractor_get_times(self._pointer, byref(times))
        return Times(times.decode, times.resize, times.network)


def label_of(path: PathLike) -> str:
    """The name of the folder that holds the image."""
    return PurePath(os.fspath(path)).parent.name


def read_images(paths: Iterable[PathLike]) -> pa.RecordBatch:
    """path, label and content of files. One that cannot be read raises OSError."""
    names = [os.fspath(path) for path in paths]
    contents = []
    for name in names:
        with open(name, "rb") as file:
            contents.append(file.read())
    columns = [pa.array(names, pa.string()),
               pa.array([label_of(name) for name in names], pa.string()),
               pa.array(contents, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=IMAGES)


def chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, CHUNK_ROWS):
            yield batch.slice(start, CHUNK_ROWS)


def path_chunks(paths: Iterable[PathLike]) -> Iterator[list[PathLike]]:
    chunk = []
    for path in paths:
        chunk.append(path)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class Extractor:
    """Turns encoded images into MobileNetV2 features, on threads.

    >>> with verger.Extractor() as extractor:
    ...     table = extractor.extract(Path("photographs").rglob("*.jpg"))

    A picture that cannot be decoded is a row whose features are null and whose error says
    why; the features of all others are bit for bit those of the command.
    """

    def __init__(self, model: Union[Model, PathLike, None] = None, *,
                 threads: Optional[int] = None, team: int = 1, kernels: Optional[str] = None,
                 max_pixels: Optional[int] = None, exif_orient: bool = False) -> None:
        """model: a Model, or what `find_model` takes. threads: one a CPU of this process, or of
        its share where a team is asked for. team: threads that work together on each image, for
        images that come one at a time and whose features are wanted soon.
        max_pixels: the largest width * height, Pillow's limit where None. exif_orient: turn
        images as their EXIF data say."""
        if threads is not None and threads < 1:
            raise ValueError(f"{threads} threads: at least one is needed")
        if team < 1:
            raise ValueError(f"a team of {team}: at least one is needed")
        self.model = model if isinstance(model, Model) else Model(model, kernels=kernels)
        self.threads = threads or max(1, library().vg_usable_cpus() // team)
        options = ImageOptions()
        library().vg_image_options_default(byref(options))
        if max_pixels is not None:
            options.max_pixels = max_pixels
        options.exif_orient = int(exif_orient)
        self._workers = [Worker(self.model, options, team) for _ in range(self.threads)]
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)
        self._pool = ThreadPoolExecutor(self.threads, "verger") if self.threads > 1 else None

    def extract(self, images) -> pa.Table:
        """path, label, features and error of images: a table or batch with the columns path,
        label and content, or the paths of files."""
        if isinstance(images, (str, bytes, os.PathLike)):
            raise TypeError("a table or paths are needed: put a single path into a list")
        if hasattr(images, "schema") or hasattr(images, "__arrow_c_array__"):
            done = self.extract_batches(batches_of(images))
        else:
            done = self._each(lambda paths: self._extract(read_images(paths)),
                              path_chunks(images))
        return pa.Table.from_batches(done, schema=FEATURES)

    def extract_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batch by batch, in order, with little in memory: for streams."""
        return self._each(self._extract, chunks(batches))

    def times(self) -> Times:
        """Where the time went since the extractor was made."""
        return Times(*map(sum, zip(*(worker.times() for worker in self._workers))))

    def close(self) -> None:
        """Ends the threads and frees their buffers."""
        if self._pool:
            self._pool.shutdown()
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        worker = self._free.get()
        try:
            return worker.extract(batch)
        finally:
            self._free.put(worker)

    def _each(self, work, chunks: Iterable) -> Iterator[pa.RecordBatch]:
        """The results in order; two chunks a thread are under way."""
        if self._pool is None:
            yield from map(work, chunks)
            return
        pending: deque = deque()
        try:
            for chunk in chunks:
                pending.append(self._pool.submit(work, chunk))
                if len(pending) > 2 * self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
