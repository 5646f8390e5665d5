"""Exact nearest rows: of every row, and of queries. numpy in, numpy out.

Rows are ordered by distances in float64, and where those are equal the row with the lower
number comes first, so results are the same bits on any number of threads and any CPU.
"""

from __future__ import annotations

import ctypes
import threading
from ctypes import c_void_p
from typing import TYPE_CHECKING, Any, Callable, Optional

import pyarrow as pa
import pyarrow.compute as pc

from verger._arrow import batches_of, is_frame
from verger._fork import watched
from verger._library import (HANDLE, MOST_INT, NEIGHBOURS_PROGRESS, Handle, IndexOptions,
                             NeighboursOptions, Resource, VergerError, call, library, short_text,
                             threads_of, whole_number)

if TYPE_CHECKING:
    import numpy

METRICS = ("cosine", "l2")


def neighbours(rows: Any, k: int = 10, *, metric: str = "cosine", threads: Optional[int] = None,
               kernels: Optional[str] = None, progress: Optional[Callable[[float], Any]] = None
               ) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The `k` rows nearest to each of `rows`, itself left out: indices and distances, each
    [n][k], the nearest first.

    `rows` is an array [n][dims], taken as float32, or a table with the column features.
    `metric` is "cosine", 1 less the cosine of the angle, or "l2", the distance. `progress` is
    called now and then with the share that is done.
    """
    import numpy

    array = rows_of(rows)
    k = whole_number(k, "k", 1, MOST_INT)
    caught: list[BaseException] = []

    # Called in this thread, which so hears of Ctrl-C too.
    def tell(_: Any, share: float) -> int:
        try:
            if progress is not None:
                progress(share)
        except BaseException as error:  # goes on in Python, not through C
            caught.append(error)
        return len(caught)

    options = NeighboursOptions(metric_of(metric), threads_of(threads), kernels_of(kernels),
                                NEIGHBOURS_PROGRESS(tell), None)
    indices = numpy.empty((len(array), k), numpy.int64)
    distances = numpy.empty((len(array), k), numpy.float64)
    try:
        call("vg_neighbours", pointer_of(array), len(array), array.shape[1], k,
             ctypes.byref(options), pointer_of(indices), pointer_of(distances))
    except VergerError:
        if caught:
            raise caught[0] from None
        raise
    return indices, distances


class Index(Handle):
    """Rows to be searched again and again.

    Threads may share it: one searches at a time, on `threads` threads. A forked process makes
    its own at the first search. Can be pickled, with its rows.
    """

    _kind = "index"

    def __init__(self, rows: Any, *, metric: str = "cosine", threads: Optional[int] = None,
                 kernels: Optional[str] = None, sketch: bool = True) -> None:
        """`rows` as for `neighbours`; an array of float32 whose rows follow one another, and a table of
        one batch of such lists, are not copied and must not change.
        Without `sketch` opening is quick and searching slow: for a query or two."""
        self._settings = (metric, threads, kernels, sketch)
        self._rows = rows_of(rows)
        self._options = IndexOptions(metric_of(metric), threads_of(threads), kernels_of(kernels),
                                     bool(sketch))
        self._lock = threading.Lock()
        self._is_forked = False
        self._owned = self._open()
        watched.add(self)

    def _open(self) -> Resource:
        return Resource("vg_index_open", "vg_index_close", pointer_of(self._rows), len(self._rows),
                        self._rows.shape[1], ctypes.byref(self._options))

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._owned is not None and not self._is_forked:
            self._owned.pointer = HANDLE()  # its threads stayed with the parent
            self._is_forked = True

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dims(self) -> int:
        return int(self._rows.shape[1])

    def search(self, queries: Any, k: int = 10, *, allowed: Any = None
               ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The `k` rows nearest to each query: indices and distances, each [n][k], the nearest
        first; of one query, an array [dims], each [k].

        `allowed`, a bool for each row, says which may be found. Where those are fewer than
        `k`, the rest is -1 and infinity.
        """
        import numpy

        k = whole_number(k, "k", 1, MOST_INT)
        array = rows_of(queries) if is_frame(queries) else numpy.asarray(queries)
        is_one = array.ndim == 1 and array.dtype != object
        array = rows_of(array[None] if is_one else array)
        if array.shape[1] != self.dims:
            raise ValueError(f"queries of {array.shape[1]} numbers among rows of {self.dims}")
        mask = None
        if allowed is not None:
            mask = numpy.ascontiguousarray(allowed, dtype=numpy.bool_)
            if mask.shape != (len(self),):
                raise ValueError(f"allowed has the shape {mask.shape}: a bool for each of "
                                 f"{len(self)} rows is needed")
        indices = numpy.empty((len(array), k), numpy.int64)
        distances = numpy.empty((len(array), k), numpy.float64)
        with self._lock:
            self._resource()
            if self._is_forked:
                self._owned = self._open()
                self._is_forked = False
            call("vg_index_search", self._resource().pointer, len(array), pointer_of(array), k,
                 None if mask is None else pointer_of(mask), pointer_of(indices),
                 pointer_of(distances))
        return (indices[0], distances[0]) if is_one else (indices, distances)

    def close(self) -> None:
        """Frees it now; waits for a thread that is searching."""
        with self._lock:
            super().close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} rows of {self.dims}"
        return f"<verger.Index, {state}, {self._settings[0]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._resource()
        return reopen_index, (self._rows, *self._settings)


