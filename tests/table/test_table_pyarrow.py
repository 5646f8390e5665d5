"""Batches to and from pyarrow over the C Data Interface."""

import ctypes
import os
from pathlib import Path

import pyarrow as pa
import pytest

probe = ctypes.CDLL(str(Path(os.environ["VERGER_BUILD"]) / "libtable_probe.so"))


class Structs:
    """A pair of ArrowArray and ArrowSchema, 10 and 9 words long."""

    def __init__(self, batch=None):
        self.array, self.schema = (ctypes.c_int64 * 10)(), (ctypes.c_int64 * 9)()
        if batch is not None:
            batch._export_to_c(*self.addresses())

    def addresses(self):
        return ctypes.addressof(self.array), ctypes.addressof(self.schema)

    def take(self):
        batch = pa.RecordBatch._import_from_c(*self.addresses())
        batch.validate(full=True)
        return batch


def call(function, *arguments):
    message = ctypes.create_string_buffer(512)
    out = Structs()
    status = function(*arguments, out.schema, out.array, message)
    if status != 0:
        assert out.schema[7] == 0 and out.array[8] == 0  # released
        raise ValueError(message.value.decode())
    return out.take()


def copy(function, array, name="x", **options):
    batch = pa.record_batch({"before": pa.nulls(len(array), pa.int8()), name: array})
    start, length = options.get("start", 0), options.get("length", len(array))
    given = Structs(batch.slice(start, length))
    try:
        copied = call(function, given.schema, given.array)
    finally:
        assert given.schema[7] and given.array[8]  # ours to release still
        given.take()
    assert copied.num_rows == length
    return copied["x"]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 8, 9, 64, 65, 1000])
def test_every_type(rows):
    batch = call(probe.probe_numbers, ctypes.c_int64(rows))
    assert batch.schema == pa.schema([
        ("string", pa.string()), ("int", pa.int64()), ("float", pa.float64()),
        ("time", pa.timestamp("us", tz="UTC")), ("floats", pa.list_(pa.float32())),
        ("doubles", pa.list_(pa.float64()))])
    assert batch.num_rows == rows
    kept = [row for row in range(rows) if row % 3 != 2]
    for column in batch.columns:
        assert column.null_count == rows - len(kept)
        assert [row for row in range(rows) if column[row].is_valid] == kept
    for row in kept:
        values = [row / 7 + i for i in range(row % 8)]
        assert batch["string"][row].as_py() == "pomme de reinette"[:row % 8]
        assert batch["int"][row].as_py() == -row
        assert batch["float"][row].as_py() == row / 3
        assert batch["time"][row].value == row * 1000000 + 1
        assert batch["floats"][row].as_py() == pa.array(values, pa.float32()).to_pylist()
        assert batch["doubles"][row].as_py() == values


@pytest.mark.parametrize("rows", [0, 2, 1000])
def test_buffers_are_aligned_and_validity_only_where_there_are_nulls(rows):
    batch = call(probe.probe_numbers, ctypes.c_int64(rows))
    for column in batch.columns:
        validity, *others = column.buffers()
        assert (validity is None) == (rows <= 2)
        for buffer in others:
            assert buffer is None or buffer.address % 64 == 0


def test_columns_outlive_their_batch():
    batch = call(probe.probe_numbers, ctypes.c_int64(100))
    column, expected = batch["floats"], batch["floats"].to_pylist()
    del batch
    values = column.flatten()
    del column
    assert values.to_pylist() == [x for row in expected if row for x in row]


TEXTS = ["", "pomme", None, "Äpfel", "リンゴ", None, "🍎" * 40, "a\0b"] * 5
FLOATS = [[1.5, -2.0], [0.25, 3.0], None, [4.0, 5.0], [6.0, 7.0]] * 5
RAGGED = [[1.5], [], None, [4.0, 5.0, 0.5], [6.0] * 100] * 5


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("start, length", [(0, 40), (3, 21), (2, 1), (40, 0), (0, 0)])
def test_bytes(kind, start, length):
    data = [None if text is None else text.encode() for text in TEXTS]
    expected = TEXTS[start:start + length]
    assert copy(probe.probe_bytes, pa.array(data, pa.binary()).cast(kind), start=start,
                length=length).to_pylist() == expected
    # A slice of the column inside the batch: an offset of its own.
    sliced = pa.array([b"x", None] + data, pa.binary()).cast(kind).slice(2)
    assert copy(probe.probe_bytes, sliced, start=start, length=length).to_pylist() == expected


