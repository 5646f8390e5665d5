"""Moments of features, and the principal components of moments.

As Spark MLlib's PCA: covariance with n - 1, components by descending variance, rows
projected without being centred. The entry of largest magnitude of a component is positive.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from array import array
from ctypes import c_double
from typing import Any, Iterable, Iterator, Sequence, Union

import pyarrow as pa

from verger._arrow import batches_of, exported, transform
from verger._fork import watched
from verger._library import (FEATURE_COUNT, MOST_INT, Handle, Resource, call, library,
                             whole_number)


class Moments(Handle):
    """Count, mean and scatter matrix of rows: added to in batches, merged in any order.

    Threads may share them: what changes them waits for its turn. Moments can be pickled, and
    `bytes` of them are the same on every machine.
    """

    _kind = "moments object"

    def __init__(self, dims: int = FEATURE_COUNT) -> None:
        self._take("vg_moments_open", whole_number(dims, "dims", 1, MOST_INT))

    def _take(self, opener: str, *arguments: Any) -> None:
        self._lock = threading.Lock()
        self._torn = False
        self._owned = Resource(opener, "vg_moments_close", *arguments)
        watched.add(self)

    def _resource(self) -> Resource:
        if self._torn:
            raise ValueError("another thread was changing the moments when this process was "
                             "forked: send their bytes instead")
        return super()._resource()

    def _after_fork(self) -> None:
        self._torn = self._torn or self._lock.locked()
        self._lock = threading.Lock()

    def add(self, features: Any) -> Moments:
        """Adds the column features of a table or batch; null rows are left out. A NaN or an infinity is a VergerError."""
        for batch in batches_of(features):
            with exported(batch) as (schema, array), self._lock:
                call("vg_moments_add_arrow", self._resource().pointer, schema, array)
        return self

    def merge(self, other: Moments) -> Moments:
        """Adds all that `other` has seen."""
        if not isinstance(other, Moments):
            raise TypeError(f"moments are needed, not {type(other).__name__}")
        # Reading moments counts rows in that wait, so both are locked: in one order, lest two
        # threads wait for each other.
        locks = sorted({self._lock, other._lock}, key=id)
        with contextlib.ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            call("vg_moments_merge", self._resource().pointer, other._resource().pointer)
        return self

    @property
    def dims(self) -> int:
        with self._lock:
            return int(library().vg_moments_dims(self._resource().pointer))

    @property
    def count(self) -> int:
        """Rows seen."""
        with self._lock:
            return int(library().vg_moments_count(self._resource().pointer))

    @property
    def mean(self) -> list[float]:
        """Of each of the `dims` columns; zeros before the first row."""
        dims = self.dims
        with self._lock:
            pointer = self._resource().pointer
            return list(library().vg_moments_mean(pointer)[:dims])

    def close(self) -> None:
        """Frees them now; waits for a thread that is adding to them."""
        with self._lock:
            super().close()

    def __bytes__(self) -> bytes:
        with self._lock:
            pointer = self._resource().pointer
            size = library().vg_moments_serialized_size(pointer)
            buffer = ctypes.create_string_buffer(size)
            library().vg_moments_serialize(pointer, buffer)
        return buffer.raw

    @classmethod
    def from_bytes(cls, data: Union[bytes, bytearray, memoryview]) -> Moments:
        """VergerError where the bytes are not those of moments."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"bytes are needed, not {type(data).__name__}")
        data = bytes(data)
        moments = cls.__new__(cls)
        moments._take("vg_moments_deserialize", data, len(data))
        return moments

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.count} rows of {self.dims}"
        return f"<verger.Moments, {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Moments.from_bytes, (bytes(self),)