def reopen_index(rows: Any, metric: str, threads: Optional[int], kernels: Optional[str],
                 sketch: bool) -> Index:
    return Index(rows, metric=metric, threads=threads, kernels=kernels, sketch=sketch)


def rows_of(rows: Any, column: str = "features", dims: Optional[int] = None) -> numpy.ndarray:
    """A matrix of float32 whose rows follow one another in memory: an array, that column of a table,
    or a Series of lists. What is empty has rows of `dims`; without them it is refused."""
    import numpy

    if is_frame(rows) and (hasattr(rows, "schema") or column in rows.columns):
        rows = rows_of_table(rows, column, dims)
    elif hasattr(rows, "to_list") and hasattr(rows, "name"):  # a Series of pandas or polars
        rows = rows_of_table(pa.table({column: pa.array(rows.to_list())}), column, dims)
    array = numpy.asarray(rows)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(f"rows are a matrix of numbers, not an array of {array.dtype} with the "
                         f"shape {array.shape}")
    return numpy.ascontiguousarray(array, numpy.float32)


def rows_of_table(table: Any, column: str, dims: Optional[int]) -> numpy.ndarray:
    import numpy

    parts = [rows_of_batch(batch, column) for batch in batches_of(table) if len(batch)]
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(f"the column {column} has rows of several lengths")
    if parts:
        return parts[0] if len(parts) == 1 else numpy.concatenate(parts)
    if dims is None:
        raise ValueError("there are no rows")
    return numpy.empty((0, dims), numpy.float32)


def rows_of_batch(batch: pa.RecordBatch, column: str) -> numpy.ndarray:
    if column not in batch.schema.names:
        raise ValueError(f"the table has no column {column}, but {', '.join(batch.schema.names)}")
    lists = batch.column(column)
    if not hasattr(lists.type, "value_field"):
        raise ValueError(f"the column {column} has the type {lists.type}: lists are needed")
    if lists.null_count:
        raise ValueError(f"{lists.null_count} rows have no {column}: filter them out first")
    width = len(lists[0])
    if pc.any(pc.not_equal(pc.list_value_length(lists), width)).as_py():
        raise ValueError(f"the column {column} has rows of several lengths")
    values: numpy.ndarray = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(lists), width)


def metric_of(metric: str) -> int:
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}: cosine and l2 are possible")
    return METRICS.index(metric)


def kernels_of(kernels: Optional[str]) -> Optional[bytes]:
    return None if kernels is None else short_text(kernels, "kernels")


def pointer_of(array: numpy.ndarray) -> c_void_p:
    return array.ctypes.data_as(c_void_p)