@pytest.mark.parametrize("kind, rows", [(pa.list_(pa.float32()), RAGGED),
                                        (pa.large_list(pa.float32()), RAGGED),
                                        (pa.list_(pa.float32(), 2), FLOATS)], ids=str)
@pytest.mark.parametrize("start, length", [(0, 25), (3, 11), (2, 1), (25, 0)])
def test_lists(kind, rows, start, length):
    expected = rows[start:start + length]
    array = pa.array(rows, kind)
    assert copy(probe.probe_lists, array, start=start, length=length).to_pylist() == expected
    sliced = pa.array([rows[0], None] + rows, kind).slice(2)
    assert copy(probe.probe_lists, sliced, start=start, length=length).to_pylist() == expected


def test_lists_over_a_slice_of_values():
    values = pa.array([None, 9.0, 1.0, 2.0, 3.0, 4.0, None], pa.float32()).slice(2, 4)
    ragged = pa.ListArray.from_arrays(pa.array([0, 1, 1, 4], pa.int32()), values)
    assert copy(probe.probe_lists, ragged).to_pylist() == [[1.0], [], [2.0, 3.0, 4.0]]
    fixed = pa.FixedSizeListArray.from_arrays(values, 2)
    assert copy(probe.probe_lists, fixed).to_pylist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_list_with_a_null_inside():
    for kind in [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)]:
        array = pa.array([[1.0, 2.0], None, [3.0, None], [4.0, 5.0]], kind)
        with pytest.raises(ValueError, match="column x, row 2 .* is null"):
            copy(probe.probe_lists, array)
        assert copy(probe.probe_lists, array, start=3, length=1).to_pylist() == [[4.0, 5.0]]
        assert copy(probe.probe_lists, array, length=2).to_pylist() == [[1.0, 2.0], None]


@pytest.mark.parametrize("array, reason", [
    (pa.array([1, 2]), "Arrow format l: cast it to string or binary"),
    (pa.array([[1.0]]), r"Arrow format \+l: cast it to string or binary"),
    (pa.nulls(3), "Arrow format n"),
    (pa.array(["a"]).dictionary_encode(), "dictionary-encoded: cast it to string"),
    (pa.array(["a"], pa.string_view()), "Arrow format vu")], ids=str)
def test_not_bytes(array, reason):
    with pytest.raises(ValueError, match=f"column x .*{reason}"):
        copy(probe.probe_bytes, array)


@pytest.mark.parametrize("array, reason", [
    (pa.array(["a"]), "Arrow format u: cast it to list<float>"),
    (pa.array([1.0]), "Arrow format g: cast it to list<float>"),
    (pa.array([[1.0]]), r"Arrow format \+l of g: cast it to list<float>"),
    (pa.array([[1.0]], pa.list_(pa.float16())), r"Arrow format \+l of e"),
    (pa.array([[1.0]], pa.list_view(pa.float32())), r"Arrow format \+vl"),
    (pa.array([{"a": 1.0}], pa.struct([("a", pa.float32())])), r"Arrow format \+s")], ids=str)
def test_not_lists(array, reason):
    with pytest.raises(ValueError, match=f"column x .*{reason}"):
        copy(probe.probe_lists, array)


def test_a_missing_column_lists_those_there():
    with pytest.raises(ValueError, match="no column x: the table has before, y"):
        copy(probe.probe_bytes, pa.array(["a"]), name="y")


def test_nulls_of_the_batch_itself():
    """A struct array with nulls of its own: a column is null where the struct is."""
    array = pa.StructArray.from_arrays([pa.array(["a", "b", "c", "d"])], ["x"],
                                       mask=pa.array([False, True, False, True]))
    for start in (0, 1):
        given = Structs()
        array.slice(start)._export_to_c(*given.addresses())
        copied = call(probe.probe_bytes, given.schema, given.array)
        assert copied["x"].to_pylist() == ["a", None, "c", None][start:]
        pa.Array._import_from_c(*given.addresses())


@pytest.mark.parametrize("data", [b"\xff", b"ok\xc3", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80",
                                  b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"caf\xe9.jpg",
                                  b"\xe2\x28\xa1", b"\x80\x80", b"\xf0\x80\x80\x80"])
def test_text_that_is_not_utf8_is_repaired(data):
    array = pa.array([b"before", data, "nach Ä".encode()], pa.binary())
    before, repaired, after = copy(probe.probe_bytes, array).to_pylist()
    assert (before, after) == ("before", "nach Ä")
    assert repaired == data.decode(errors="backslashreplace")
