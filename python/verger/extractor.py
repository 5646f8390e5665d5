"""Encoded images to features."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future
from ctypes import byref
from pathlib import PurePath
from typing import Any, Callable, Iterable, Iterator, Optional, TypeVar, Union

import pyarrow as pa

from verger._arrow import batches_of
from verger._crew import Crew, Times, Worker
from verger._fork import watched
from verger._library import MOST_THREADS, ImageOptions, library, whole_number
from verger.model import Model, PathLike

T = TypeVar("T")

# Rows that a thread takes at a time: some tenths of a second of work.
CHUNK_ROWS = 32

IMAGES = pa.schema([("path", pa.string()), ("label", pa.string()), ("content", pa.binary())])
FEATURES = pa.schema([("path", pa.string()), ("label", pa.string()),
                      ("features", pa.list_(pa.field("element", pa.float32()))),
                      ("error", pa.string())])


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

    Threads may share one, and forked processes: each process has workers of its own. It can
    be pickled, as its model can.
    """

    def __init__(self, model: Union[Model, PathLike, None] = None, *,
                 threads: Optional[int] = None, team: int = 1, kernels: Optional[str] = None,
                 max_pixels: Optional[int] = None, exif_orient: bool = False) -> None:
        """model: a Model, or what `find_model` takes. threads: one a CPU of this process, or of
        its share where a team is asked for. team: threads that work together on each image, for
        images that come one at a time and whose features are wanted soon.
        max_pixels: the largest width * height, Pillow's limit where None. exif_orient: turn
        images as their EXIF data say."""
        self.team = whole_number(team, "team", 1, MOST_THREADS)
        self._asked_threads = threads
        if threads is None:
            threads = max(1, library().vg_usable_cpus() // team)
        self.threads = whole_number(threads, "threads", 1, MOST_THREADS)
        self._options = ImageOptions()
        library().vg_image_options_default(byref(self._options))
        if max_pixels is not None:
            self._options.max_pixels = whole_number(max_pixels, "max_pixels", 1, 2**64 - 1)
        self._options.exif_orient = int(bool(exif_orient))
        self._closed = False
        self._lock = threading.Lock()  # over which crew there is
        self.model = model if isinstance(model, Model) else Model(model, kernels=kernels)
        self._crew: Optional[Crew] = self._new_crew()
        watched.add(self)

    def extract(self, images) -> pa.Table:
        """path, label, features and error of images: a table or batch with the columns path,
        label and content, or the paths of files."""
        if isinstance(images, (str, bytes, os.PathLike)):
            raise TypeError("a table or paths are needed: put a single path into a list")
        if hasattr(images, "schema") or hasattr(images, "__arrow_c_array__"):
            done = self.extract_batches(batches_of(images))
        else:
            done = self._each(lambda worker, paths: worker.extract(read_images(paths)),
                              path_chunks(images))
        return pa.Table.from_batches(done, schema=FEATURES)

    def extract_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batch by batch, in order, with little in memory: for streams."""
        return self._each(lambda worker, batch: worker.extract(batch), chunks(batches))

    def times(self) -> Times:
        """Where the time went since the extractor was made, or since a fork."""
        return self._open_crew().times()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Ends the threads and frees their buffers. Waits for the images that are under way;
        an `extract` that has more to come is ended by a ValueError, as is any use afterwards."""
        with self._lock:
            self._closed = True
            crew, self._crew = self._crew, None
        if crew:
            crew.close()

    def __enter__(self) -> Extractor:
        self._open_crew()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        crew = getattr(self, "_crew", None)
        if crew:
            crew.drop()

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        team = f", team={self.team}" if self.team > 1 else ""
        return f"<verger.Extractor of {self.model!r}, threads={self.threads}{team}{state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._open_crew()
        settings = {"threads": self._asked_threads, "team": self.team,
                    "max_pixels": self._options.max_pixels,
                    "exif_orient": bool(self._options.exif_orient)}
        return reopen_extractor, (self.model, settings)

    def _new_crew(self) -> Crew:
        return Crew(self.model, self._options, self.threads, self.team)

    def _open_crew(self) -> Crew:
        with self._lock:
            if self._closed:
                raise ValueError("the extractor is closed")
            crew = self._crew = self._crew or self._new_crew()
        crew.check()
        return crew

    def _after_fork(self) -> None:
        """The next use makes workers and threads of this process; the model serves it as it
        is."""
        self._lock = threading.Lock()
        crew, self._crew = self._crew, None
        if crew:
            crew.abandon()

    def _each(self, work: Callable[[Worker, T], pa.RecordBatch],
              chunks: Iterable[T]) -> Iterator[pa.RecordBatch]:
        crew = self._open_crew()

        def result(chunk: T) -> pa.RecordBatch:
            with crew.worker() as worker:
                return work(worker, chunk)

        return self._results(crew, result, chunks)

    def _results(self, crew: Crew, work: Callable[[T], pa.RecordBatch],
                 chunks: Iterable[T]) -> Iterator[pa.RecordBatch]:
        """The results in order; two chunks a thread are under way."""
        if crew.pool is None:
            yield from map(work, chunks)
            return
        pending: deque[Future[pa.RecordBatch]] = deque()

        def oldest() -> pa.RecordBatch:
            crew.check()  # in a forked process nobody would end it
            return pending.popleft().result()

        try:
            for chunk in chunks:
                crew.check()
                pending.append(crew.pool.submit(work, chunk))
                if len(pending) > 2 * self.threads:
                    yield oldest()
            while pending:
                yield oldest()
        finally:
            for future in pending:
                future.cancel()


def reopen_extractor(model: Model, settings: dict[str, Any]) -> Extractor:
    return Extractor(model, **settings)
