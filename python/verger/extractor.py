"""Encoded images to features."""

from __future__ import annotations

import itertools
import threading
import warnings
from array import array
from collections import deque
from concurrent.futures import Future
from ctypes import byref
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, Union

import pyarrow as pa

from verger._crew import Crew, Outcomes, Times
from verger._fork import watched
from verger._library import (BAD_DATA, FEATURE_COUNT, MOST_THREADS, ExtractorOptions,
                             VergerError, library, whole_number)
from verger._rows import Reader
from verger._tables import Chunk, batch_chunks, chunks_of
from verger.model import Model, PathLike

if TYPE_CHECKING:
    import numpy

IN_FLIGHT_BYTES = 256 << 20  # of content that is handed to the threads ahead
MAX_FILE_SIZE = 256 << 20  # as the command's --max-file-size

IMAGES = pa.schema([("path", pa.string()), ("label", pa.string()), ("content", pa.binary())])
ELEMENT = pa.field("element", pa.float32())
FEATURES = pa.schema([("path", pa.string()), ("label", pa.string()),
                      ("features", pa.list_(ELEMENT)), ("error", pa.string())])
FIXED_SIZE = pa.list_(ELEMENT, FEATURE_COUNT)


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
                 max_pixels: Optional[int] = None, max_file_size: int = MAX_FILE_SIZE,
                 exif_orient: bool = False) -> None:
        """model: a Model, or what `find_model` takes. threads: one a CPU of this process, or of
        its share where a team is asked for. team: threads that work together on each image, for
        images that come one at a time and whose features are wanted soon.
        max_pixels: the largest width * height, Pillow's limit where None. max_file_size: the
        bytes of the largest file. exif_orient: turn images as their EXIF data say."""
        self.team: int = whole_number(team, "team", 1, MOST_THREADS)
        self._asked_threads: Optional[int] = threads
        if threads is None:
            threads = max(1, library().vg_usable_cpus() // team)
        self.threads: int = whole_number(threads, "threads", 1, MOST_THREADS)
        self._options = ExtractorOptions()
        library().vg_extractor_options_default(byref(self._options))
        if max_pixels is not None:
            self._options.image.max_pixels = whole_number(max_pixels, "max_pixels", 1, 2**64 - 1)
        self.max_file_size: int = whole_number(max_file_size, "max_file_size", 1, 2**63 - 1)
        self._options.image.exif_orient = int(bool(exif_orient))
        self._options.threads = self.team
        self._closed = False
        self._lock = threading.Lock()  # over which crew there is
        self.model: Model = model if isinstance(model, Model) else Model(model, kernels=kernels)
        self._crew: Optional[Crew] = self._new_crew()
        watched.add(self)

    def extract(self, images: Any, *, fixed_size_list: bool = False,
                progress: bool = False) -> pa.Table:
        """path, label, features and error of images, then what other columns there were.

        images: a path, a folder, the bytes of an image file, an opened file, a picture of
        Pillow, an array of uint8 ([height][width][3] or [n][height][width][3]), a tensor of
        torch, a dictionary such as {"image": ..., "label": ...}; any iterable of these; or a
        table of pyarrow, pandas, polars, DuckDB or whatever speaks Arrow's PyCapsule interface,
        with a column of images' bytes (content, bytes, image) or of paths (path, image, file,
        file_name ...). A label is that of the column label, class or category, else the name of
        the folder.
        fixed_size_list: type of the features fixed_size_list<float>[1280] instead of list<float>.
        progress: show a bar of tqdm."""
        batches = list(self._extract(images, fixed_size_list, progress))
        if not batches:
            return features_schema(fixed_size_list).empty_table()
        tables = [pa.Table.from_batches([batch]) for batch in batches]
        return pa.concat_tables(tables, promote_options="permissive")

    def extract_batches(self, batches: Iterable[pa.RecordBatch], *,
                        fixed_size_list: bool = False) -> Iterator[pa.RecordBatch]:
        """The same batch by batch, in order, with little in memory: for streams."""
        return self._each(batch_chunks(batches), fixed_size_list)

    def encode(self, images: Any, *, errors: str = "nan",
               progress: bool = False) -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
        """The features alone, as an array of numpy [n][1280], its rows in the order of the
        images. errors: "nan" makes the row of an image that fails NaN, and warns; "raise" ends
        with the first."""
        import numpy

        if errors not in ("nan", "raise"):
            raise ValueError(f"errors is {errors!r}: 'nan' or 'raise' are possible")
        rows, failed, reason = [], 0, ""
        for batch in self._extract(images, True, progress):
            values = batch.column("features").values.to_numpy().reshape(-1, FEATURE_COUNT)
            missing = batch.column("error").is_valid().to_numpy(zero_copy_only=False)
            if missing.any():
                values = numpy.where(missing[:, None], numpy.float32("nan"), values)
                first = batch.slice(int(missing.argmax()), 1).to_pylist()[0]
                reason = reason or f"{first['path'] or 'an image'}: {first['error']}"
                failed += int(missing.sum())
                if errors == "raise":
                    raise VergerError(BAD_DATA, reason)
            rows.append(values)
        if failed:
            warnings.warn(f"{failed} images failed and are rows of NaN; the first is {reason}",
                          stacklevel=2)
        return numpy.concatenate(rows) if rows else numpy.empty((0, FEATURE_COUNT), numpy.float32)

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
                    "max_pixels": self._options.image.max_pixels,
                    "max_file_size": self.max_file_size,
                    "exif_orient": bool(self._options.image.exif_orient)}
        return reopen_extractor, (self.model, settings)

    def _new_crew(self) -> Crew:
        return Crew(self.model, self._options, self.threads, self.max_file_size)

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

    def _extract(self, images: Any, fixed_size_list: bool,
                 progress: bool) -> Iterator[pa.RecordBatch]:
        reader = Reader(bool(self._options.image.exif_orient))
        done = self._each(chunks_of(images, reader), fixed_size_list)
        return shown(done, images) if progress else done

    def _each(self, chunks: Iterable[Chunk], dense: bool) -> Iterator[pa.RecordBatch]:
        crew = self._open_crew()

        def work(chunk: Chunk) -> pa.RecordBatch:
            with crew.worker() as worker:
                return batch_of(chunk, worker.extract(chunk.sources, dense), dense)

        return self._results(crew, work, chunks)

    def _results(self, crew: Crew, work: Callable[[Chunk], pa.RecordBatch],
                 chunks: Iterable[Chunk]) -> Iterator[pa.RecordBatch]:
        """The results in order; two chunks a thread are under way, if they are small."""
        if crew.pool is None:
            yield from map(work, chunks)
            return
        pending: deque[tuple[Future[pa.RecordBatch], int]] = deque()
        held = 0
        try:
            for chunk in chunks:
                crew.check()
                pending.append((crew.pool.submit(work, chunk), chunk.bytes))
                held += chunk.bytes
                while len(pending) > 2 * self.threads or (pending and held > IN_FLIGHT_BYTES):
                    crew.check()  # in a forked process nobody would end it
                    future, size = pending.popleft()
                    held -= size
                    yield future.result()
            while pending:
                crew.check()
                yield pending.popleft()[0].result()
        finally:
            for future, _ in pending:
                future.cancel()


