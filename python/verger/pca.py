"""Moments of features, and the principal components of moments.

As Spark MLlib's PCA: covariance with n - 1, components by descending variance, rows
projected without being centred. The entry of largest magnitude of a component is positive.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from array import array
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_double
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional, Sequence, Union

import pyarrow as pa

from verger import _tensor_file
from verger._arrow import batches_of, exported, is_frame, transform
from verger._library import (FEATURE_COUNT, MOST_INT, Handle, Resource, VergerError, call,
                             kernel_sets, library, threads_of, whole_number)
from verger._merged import Merged
from verger.model import PathLike

if TYPE_CHECKING:
    import numpy

KIND = "verger pca"  # of its file
ROWS_A_CALL = 1024  # of an array, projected by one thread


class Moments(Merged):
    """Count, mean and scatter matrix of rows: added to in batches, merged in any order."""

    _kind = "moments object"
    _prefix = "vg_moments"

    def __init__(self, dims: int = FEATURE_COUNT, *, threads: int = 1) -> None:
        """threads: that work on what one call of `add` brings; they leave no trace in the bits."""
        self._take("vg_moments_open", whole_number(dims, "dims", 1, MOST_INT))
        call("vg_moments_set_threads", self._resource().pointer, threads_of(threads))

    def add(self, features: Any) -> Moments:
        """Adds the column features of a table or batch, whose null rows are left out, or an array
        of numpy [n][dims]. Numbers count as float32. A NaN or an infinity is a VergerError."""
        for batch in feature_batches(features):
            with exported(batch) as (schema, array), self._lock:
                call("vg_moments_add_arrow", self._resource().pointer, schema, array)
        return self

    @property
    def count(self) -> int:
        """Rows seen."""
        return self._number("count")

    @property
    def mean(self) -> list[float]:
        """Of each of the `dims` columns; zeros before the first row."""
        dims = self.dims
        with self._lock:
            pointer = self._resource().pointer
            return list(library().vg_moments_mean(pointer)[:dims])

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.count} rows of {self.dims}"
        return f"<verger.Moments, {state}>"


class PCA(Handle):
    """Principal components, and rows projected on them. Read-only: threads and forked processes
    may share it. Can be pickled, and kept in a file."""

    _kind = "PCA"
    _offset: Optional[list[float]] = None  # the mean's projection, where it is taken off

    def __init__(self, components: Sequence[Sequence[float]],
                 explained_variance: Sequence[float],
                 mean: Optional[Sequence[float]] = None, *, center: bool = False) -> None:
        """From components that were fitted before, one a row, their shares of variance and the
        mean of what they were fitted to. `fit` is the usual way to a PCA.
        center: take the mean off rows before they are projected."""
        k, dims = len(components), len(components[0]) if len(components) else 0
        if len(explained_variance) != k or any(len(row) != dims for row in components):
            raise ValueError("components must be rows of one length, with a variance each")
        matrix = array("d")
        for row in components:
            matrix.extend(row)
        self._take(dims, k, matrix, array("d", explained_variance),
                   None if mean is None else array("d", mean), center)

    def _take(self, dims: int, k: int, matrix: array[float], explained: array[float],
              mean: Optional[array[float]], center: bool = False) -> None:
        if center and mean is None:
            raise ValueError("a PCA that centres needs the mean")
        if len(matrix) != dims * k or len(explained) != k or (mean and len(mean) != dims):
            raise ValueError(f"{k} components of {dims} numbers have other sizes than these")
        self._mean = mean
        if center and mean is not None:
            rows = (matrix[i * dims:(i + 1) * dims] for i in range(k))
            self._offset = [product(row, mean) for row in rows]
        self._owned = Resource("vg_pca_open", "vg_pca_close", whole_number(dims, "dims", 1, MOST_INT),
                               whole_number(k, "k", 1, MOST_INT),
                               (c_double * (k * dims)).from_buffer(matrix),
                               (c_double * k).from_buffer(explained))

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

    @property
    def mean(self) -> Optional[list[float]]:
        """Of each column of what it was fitted to; None where it was made without. Projections
        are not centred unless `center` says so: subtract the projection of the mean where you want
        them to be."""
        self._resource()
        return None if self._mean is None else list(self._mean)

    @property
    def center(self) -> bool:
        """Whether the mean is taken off rows before they are projected, as that of a run with
        --center does."""
        return self._offset is not None

    def project(self, features: Any, *, fixed_size_list: bool = False,
                threads: Optional[int] = None) -> Any:
        """path, label and features to a table of path, label and pca_features. An array of numpy
        [n][dims] to one of [n][k], on threads: one for each CPU of this process.
        fixed_size_list: type of pca_features fixed_size_list<double>[k] instead of list<double>."""
        if is_matrix(features):
            return self._project_array(features, threads_of(threads))
        batches = map(with_names, feature_batches(features))
        table = pa.Table.from_batches(self.project_batches(batches), schema=PROJECTED)
        if not fixed_size_list:
            return table
        field = pa.field("pca_features", pa.list_(PROJECTED.field(2).type.value_field, self.k))
        rows = [fixed_size(chunk, field.type) for chunk in table["pca_features"].chunks]
        return table.set_column(2, field, pa.chunked_array(rows, field.type))

    def _project_array(self, features: Any,
                       threads: int) -> numpy.ndarray[Any, numpy.dtype[numpy.float64]]:
        import numpy

        rows, resource = matrix(features), self._resource()
        if rows.shape[1] != self.dims:
            raise ValueError(f"the array has {rows.shape[1]} columns, the PCA is of {self.dims}")
        projected = numpy.empty((len(rows), self.k))

        def work(first: int) -> None:
            part, to = rows[first:first + ROWS_A_CALL], projected[first:first + ROWS_A_CALL]
            call("vg_pca_project", resource.pointer, len(part), part.ctypes.data, to.ctypes.data)
            if self._offset is not None:
                to -= numpy.array(self._offset)

        calls = range(0, len(rows), ROWS_A_CALL)
        if threads == 1 or len(calls) <= 1:
            for first in calls:
                work(first)
        else:
            with ThreadPoolExecutor(min(threads, len(calls)), "verger") as pool:
                list(pool.map(work, calls))
        return projected

    def project_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batch by batch: for streams."""
        self._resource()
        return (self._project(batch) for batch in batches)

    def _project(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        resource = self._resource()
        projected = transform("vg_pca_project_arrow", resource.pointer, batch)
        return projected if self._offset is None else shifted(projected, self._offset)

    def save(self, path: PathLike) -> None:
        """Keeps it in a file of the safetensors format, which `load` and other programs read."""
        resource, k, dims = self._resource(), self.k, self.dims
        matrix, explained = self._values(resource)
        tensors = {"components": _tensor_file.Tensor((k, dims), matrix),
                   "explained_variance": _tensor_file.Tensor((k,), explained)}
        if self._mean is not None:
            tensors["mean"] = _tensor_file.Tensor((dims,), self._mean)
        kernels = os.environ.get("VERGER_CPU") or kernel_sets()[-1]
        _tensor_file.write(path, KIND, tensors,
                           {"verger_version": library().vg_version().decode(),
                            "kernels": kernels, **({"center": "true"} if self.center else {})})

    @classmethod
    def load(cls, path: PathLike) -> PCA:
        """That of a file of `save` or of a run. ValueError where it is none."""
        with _tensor_file.reading(path, KIND, "PCA") as file:
            components = file.doubles("components")
            explained = file.doubles("explained_variance")
            mean = file.doubles("mean").values if "mean" in file else None
            k, dims = components.shape
            return reopen_pca(dims, k, components.values, explained.values, mean,
                              file.metadata.get("center") == "true")

    def _values(self, resource: Resource) -> tuple[array[float], array[float]]:
        """Components and shares of variance."""
        k, dims = self.k, self.dims
        matrix = ctypes.string_at(library().vg_pca_matrix(resource.pointer), k * dims * 8)
        explained = ctypes.string_at(library().vg_pca_explained_variance(resource.pointer), k * 8)
        return array("d", matrix), array("d", explained)

    def __repr__(self) -> str:
        if self.closed:
            return "<verger.PCA, closed>"
        explained = sum(self.explained_variance)
        return f"<verger.PCA of {self.k} components of {self.dims}, {explained:.1%} explained>"

    def __reduce__(self) -> tuple[Any, ...]:
        values = self._values(self._resource())
        return reopen_pca, (self.dims, self.k, *values, self._mean, self.center)


def reopen_pca(dims: int, k: int, matrix: array[float], explained: array[float],
               mean: Optional[array[float]], center: bool = False) -> PCA:
    pca = PCA.__new__(PCA)
    pca._take(dims, k, matrix, explained, mean, center)
    return pca


def product(left: Sequence[float], right: Sequence[float]) -> float:
    """Summed in order, as the command does; `sum` takes another way since Python 3.12."""
    total = 0.0
    for a, b in zip(left, right):
        total += a * b
    return total


def shifted(batch: pa.RecordBatch, offset: Sequence[float]) -> pa.RecordBatch:
    """Projected rows less the projection of the mean; null rows stay null."""
    import pyarrow.compute

    at = batch.schema.get_field_index("pca_features")
    rows = batch.column(at)
    numbers = rows.flatten()
    offsets = pa.array(list(offset) * (len(numbers) // len(offset)), pa.float64())
    moved = type(rows).from_arrays(rows.offsets, pyarrow.compute.subtract(numbers, offsets),
                                   type=rows.type, mask=rows.is_null())
    return batch.set_column(at, batch.schema.field(at), moved)


PROJECTED = pa.schema([("path", pa.string()), ("label", pa.string()),
                       ("pca_features", pa.list_(pa.field("element", pa.float64())))])


def fit(features: Any, k: int, *, threads: Optional[int] = None) -> PCA:
    """The `k` components that explain most of the variance of features (a table, an array of
    numpy [n][dims]), or of their moments. Of n rows those from the n-th on explain nothing, which
    is warned of. threads: one for each CPU of this process."""
    k = whole_number(k, "k", 1, MOST_INT)
    moments = features
    if not isinstance(features, Moments):
        batches = feature_batches(features)
        moments = Moments(width(batches), threads=threads_of(threads))
        for batch in batches:
            moments.add(batch)
    mean = array("d", moments.mean)
    pca = PCA.__new__(PCA)
    with moments._lock:
        pca._owned = Resource("vg_pca_fit", "vg_pca_close", moments._resource().pointer, k)
    pca._mean = mean
    if moments.count <= k:
        warnings.warn(f"{k} components of {moments.count} rows: at most {moments.count - 1} explain anything",
                      stacklevel=2)
    return pca


def project(pca: PCA, features: Any, *, threads: Optional[int] = None) -> Any:
    """PCA.project"""
    return pca.project(features, threads=threads)


# --- Features in ---------------------------------------------------------------------------


def is_matrix(features: Any) -> bool:
    """An array of numpy, or what becomes one. Frames have __array__ too."""
    return hasattr(features, "__array__") and hasattr(features, "ndim") and not is_frame(features)


def feature_batches(features: Any) -> list[pa.RecordBatch]:
    """Batches whose column features is one that the library reads."""
    if is_matrix(features):
        return [matrix_batch(features)]
    return [with_floats(batch) for batch in batches_of(features)]


def matrix(features: Any) -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
    import numpy

    rows = numpy.ascontiguousarray(features, numpy.float32)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"an array of shape {rows.shape} has no rows of features: [n][dims] is "
                         "needed")
    return rows


def matrix_batch(features: Any) -> pa.RecordBatch:
    rows = matrix(features)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    return pa.RecordBatch.from_arrays([column], ["features"])


def with_floats(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Lists of other numbers, and views, become lists of float."""
    place = batch.schema.get_field_index("features")
    if place < 0:
        return batch  # the library says what is missing
    kind = batch.schema.field(place).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    is_list = is_list or pa.types.is_fixed_size_list(kind)
    if is_list and kind.value_type == pa.float32():
        return batch
    column = batch.column(place).cast(pa.list_(pa.float32()))
    return pa.RecordBatch.from_arrays([column], ["features"]) if batch.num_columns == 1 else (
        batch.set_column(place, "features", column))


def with_names(batch: pa.RecordBatch) -> pa.RecordBatch:
    """path and label as text, null where there are none, and features."""
    if "features" not in batch.schema.names:
        return batch
    columns = []
    for name in ("path", "label"):
        there = name in batch.schema.names
        columns.append(batch.column(name).cast(pa.string()) if there
                       else pa.nulls(len(batch), pa.string()))
    return pa.RecordBatch.from_arrays([*columns, batch.column("features")],
                                      ["path", "label", "features"])


def fixed_size(rows: pa.ListArray, kind: pa.DataType) -> pa.Array:
    """Lists of one length, null ones apart, as a fixed_size_list."""
    places = pa.array([i for i, row in enumerate(rows.is_valid().to_pylist()) if row], pa.int32())
    dense = pa.FixedSizeListArray.from_arrays(rows.flatten(), type=kind)
    if len(places) == len(rows):
        return dense
    numbers: list[Optional[int]] = [None] * len(rows)
    for number, place in enumerate(places.to_pylist()):
        numbers[place] = number
    return dense.take(pa.array(numbers, pa.int32()))


def width(batches: Iterable[pa.RecordBatch]) -> int:
    """The length of the first row of features."""
    for batch in batches:
        if "features" not in batch.schema.names:
            raise ValueError("the table has no column features, there are "
                             + ", ".join(batch.schema.names))
        for row in batch.column("features"):
            if row.is_valid:
                return len(row)
    raise ValueError("there are no features: every row is null")
