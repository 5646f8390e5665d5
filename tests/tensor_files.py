"""Files of the safetensors format, by the format's description alone."""

import json
import struct

import numpy

TYPES = {"F64": "<f8", "F32": "<f4", "U8": "u1"}


def read_tensors(path):
    """Facts and arrays, in the order of the file."""
    content = path.read_bytes()
    size, = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + size])
    facts, tensors = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = content[8 + size + begin:8 + size + end]
        tensors[name] = numpy.frombuffer(values, TYPES[entry["dtype"]]).reshape(entry["shape"])
    return facts, tensors


def write_tensors(path, facts, tensors):
    header, values = {"__metadata__": facts}, b""
    for name, array in tensors.items():
        kind, = (kind for kind, dtype in TYPES.items() if numpy.dtype(dtype) == array.dtype)
        header[name] = {"dtype": kind, "shape": array.shape,
                        "data_offsets": [len(values), len(values) + array.nbytes]}
        values += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)