def reopen_extractor(model: Model, settings: dict[str, Any]) -> Extractor:
    return Extractor(model, **settings)


def features_schema(fixed_size_list: bool) -> pa.Schema:
    if not fixed_size_list:
        return FEATURES
    return FEATURES.set(2, pa.field("features", FIXED_SIZE))


def batch_of(chunk: Chunk, outcomes: Outcomes, dense: bool) -> pa.RecordBatch:
    """A chunk's images with what came of them."""
    good = pa.array([error is None for error in outcomes.errors], pa.bool_())
    validity = good.buffers()[1]  # one bit a row in either
    values = pa.Array.from_buffers(pa.float32(), outcomes.features.size // 4,
                                   [None, outcomes.features])
    buffers, kind = [validity], FIXED_SIZE
    if not dense:
        ends = itertools.accumulate(FEATURE_COUNT * (error is None) for error in outcomes.errors)
        buffers.append(pa.py_buffer(array("i", [0, *ends])))
        kind = FEATURES.field("features").type
    features = pa.Array.from_buffers(kind, len(good), buffers, children=[values])
    columns = [chunk.path, chunk.label, features, pa.array(outcomes.errors, pa.string())]
    schema = features_schema(dense)
    if chunk.others is not None:
        columns += chunk.others.columns
        schema = pa.schema([*schema, *chunk.others.schema])
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def shown(done: Iterator[pa.RecordBatch], images: Any) -> Iterator[pa.RecordBatch]:
    """The same, with a bar of progress."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from None
    has_length = hasattr(images, "__len__") and not isinstance(images, (str, bytes, dict))
    with tqdm(total=len(images) if has_length else None, unit="image") as bar:
        for batch in done:
            bar.update(len(batch))
            yield batch
