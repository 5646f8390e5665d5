"""The three Arrow calls of libverger.so, with pyarrow on the other side."""

import ctypes
import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from library import (ArrowSchema, Exported, Fault, Handle, Moments, Pca, VG_EINVAL, VG_ENOTFOUND,
                     VG_EUNSUPPORTED, call, pointer, through_arrow)


def picture(seed, kind):
    pixels = np.random.default_rng(seed).integers(0, 256, size=(30, 40, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return data.getvalue()


@pytest.fixture(scope="module")
def extractor():
    model = Handle("vg_model_close")
    call("vg_model_open", ctypes.byref(model.handle), b"seeded:7", None)
    extractor = Handle("vg_extractor_close")
    call("vg_extractor_open", ctypes.byref(extractor.handle), model.handle, None)
    extractor.model = model
    return extractor


def features_alone(extractor, data):
    image = (ctypes.c_void_p * 2)(ctypes.cast(data, ctypes.c_void_p), len(data))
    features = np.zeros(1280, dtype=np.float32)
    result = ctypes.create_string_buffer(4 + 512)
    call("vg_extract", extractor.handle, ctypes.c_size_t(1), image, pointer(features), result)
    assert result.raw[:4] == bytes(4)
    return features


CONTENTS = [picture(1, "PNG"), picture(2, "JPEG"), None, b"", b"not an image"] + [
    picture(seed, "PNG") for seed in range(3, 20)]


def contents_batch(contents=CONTENTS, text=pa.string(), binary=pa.binary()):
    n = len(contents)
    return pa.record_batch({
        "number": pa.array(range(n)),
        "content": pa.array(contents, type=binary),
        "label": pa.array([None if i == 1 else f"Äpfel {i % 3}" for i in range(n)], type=text),
        "path": pa.array([f"/a/{i}.png" for i in range(n)], type=text)})


def check_extracted(extractor, batch, contents, first=0):
    assert batch.schema == pa.schema([("path", pa.string()), ("label", pa.string()),
                                      ("features", pa.list_(pa.float32())),
                                      ("error", pa.string())])
    assert batch.num_rows == len(contents)
    for i, row in enumerate(batch.to_pylist()):
        number, data = first + i, contents[i]
        assert row["path"] == f"/a/{number}.png"
        assert row["label"] == (None if number == 1 else f"Äpfel {number % 3}")
        if data is None:
            assert row["features"] is None and row["error"] == "no content"
        elif len(data) < 20:
            assert row["features"] is None and row["error"]
        else:
            assert row["error"] is None
            expected = features_alone(extractor, data)
            assert np.array(row["features"], dtype=np.float32).tobytes() == expected.tobytes()


@pytest.mark.parametrize("text, binary", [(pa.string(), pa.binary()),
                                          (pa.large_string(), pa.large_binary()),
                                          (pa.binary(), pa.large_binary())])
def test_extract(extractor, text, binary):
    batch = through_arrow("vg_extract_arrow", extractor.handle,
                          contents_batch(text=text, binary=binary))
    check_extracted(extractor, batch, CONTENTS)


def test_extract_a_slice(extractor):
    batch = through_arrow("vg_extract_arrow", extractor.handle, contents_batch().slice(1, 9))
    check_extracted(extractor, batch, CONTENTS[1:10], first=1)


def test_extract_nothing(extractor):
    batch = through_arrow("vg_extract_arrow", extractor.handle, contents_batch([]))
    check_extracted(extractor, batch, [])


@pytest.mark.parametrize("missing", ["path", "label", "content"])
def test_extract_without_a_column(extractor, missing):
    batch = contents_batch().drop_columns(missing)
    with pytest.raises(Fault, match=f"no column {missing}: the table has number, ") as fault:
        through_arrow("vg_extract_arrow", extractor.handle, batch)
    assert fault.value.status == VG_ENOTFOUND


def test_extract_of_other_types(extractor):
    batch = contents_batch()
    numbers = pa.array(range(batch.num_rows))
    for name, column in [("content", numbers), ("path", numbers),
                         ("label", batch["label"].dictionary_encode()),
                         ("label", batch["label"].cast(pa.string_view()))]:
        changed = batch.set_column(batch.schema.get_field_index(name), name, column)
        with pytest.raises(Fault, match=f"column {name} .*: cast it to string") as fault:
            through_arrow("vg_extract_arrow", extractor.handle, changed)
        assert fault.value.status == VG_EUNSUPPORTED


# --- Moments and projection ------------------------------------------------------

DIMS = 6
ROWS = np.random.default_rng(3).random((50, DIMS), dtype=np.float32)
FAILED = [0, 7, 8, 49]


def features_batch(kind, rows=ROWS, failed=FAILED):
    values = [None if i in failed else row.tolist() for i, row in enumerate(rows)]
    n = len(values)
    return pa.record_batch({
        "path": pa.array([f"p{i}" for i in range(n)], type=pa.string()),
        "label": pa.array([f"l{i}" for i in range(n)], type=pa.string()),
        "features": pa.array(values, type=kind)})


KINDS = [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_(pa.float32(), DIMS)]


def add(moments, batch):
    given = Exported(batch)
    call("vg_moments_add_arrow", moments.handle, *given.arguments())


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("start, length", [(0, 50), (5, 20), (8, 1), (50, 0)])
def test_moments(kind, start, length):
    moments = Moments(DIMS)
    add(moments, features_batch(kind).slice(start, length))
    kept = [i for i in range(start, start + length) if i not in FAILED]
    assert moments.to_bytes() == Moments.of(np.ascontiguousarray(ROWS[kept])).to_bytes()


def test_moments_take_a_batch_whole_or_not_at_all():
    rows = ROWS.copy()
    rows[30, 2] = np.nan
    moments = Moments.of(ROWS)
    with pytest.raises(Fault, match="row 30: value 2 is not a finite number") as fault:
        add(moments, features_batch(KINDS[0], rows))
    assert fault.value.status == VG_EINVAL
    assert moments.to_bytes() == Moments.of(ROWS).to_bytes()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_of_another_length(kind):
    batch = features_batch(kind)
    with pytest.raises(Fault, match=r"row 1 \(counted from 0\) has 6 values, 7 are needed"):
        add(Moments(7), batch)
    pca = Pca(Moments.of(np.random.default_rng(4).random((9, 5), dtype=np.float32)), 2)
    with pytest.raises(Fault, match=r"row 1 \(counted from 0\) has 6 values, 5 are needed"):
        through_arrow("vg_pca_project_arrow", pca.handle, batch)


@pytest.mark.parametrize("kind, reason", [
    (pa.list_(pa.float64()), r"Arrow format \+l of g: cast it to list<float>"),
    (pa.list_view(pa.float32()), "cast it to list<float>"),
    (pa.list_(pa.list_(pa.float32())), "cast it to list<float>")], ids=str)
def test_features_of_another_type(kind, reason):
    batch = features_batch(kind, rows=np.zeros((0, DIMS)))
    with pytest.raises(Fault, match=reason) as fault:
        add(Moments(DIMS), batch)
    assert fault.value.status == VG_EUNSUPPORTED


def test_a_null_among_the_values():
    values = [row.tolist() for row in ROWS[:4]]
    values[2][3] = None
    for kind in KINDS:
        batch = pa.record_batch({"features": pa.array(values, type=kind)})
        with pytest.raises(Fault, match="row 2 .* is null"):
            add(Moments(DIMS), batch)
        moments = Moments(DIMS)
        add(moments, batch.slice(0, 2))
        assert moments.count() == 2


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("start, length", [(0, 50), (5, 20), (8, 1), (50, 0)])
def test_projection(kind, start, length):
    pca = Pca(Moments.of(ROWS), 4)
    batch = through_arrow("vg_pca_project_arrow", pca.handle,
                          features_batch(kind).slice(start, length))
    assert batch.schema == pa.schema([("path", pa.string()), ("label", pa.string()),
                                      ("pca_features", pa.list_(pa.float64()))])
    assert batch["path"].to_pylist() == [f"p{i}" for i in range(start, start + length)]
    assert batch["label"].to_pylist() == [f"l{i}" for i in range(start, start + length)]
    expected = pca.project(ROWS)
    for i, row in enumerate(batch["pca_features"].to_pylist(), start):
        assert row == (None if i in FAILED else expected[i].tolist())


def test_other_tables():
    moments = Moments(DIMS)
    other = Exported(pa.record_batch({"x": pa.array([1, 2])}))
    with pytest.raises(Fault, match="no column features: the table has x"):
        call("vg_moments_add_arrow", moments.handle, *other.arguments())
    empty = Exported(pa.record_batch({}))
    with pytest.raises(Fault, match="no column features: the table has no columns"):
        call("vg_moments_add_arrow", moments.handle, *empty.arguments())
    with pytest.raises(Fault, match="released"):
        call("vg_moments_add_arrow", moments.handle, ctypes.byref(ArrowSchema()),
             ctypes.byref(other.array))
