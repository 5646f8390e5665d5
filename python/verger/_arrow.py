"""Record batches in and out of the library, over Arrow's C Data Interface: no copies."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import c_char_p, c_int64, c_void_p
from typing import Any, Iterator

import pyarrow as pa

from verger._library import call


class ArrowSchema(ctypes.Structure):
    _fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_char_p),
                ("flags", c_int64), ("n_children", c_int64), ("children", c_void_p),
                ("dictionary", c_void_p), ("release", c_void_p), ("private_data", c_void_p)]


class ArrowArray(ctypes.Structure):
    _fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64),
                ("n_buffers", c_int64), ("n_children", c_int64), ("buffers", c_void_p),
                ("children", c_void_p), ("dictionary", c_void_p), ("release", c_void_p),
                ("private_data", c_void_p)]


def release(exported: Any) -> None:
    """As the interface asks of a consumer: once, unless it was moved away."""
    if exported.release:
        ctypes.CFUNCTYPE(None, c_void_p)(exported.release)(ctypes.addressof(exported))


@contextmanager
def exported(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Addresses of the schema and the array of a batch, for the time of the block."""
    schema, array = ArrowSchema(), ArrowArray()
    batch._export_to_c(ctypes.addressof(array), ctypes.addressof(schema))
    try:
        yield ctypes.addressof(schema), ctypes.addressof(array)
    finally:
        release(schema)
        release(array)


def transform(function: str, handle: Any, batch: pa.RecordBatch) -> pa.RecordBatch:
    """What a function of the form (handle, schema, batch, out schema, out batch) makes."""
    schema, array = ArrowSchema(), ArrowArray()
    with exported(batch) as (in_schema, in_array):
        call(function, handle, in_schema, in_array, ctypes.addressof(schema),
             ctypes.addressof(array))
    return pa.RecordBatch._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))


def is_frame(data: Any) -> bool:
    """Whether it is a table or a stream of batches. A column alone, such as a Series, is none, nor is
    a picture of Pillow, which speaks Arrow from version 11.3 on: it is an array of its pixels."""
    if isinstance(data, (pa.Array, pa.ChunkedArray)) or is_pil(data):
        return False
    if isinstance(data, (pa.RecordBatch, pa.Table, pa.RecordBatchReader)) or is_pandas(data):
        return True
    speaks_arrow = hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")
    return speaks_arrow and (hasattr(data, "columns") or not hasattr(data, "dtype"))


def is_pil(image: Any) -> bool:
    return all(hasattr(image, name) for name in ("mode", "convert", "tobytes", "size"))


def is_pandas(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def stream_of(data: Any) -> Any:
    """An iterable of its batches, taken from it as they are needed. None where a column of pandas
    holds objects that are no values of Arrow."""
    if isinstance(data, pa.RecordBatch):
        return [data]
    if isinstance(data, pa.Table):
        return data.to_batches()
    if isinstance(data, pa.RecordBatchReader):
        return data
    if is_pandas(data):
        try:
            return pa.Table.from_pandas(data, preserve_index=False).to_batches()
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return None
    if hasattr(data, "__arrow_c_stream__"):
        if hasattr(pa.RecordBatchReader, "from_stream"):  # pyarrow 15
            return pa.RecordBatchReader.from_stream(data)
        return pa.table(data).to_batches()
    return [pa.record_batch(data)]


def batches_of(data: Any) -> list[pa.RecordBatch]:
    """The batches of a table, a batch, or whatever else speaks Arrow's PyCapsule interface."""
    stream = stream_of(data) if is_frame(data) else None
    if stream is None:
        raise TypeError(f"a table or a record batch is needed, not {type(data).__name__}")
    return list(stream)
