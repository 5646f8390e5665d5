"""The file of a PCA, in the safetensors format (docs/python.md says what is in it)."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import sys
from array import array
from typing import Any, Mapping, NamedTuple, Union

MOST_HEADER_BYTES = 1 << 20
KIND = "verger pca"
NAMES = ("components", "mean", "explained_variance")


class Tensor(NamedTuple):
    shape: tuple[int, ...]
    values: array[float]  # float64


def little_endian(values: array[float]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def write(path: Union[str, os.PathLike[str]], tensors: Mapping[str, Tensor],
          metadata: Mapping[str, str]) -> None:
    """The file appears whole, in place of an older one."""
    header: dict[str, Any] = {"__metadata__": {"kind": KIND, **metadata}}
    parts, end = [], 0
    for name, tensor in tensors.items():
        parts.append(little_endian(tensor.values))
        header[name] = {"dtype": "F64", "shape": list(tensor.shape),
                        "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of eight
    target = os.fspath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read(path: Union[str, os.PathLike[str]]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata. ValueError names the file and what is wrong with it."""
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    try:
        return parse(data)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name} is no PCA of verger: {reason}") from None


def parse(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    (size,) = struct.unpack_from("<Q", data)
    if size > min(MOST_HEADER_BYTES, len(data) - 8):
        raise ValueError("its header is longer than the file, or than a header can be")
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    if metadata.get("kind") != KIND:
        raise ValueError(f"it is of another kind, {metadata.get('kind')!r}")
    values = memoryview(data)[8 + size:]
    return {name: tensor(name, header[name], values) for name in NAMES if name in header}, metadata


def tensor(name: str, entry: Mapping[str, Any], values: memoryview) -> Tensor:
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    count = 1
    for side in shape:
        if not isinstance(side, int) or side < 1:
            raise ValueError(f"{name} has the shape {shape}")
        count *= side
    whole = isinstance(begin, int) and isinstance(end, int) and 0 <= begin <= end <= len(values)
    if entry["dtype"] != "F64" or not whole or end - begin != 8 * count:
        raise ValueError(f"{name} is damaged")
    numbers = array("d", bytes(values[begin:end]))
    if sys.byteorder == "big":
        numbers.byteswap()
    return Tensor(shape, numbers)
