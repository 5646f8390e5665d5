"""Moments of features, and the principal components of moments.

As Spark MLlib's PCA: covariance with n - 1, components by descending variance, rows
projected without being centred. The entry of largest magnitude of a component is positive.
"""

from __future__ import annotations

import ctypes
from ctypes import c_double
from typing import Iterable, Sequence, Union

import pyarrow as pa

from verger._arrow import batches_of, exported, transform
from verger._library import FEATURE_COUNT, Handle, call, library


class Moments(Handle):
    """Count, mean and scatter matrix of rows: added to in batches, merged in any order.

    Moments can be pickled, and `bytes` of them are the same on every machine.
    """

    closer = "vg_moments_close"

    def __init__(self, dims: int = FEATURE_COUNT) -> None:
        super().__init__()
        self._open("vg_moments_open", dims)

    def add(self, features) -> Moments:
        """Adds the column features of a table or batch; null rows are left out. A NaN or an
        infinity is a VergerError."""
        for batch in batches_of(features):
            with exported(batch) as (schema, array):
                call("vg_moments_add_arrow", self._pointer, schema, array)
        return self

    def merge(self, other: Moments) -> Moments:
        """Adds all that `other` has seen."""
        call("vg_moments_merge", self._pointer, other._pointer)
        return self

    @property
    def dims(self) -> int:
        return library().vg_moments_dims(self._pointer)

    @property
    def count(self) -> int:
        """Rows seen."""
        return library().vg_moments_count(self._pointer)

    def __bytes__(self) -> bytes:
        buffer = ctypes.create_string_buffer(library().vg_moments_serialized_size(self._pointer))
        library().vg_moments_serialize(self._pointer, buffer)
        return buffer.raw

    @classmethod
    def from_bytes(cls, data: bytes) -> Moments:
        """VergerError where the bytes are not those of moments."""
        moments = cls.__new__(cls)
        Handle.__init__(moments)
        moments._open("vg_moments_deserialize", data, len(data))
        return moments

    def __reduce__(self):
        return Moments.from_bytes, (bytes(self),)


class PCA(Handle):
    """Principal components, and rows projected on them. Can be pickled."""

    closer = "vg_pca_close"

    def __init__(self, components: Sequence[Sequence[float]],
                 explained_variance: Sequence[float]) -> None:
        """From components that were fitted before, one a row, and their shares of variance.
        `fit` is the usual way to a PCA."""
        super().__init__()
        k, dims = len(components), len(components[0]) if len(components) else 0
        if len(explained_variance) != k or any(len(row) != dims for row in components):
            raise ValueError("components must be rows of one length, with a variance each")
        matrix = (c_double * (k * dims))(*(value for row in components for value in row))
        self._open("vg_pca_open", dims, k, matrix, (c_double * k)(*explained_variance))

    @property
    def dims(self) -> int:
        return library().vg_pca_dims(self._pointer)

    @property
    def k(self) -> int:
        """The number of components."""
        return library().vg_pca_components(self._pointer)

    @property
    def components(self) -> list[list[float]]:
        """k rows of `dims` numbers."""
        values = library().vg_pca_matrix(self._pointer)
        dims = self.dims
        return [values[i * dims:(i + 1) * dims] for i in range(self.k)]

    @property
    def explained_variance(self) -> list[float]:
        """The share of the total variance of each component."""
        return library().vg_pca_explained_variance(self._pointer)[:self.k]

    def project(self, features) -> pa.Table:
        """path, label and features to path, label and pca_features."""
        return pa.Table.from_batches(self.project_batches(batches_of(features)), schema=PROJECTED)

    def project_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        """The same batch by batch: for streams."""
        return (transform("vg_pca_project_arrow", self._pointer, batch) for batch in batches)

    def __reduce__(self):
        return PCA, (self.components, self.explained_variance)


PROJECTED = pa.schema([("path", pa.string()), ("label", pa.string()),
                       ("pca_features", pa.list_(pa.field("element", pa.float64())))])


def fit(features: Union[Moments, pa.Table, pa.RecordBatch], k: int) -> PCA:
    """The `k` components that explain most of the variance of features, or of their moments."""
    moments = features
    if not isinstance(features, Moments):
        batches = batches_of(features)
        moments = Moments(width(batches))
        for batch in batches:
            moments.add(batch)
    pca = PCA.__new__(PCA)
    Handle.__init__(pca)
    pca._open("vg_pca_fit", moments._pointer, k)
    return pca


def project(pca: PCA, features) -> pa.Table:
    """PCA.project"""
    return pca.project(features)


def width(batches: Iterable[pa.RecordBatch]) -> int:
    """The length of the first row of features."""
    for batch in batches:
        for row in batch.column("features"):
            if row.is_valid:
                return len(row)
    raise ValueError("there are no features: every row is null")
