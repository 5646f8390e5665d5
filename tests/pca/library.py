"""libverger.so over ctypes, as far as these tests go."""

import ctypes
import os
from pathlib import Path

import numpy as np
import pyarrow as pa

VG_OK, VG_EINVAL, VG_ENOMEM, VG_EIO, VG_EFORMAT, VG_ELIMIT, VG_ENOTFOUND = range(7)
VG_EUNSUPPORTED = 8

library = ctypes.CDLL(str(Path(os.environ["VERGER_BUILD"]) / "libverger.so"))
library.vg_moments_count.restype = ctypes.c_uint64
library.vg_moments_serialized_size.restype = ctypes.c_size_t
for name in ("vg_pca_matrix", "vg_pca_explained_variance"):
    getattr(library, name).restype = ctypes.POINTER(ctypes.c_double)


class Fault(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def call(name, *arguments):
    message = ctypes.create_string_buffer(512)
    status = getattr(library, name)(*arguments, message)
    if status != VG_OK:
        raise Fault(status, message.value.decode())


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Handle:
    def __init__(self, close):
        self.handle = ctypes.c_void_p()
        self.close = close

    def __del__(self):
        getattr(library, self.close)(ctypes.byref(self.handle))


class Moments(Handle):
    def __init__(self, dims):
        super().__init__("vg_moments_close")
        self.dims = dims
        if dims is not None:
            call("vg_moments_open", ctypes.byref(self.handle), ctypes.c_int(dims))

    @classmethod
    def of(cls, *batches):
        moments = cls(batches[0].shape[1])
        for batch in batches:
            moments.add(batch)
        return moments

    @classmethod
    def from_bytes(cls, data):
        moments = cls(None)
        call("vg_moments_deserialize", ctypes.byref(moments.handle), data,
             ctypes.c_size_t(len(data)))
        moments.dims = library.vg_moments_dims(moments.handle)
        return moments

    def add(self, rows):
        assert rows.dtype == np.float32 and rows.flags.c_contiguous
        assert rows.shape[1] == self.dims
        call("vg_moments_add", self.handle, ctypes.c_size_t(len(rows)), pointer(rows))

    def merge(self, other):
        call("vg_moments_merge", self.handle, other.handle)

    def count(self):
        return library.vg_moments_count(self.handle)

    def to_bytes(self):
        data = ctypes.create_string_buffer(library.vg_moments_serialized_size(self.handle))
        library.vg_moments_serialize(self.handle, data)
        return data.raw

    def mean_and_scatter(self):
        values = np.frombuffer(self.to_bytes()[24:-8], dtype="<f8")
        scatter = np.zeros((self.dims, self.dims))
        scatter[np.triu_indices(self.dims)] = values[self.dims:]
        return values[:self.dims], scatter + np.triu(scatter, 1).T


class Pca(Handle):
    def __init__(self, moments, k):
        super().__init__("vg_pca_close")
        self.k, self.dims = k, moments.dims
        call("vg_pca_fit", ctypes.byref(self.handle), moments.handle, ctypes.c_int(k))
        self.matrix = np.ctypeslib.as_array(library.vg_pca_matrix(self.handle),
                                            (k, self.dims)).copy()
        self.explained = np.ctypeslib.as_array(
            library.vg_pca_explained_variance(self.handle), (k,)).copy()

    def project(self, rows):
        assert rows.dtype == np.float32 and rows.flags.c_contiguous
        projected = np.empty((len(rows), self.k))
        call("vg_pca_project", self.handle, ctypes.c_size_t(len(rows)), pointer(rows),
             pointer(projected))
        return projected


class ArrowSchema(ctypes.Structure):
    _fields_ = [("fields", ctypes.c_void_p * 7), ("release", ctypes.c_void_p),
                ("private_data", ctypes.c_void_p)]


class ArrowArray(ctypes.Structure):
    _fields_ = [("length", ctypes.c_int64), ("null_count", ctypes.c_int64),
                ("offset", ctypes.c_int64), ("n_buffers", ctypes.c_int64),
                ("n_children", ctypes.c_int64), ("buffers", ctypes.c_void_p),
                ("children", ctypes.c_void_p), ("dictionary", ctypes.c_void_p),
                ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]


class Exported:
    """A record batch as C structs; whoever reads them must leave them to us."""

    def __init__(self, batch):
        self.schema, self.array = ArrowSchema(), ArrowArray()
        batch._export_to_c(ctypes.addressof(self.array), ctypes.addressof(self.schema))

    def arguments(self):
        return ctypes.byref(self.schema), ctypes.byref(self.array)

    def __del__(self):
        assert self.schema.release and self.array.release, "the callee released its input"
        pa.RecordBatch._import_from_c(ctypes.addressof(self.array),
                                      ctypes.addressof(self.schema))


def through_arrow(name, handle, batch):
    """A record batch in, a record batch out."""
    given = Exported(batch)
    schema, array = ArrowSchema(), ArrowArray()
    try:
        call(name, handle, *given.arguments(), ctypes.byref(schema), ctypes.byref(array))
    except Fault:
        assert not schema.release and not array.release
        raise
    batch = pa.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))
    batch.validate(full=True)
    return batch
