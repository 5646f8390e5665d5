"""Files of the safetensors format: of a PCA (docs/python.md says what is in it) and of a classifier
(docs/classify.md)."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import struct
import sys
from array import array
from typing import Any, Iterator, Mapping, NamedTuple, Union

from verger._library import VergerError

MOST_HEADER_BYTES = 1 << 20
ITEM_BYTES = {"F64": 8, "F32": 4, "U8": 1}
CODES = {"F64": "d", "F32": "f"}  # of array


class Tensor(NamedTuple):
    shape: tuple[int, ...]
    values: array[float]  # float64, or float32 as the array's code says


class Octets(NamedTuple):
    shape: tuple[int, ...]
    values: bytes


AnyTensor = Union[Tensor, Octets]


class TensorFile:
    """An opened file. KeyError names a tensor that it has not, ValueError says what is wrong."""

    def __init__(self, data: bytes, kind: str) -> None:
        if len(data) < 8:
            raise ValueError("it is cut short")
        (size,) = struct.unpack_from("<Q", data)
        if size > min(MOST_HEADER_BYTES, len(data) - 8):
            raise ValueError("its header is longer than the file, or than a header can be")
        self._header = json.loads(data[8:8 + size])
        self.metadata: dict[str, str] = self._header.pop("__metadata__", {})
        if self.metadata.get("kind") != kind:
            raise ValueError(f"it is of another kind, {self.metadata.get('kind')!r}")
        if not all(isinstance(value, str) for value in self.metadata.values()):
            raise ValueError("its metadata are not text")
        self._values = memoryview(data)[8 + size:]

    def __contains__(self, name: str) -> bool:
        return name in self._header

    def doubles(self, name: str) -> Tensor:
        return self._numbers(name, "F64")

    def floats(self, name: str) -> Tensor:
        return self._numbers(name, "F32")

    def _numbers(self, name: str, kind: str) -> Tensor:
        shape, data = self._tensor(name, kind)
        numbers: array[float] = array(CODES[kind])
        numbers.frombytes(data)
        if sys.byteorder == "big":
            numbers.byteswap()
        return Tensor(shape, numbers)

    def octets(self, name: str) -> bytes:
        return self._tensor(name, "U8")[1]

    def as_it_is(self, name: str) -> AnyTensor:
        """Of any kind."""
        kind = self._header[name]["dtype"]
        if kind in CODES:
            return self._numbers(name, kind)
        return Octets(*self._tensor(name, "U8"))

    def _tensor(self, name: str, kind: str) -> tuple[tuple[int, ...], bytes]:
        entry = self._header[name]
        shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
        for side in shape:
            if not isinstance(side, int) or side < 1:
                raise ValueError(f"{name} has the shape {shape}")
        whole = isinstance(begin, int) and isinstance(end, int)
        whole = whole and 0 <= begin <= end <= len(self._values)
        size = ITEM_BYTES[kind] * math.prod(shape)
        if entry["dtype"] != kind or not whole or end - begin != size:
            raise ValueError(f"{name} is damaged")
        return shape, bytes(self._values[begin:end])


@contextlib.contextmanager
def reading(path: Union[str, os.PathLike[str]], kind: str, what: str) -> Iterator[TensorFile]:
    """The file for the time of the block. ValueError names the file, and what it or the block
    finds wrong with it."""
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    try:
        yield TensorFile(data, kind)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError,
            VergerError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name} is no {what} of verger: {reason}") from None


def kind_of(tensor: AnyTensor) -> str:
    if isinstance(tensor, Octets):
        return "U8"
    return next(kind for kind, code in CODES.items() if code == tensor.values.typecode)


def little_endian(values: Union[array[float], bytes]) -> bytes:
    if isinstance(values, bytes):
        return values
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def write(path: Union[str, os.PathLike[str]], kind: str, tensors: Mapping[str, AnyTensor],
          metadata: Mapping[str, str]) -> None:
    header: dict[str, Any] = {"__metadata__": {"kind": kind, **metadata}}
    parts, end = [], 0
    for name, tensor in tensors.items():
        parts.append(little_endian(tensor.values))
        header[name] = {"dtype": kind_of(tensor), "shape": list(tensor.shape),
                        "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of eight
    write_whole(path, struct.pack("<Q", len(text)) + text + b"".join(parts))


def write_whole(path: Union[str, os.PathLike[str]], data: bytes) -> None:
    """The file appears whole, in place of an older one."""
    target = os.fspath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