class PCA(Handle):
    """Principal components, and rows projected on them. Read-only: threads and forked processes
    may share it. Can be pickled."""

    _kind = "PCA"

    def __init__(self, components: Sequence[Sequence[float]],
                 explained_variance: Sequence[float]) -> None:
        """From components that were fitted before, one a row, and their shares of variance.
        `fit` is the usual way to a PCA."""
        k, dims = len(components), len(components[0]) if len(components) else 0
        if len(explained_variance) != k or any(len(row) != dims for row in components):
            raise ValueError("components must be rows of one length, with a variance each")
        matrix = array("d")
        for row in components:
            matrix.extend(row)
        self._take(dims, k, matrix.tobytes(), array("d", explained_variance).tobytes())

    def _take(self, dims: int, k: int, matrix: bytes, explained: bytes) -> None:
        """float64 in the order of this machine."""
        if len(matrix) != dims * k * 8 or len(explained) != k * 8:
            raise ValueError(f"a PCA of {k} components of {dims} numbers has another size")
        self._owned = Resource("vg_pca_open", "vg_pca_close", whole_number(dims, "dims", 1, MOST_INT),
                               whole_number(k, "k", 1, MOST_INT),
                               (c_double * (k * dims)).from_buffer_copy(matrix),
                               (c_double * k).from_buffer_copy(explained))

    @property
    def dims(self) -> int:
        resource = self._resource()
        return int(library().vg_pca_dims(resource.pointer))

    @property
    def k(self) -> int:
        """The number of components."""
        resource = self._resource()
        return int(library().vg_pca_components(resource.pointer))

    @property
    def components(self) -> list[list[float]]:
        """k rows of `dims` numbers."""
        resource, k, dims = self._resource(), self.k, self.dims
        values = library().vg_pca_matrix(resource.pointer)
        return [list(values[i * dims:(i + 1) * dims]) for i in range(k)]

    @property
    def explained_variance(self) -> list[float]:
        """The share of the total variance of each component."""
        resource, k = self._resource(), self.k
        return list(library().vg_pca_explained_variance(resource.pointer)[:k])

    def project(self, features: Any) -> pa.Table:
        """path, label and features to path, label and pca_features."""
        return pa.Table.from_batches(self.project_batches(batches_of(features)), schema=PROJECTED)

    def project_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batch by batch: for streams."""
        self._resource()
        return (self._project(batch) for batch in batches)

    def _project(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        resource = self._resource()
        return transform("vg_pca_project_arrow", resource.pointer, batch)

    def __repr__(self) -> str:
        if self.closed:
            return "<verger.PCA, closed>"
        explained = sum(self.explained_variance)
        return f"<verger.PCA of {self.k} components of {self.dims}, {explained:.1%} explained>"

    def __reduce__(self) -> tuple[Any, ...]:
        resource, k, dims = self._resource(), self.k, self.dims
        matrix = ctypes.string_at(library().vg_pca_matrix(resource.pointer), k * dims * 8)
        explained = ctypes.string_at(library().vg_pca_explained_variance(resource.pointer), k * 8)
        return reopen_pca, (dims, k, matrix, explained)


def reopen_pca(dims: int, k: int, matrix: bytes, explained: bytes) -> PCA:
    pca = PCA.__new__(PCA)
    pca._take(dims, k, matrix, explained)
    return pca


PROJECTED = pa.schema([("path", pa.string()), ("label", pa.string()),
                       ("pca_features", pa.list_(pa.field("element", pa.float64())))])


def fit(features: Any, k: int) -> PCA:
    """The `k` components that explain most of the variance of features, or of their moments."""
    k = whole_number(k, "k", 1, MOST_INT)
    moments = features
    if not isinstance(features, Moments):
        batches = batches_of(features)
        moments = Moments(width(batches))
        for batch in batches:
            moments.add(batch)
    pca = PCA.__new__(PCA)
    with moments._lock:
        pca._owned = Resource("vg_pca_fit", "vg_pca_close", moments._resource().pointer, k)
    return pca


def project(pca: PCA, features: Any) -> pa.Table:
    """PCA.project"""
    return pca.project(features)


def width(batches: Iterable[pa.RecordBatch]) -> int:
    """The length of the first row of features."""
    for batch in batches:
        for row in batch.column("features"):
            if row.is_valid:
                return len(row)
    raise ValueError("there are no features: every row is null")
