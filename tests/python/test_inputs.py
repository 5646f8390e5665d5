"""Images in every form that people have them in: the same features for all."""

import io
import os
import subprocess
import sys

import duckdb
import numpy
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import BUILD, ROOT
from PIL import Image

import verger

MODEL = "seeded:7"


@pytest.fixture(scope="module")
def extractor():
    with verger.Extractor(MODEL, threads=2) as extractor:
        yield extractor


@pytest.fixture(scope="module")
def few(paths):
    return [path for path in paths if "Apple 1" in str(path)][:3]


@pytest.fixture(scope="module")
def expected(extractor, few):
    return extractor.extract(few)


@pytest.fixture(scope="module")
def pixels(few):
    return [numpy.asarray(Image.open(path).convert("RGB")) for path in few]


@pytest.fixture(scope="module")
def contents(few):
    return [path.read_bytes() for path in few]


def features(table):
    return table["features"].to_pylist()


# --- Single images and lists of them ----------------------------------------------------------


def opened(few):
    return [path.open("rb") for path in few]


FORMS = {
    "paths": lambda few: few,
    "a generator": lambda few: (str(path) for path in few),
    "bytes": lambda few: [path.read_bytes() for path in few],
    "bytearrays": lambda few: [bytearray(path.read_bytes()) for path in few],
    "files": opened,
    "BytesIO": lambda few: [io.BytesIO(path.read_bytes()) for path in few],
    "Pillow": lambda few: [Image.open(path) for path in few],
    "arrays": lambda few: [numpy.asarray(Image.open(path)) for path in few],
    "a batch": lambda few: numpy.stack([numpy.asarray(Image.open(path)) for path in few]),
    "views": lambda few: [numpy.asarray(Image.open(path))[::-1][::-1] for path in few],
    "an array of paths": lambda few: numpy.array([str(path) for path in few]),
    "of Hugging Face": lambda few: [{"image": {"bytes": path.read_bytes(), "path": "x.jpg"},
                                     "label": 3} for path in few],
    "without bytes": lambda few: [{"bytes": None, "path": str(path)} for path in few],
    "a batch of Hugging Face": lambda few: {"image": [Image.open(path) for path in few],
                                            "label": [1, 2, 3]},
    "a Series": lambda few: pandas.Series([str(path) for path in few]),
    "a Series of polars": lambda few: polars.Series([str(path) for path in few]),
    "a column": lambda few: pa.chunked_array([[path.read_bytes() for path in few]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form, extractor, few, expected):
    table = extractor.extract(FORMS[form](few))
    assert table["error"].null_count == 3
    assert features(table) == features(expected)


@pytest.mark.parametrize("form", ["bytes", "files", "Pillow", "arrays"])
def test_one_image(form, extractor, few, expected):
    (image, *_) = FORMS[form](few)
    assert features(extractor.extract(image)) == features(expected)[:1]


def test_one_picture_that_speaks_arrow(extractor, few, expected, monkeypatch):
    """As Pillow's do from 11.3 on: an array of pixels, which is no table."""
    monkeypatch.setattr(Image.Image, "__arrow_c_array__", lambda *_: pytest.fail("it was asked"),
                        raising=False)
    assert features(extractor.extract(Image.open(few[0]))) == features(expected)[:1]
    assert features(extractor.extract([Image.open(few[0])])) == features(expected)[:1]


class Tensor:
    """What is asked of a tensor of torch, which weighs too much for a test."""

    def __init__(self, values):
        self.values, self.ndim = values, values.ndim

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values

    def __array__(self, *_):
        raise AssertionError("torch refuses this where gradients are kept")


def test_tensors_have_their_channels_first(extractor, pixels, expected):
    first = [Tensor(image.transpose(2, 0, 1)) for image in pixels]
    assert features(extractor.extract(first)) == features(expected)
    batch = Tensor(numpy.stack(pixels).transpose(0, 3, 1, 2))
    assert features(extractor.extract(batch)) == features(expected)


def test_other_channels_are_pillows(extractor, pixels):
    grey = pixels[0][:, :, 0]
    alpha = numpy.dstack([pixels[0], grey])
    ours = extractor.extract([grey, grey[:, :, None], alpha])
    theirs = extractor.extract([Image.fromarray(grey).convert("RGB"), Image.fromarray(grey),
                                Image.fromarray(alpha)])
    assert features(ours) == features(theirs)


@pytest.mark.parametrize("image", [numpy.zeros((8, 8, 3)), numpy.zeros((8, 8, 5), numpy.uint8),
                                   numpy.zeros((1, 1, 1, 1, 3), numpy.uint8)])
def test_arrays_that_are_no_images(image, extractor):
    with pytest.raises((TypeError, ValueError), match="is not an image"):
        extractor.extract([image])


def test_names_and_labels(extractor, few):
    table = extractor.extract([few[0], few[0].open("rb"), Image.open(few[0]), few[0].read_bytes(),
                               {"path": "a/b.jpg", "bytes": few[0].read_bytes()},
                               {"file_name": "c.jpg", "image": few[0].read_bytes(), "class": 7}])
    assert table["path"].to_pylist() == [str(few[0])] * 3 + [None, "a/b.jpg", "c.jpg"]
    assert table["label"].to_pylist() == ["Apple 1"] * 3 + [None, "a", "7"]


def test_what_else_a_row_has_is_carried_along(extractor, few):
    table = extractor.extract([{"path": few[0], "split": "train", "n": 1},
                               {"path": few[1], "split": None, "n": 2}] * 40)
    assert table.column_names == ["path", "label", "features", "error", "split", "n"]
    assert table["n"].to_pylist() == [1, 2] * 40


# --- What fails is a row ---------------------------------------------------------------------


def test_what_cannot_be_read_is_a_row(extractor, few, tmp_path):
    (tmp_path / "gone.jpg").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no image")
    bad = [tmp_path / "absent.jpg", tmp_path / "gone.jpg", tmp_path / "pipe.jpg",
           tmp_path / "empty", tmp_path / "text.jpg", "s3://bucket/a.jpg", "a\0b.jpg", None,
           numpy.zeros((0, 4, 3), numpy.uint8)]
    table = extractor.extract([few[0], *bad, few[1]])
    errors = table["error"].to_pylist()
    assert errors[0] is None and errors[-1] is None
    for error, expected in zip(errors[1:-1], [
            "No such file", "No such file", "not a file", "holds no image", "is text",
            "let the command read it", "null", "no content", "no pixels"]):
        assert expected in error
    assert table["features"].null_count == len(bad)


def test_odd_names_are_the_commands(extractor, few, tmp_path):
    folder = tmp_path / "Training" / "odd"
    folder.mkdir(parents=True)
    for name in [b"caf\xe9.jpg", rb"\xe9.jpg", rb"a\b.jpg", "Größe.jpg".encode()]:
        (folder / os.fsdecode(name)).write_bytes(few[0].read_bytes())
    output = tmp_path / "output"
    subprocess.run([BUILD / "verger", "run", tmp_path, output, "--select", "**/*.jpg", "-k", "1",
                    "--model", MODEL, "-q"], check=True)
    (table,) = output.glob("features/parquet/*")
    theirs = sorted(pyarrow.parquet.read_table(table)["path"].to_pylist())
    ours = extractor.extract((tmp_path / "Training").rglob("*.jpg"))
    assert ours["error"].null_count == 4
    assert sorted(ours["path"].to_pylist()) == theirs
    again = extractor.extract(pa.table({"path": theirs}))
    assert again["error"].null_count == 4


def test_files_that_are_too_large(few, tmp_path):
    with verger.Extractor(MODEL, max_file_size=100) as small:
        (error,) = small.extract([few[0]])["error"].to_pylist()
    assert "max_file_size is 100" in error


def test_limits_hold_for_pixels(pixels):
    with verger.Extractor(MODEL, max_pixels=100 * 99) as small:
        (error,) = small.extract([pixels[0]])["error"].to_pylist()
    assert "100 x 100" in error


def test_memory_is_bounded_by_bytes(tmp_path):
    """Ten files of 150 MB, by name and opened."""
    for i in range(10):
        with open(tmp_path / f"{i}.jpg", "wb") as file:
            file.truncate(150 << 20)
    code = f"""
import pathlib, resource, verger
with verger.Extractor({MODEL!r}, threads=4) as extractor:
    table = extractor.extract(pathlib.Path({str(tmp_path)!r}))
    files = extractor.extract(path.open("rb") for path in pathlib.Path({str(tmp_path)!r}).iterdir())
assert table.num_rows == files.num_rows == 10 and table["error"].null_count == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "python")})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 0.9e6  # kB


# --- Folders -----------------------------------------------------------------------------------


def test_a_folder_is_what_the_command_takes(extractor, few, tmp_path):
    for name in ["b/x.JPG", "a/_DSC1.jpeg", "a/z.png", "a/.hidden.jpg", "@eaDir/x.jpg",
                 ".git/x.jpg", "a/notes.txt", "c.jfif", "a-b/x.jpe", "d.tar"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(few[0].read_bytes())
    table = extractor.extract(tmp_path)
    assert table["error"].null_count == table.num_rows
    names = [os.path.relpath(path, tmp_path) for path in table["path"].to_pylist()]
    assert names == ["a-b/x.jpe", "a/_DSC1.jpeg", "a/z.png", "b/x.JPG", "c.jfif"]
    assert extractor.extract([tmp_path / "b", few[0]]).num_rows == 2


def test_endings_are_the_commands(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for ending in ("jpg JPEG jpe jfif png webp gif bmp dib tif tiff pnm ppm pgm pbm heic heif "
                   "avif jp2 svg jxl psd ico raw txt").split():
        (images / f"x.{ending}").write_bytes(b"x")
    subprocess.run([BUILD / "verger", "metadata", images, tmp_path / "output", "-q"], check=True)
    (part,) = (tmp_path / "output").glob("metadata/images_*/part-*")
    theirs = pandas.read_csv(part)["path"].tolist()
    with verger.Extractor(MODEL, threads=1) as extractor:
        ours = extractor.extract(images)
    assert ours["path"].to_pylist() == theirs


# --- Tables --------------------------------------------------------------------------------------


def columns(few):
    return {"path": [str(path) for path in few], "label": [path.parent.name for path in few],
            "content": [path.read_bytes() for path in few], "n": [1, 2, 3]}


def relation(few):
    frame = pandas.DataFrame(columns(few))  # found by its name
    return duckdb.sql("SELECT * FROM frame")


TABLES = {
    "pyarrow": lambda few: pa.table(columns(few)),
    "a batch": lambda few: pa.record_batch(columns(few)),
    "a reader": lambda few: pa.table(columns(few)).to_reader(),
    "pandas": lambda few: pandas.DataFrame(columns(few), index=["x", "y", "z"]),
    "polars": lambda few: polars.DataFrame(columns(few)),
    "DuckDB": relation,
    "views": lambda few: pa.table(columns(few)).cast(pa.schema([
        ("path", pa.string_view()), ("label", pa.string_view()), ("content", pa.binary_view()),
        ("n", pa.int64())])),
    "large": lambda few: pa.table(columns(few)).cast(pa.schema([
        ("path", pa.large_string()), ("label", pa.large_string()), ("content", pa.large_binary()),
        ("n", pa.int64())])),
    "categories": lambda few: pandas.DataFrame(columns(few)).astype({"label": "category"}),
    "objects": lambda few: pandas.DataFrame({
        "path": [str(path) for path in few], "label": [path.parent.name for path in few],
        "image": [Image.open(path) for path in few], "n": [1, 2, 3]}),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables(form, extractor, few, expected):
    table = extractor.extract(TABLES[form](few))
    assert table.drop_columns("n").equals(expected)
    assert table["n"].to_pylist() == [1, 2, 3]


def test_paths_of_a_table_are_read(extractor, few, expected):
    frame = pandas.DataFrame({"file_name": [str(path) for path in few], "split": "train"})
    table = extractor.extract(frame)
    assert table.column_names == ["path", "label", "features", "error", "split"]
    assert table.drop_columns("split").equals(expected)


def test_images_of_hugging_face(extractor, few, expected):
    images = [{"bytes": few[0].read_bytes(), "path": "a.jpg"}, {"bytes": None, "path": str(few[1])},
              {"bytes": few[2].read_bytes(), "path": None}]
    table = extractor.extract(pa.table({"image": images, "label": [0, 1, 0]}))
    assert features(table) == features(expected)
    assert table["label"].to_pylist() == ["0", "1", "0"]
    assert table["path"].to_pylist() == ["a.jpg", str(few[1]), None]


def test_no_content_is_no_file(extractor, few):
    table = extractor.extract(pa.table({"path": [str(few[0])], "content": pa.array(
        [None], pa.binary())}))
    assert table["error"].to_pylist() == ["no content"]


def test_columns_that_would_be_hidden(extractor, few):
    with pytest.raises(ValueError, match="'features' is there already"):
        extractor.extract(pa.table({"path": [str(few[0])], "features": [1]}))


def test_large_rows_make_small_chunks(extractor, contents, expected):
    padded = [content + bytes(9 << 20) for content in contents] * 4
    table = extractor.extract(pa.table({"content": padded}))
    assert features(table) == features(expected) * 4


def test_fixed_size_lists(extractor, few, expected, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    table = extractor.extract([few[0], tmp_path / "text.jpg", *few[1:]], fixed_size_list=True)
    table.validate(full=True)
    assert table.schema.field("features").type == pa.list_(pa.field("element", pa.float32()), 1280)
    good = table.filter(table["error"].is_null())
    assert features(good) == features(expected)
    assert features(table)[1] is None
    moments = verger.Moments().add(table)
    assert bytes(moments) == bytes(verger.Moments().add(expected))
    assert extractor.extract([], fixed_size_list=True).schema.equals(table.schema)


# --- encode ---------------------------------------------------------------------------------------


def test_encode_keeps_the_rows(extractor, few, expected, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.warns(UserWarning, match="1 images failed.*text.jpg"):
        rows = extractor.encode([few[0], tmp_path / "text.jpg", *few[1:]])
    assert rows.shape == (4, 1280) and rows.dtype == numpy.float32
    assert numpy.isnan(rows[1]).all()
    assert rows[[0, 2, 3]].tolist() == features(expected)
    assert extractor.encode(few[0]).shape == (1, 1280)
    assert extractor.encode([]).shape == (0, 1280)
    with pytest.raises(verger.VergerError, match="text.jpg"):
        extractor.encode([tmp_path / "text.jpg"], errors="raise")
    with pytest.raises(ValueError, match="errors"):
        extractor.encode([], errors="ignore")


def test_progress(extractor, few, capsys):
    extractor.extract(few, progress=True)
    assert "3/3" in capsys.readouterr().err
    assert extractor.encode(few, progress=True).shape == (3, 1280)


# --- Orientation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, tmp_path):
    """Files, bytes and pictures of Pillow are turned alike, as ImageOps.exif_transpose has it."""
    from PIL import ImageOps

    drawn = numpy.random.default_rng(orientation).integers(0, 256, (40, 64, 3), numpy.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(drawn).save(path, exif=exif)
    turned = numpy.asarray(ImageOps.exif_transpose(Image.open(path)))
    with verger.Extractor(MODEL, threads=1) as plain, \
            verger.Extractor(MODEL, threads=1, exif_orient=True) as turning:
        (straight,) = plain.encode([turned])
        for image in [path, path.read_bytes(), Image.open(path), turned]:
            assert numpy.array_equal(turning.encode(image)[0], straight)
            kept = numpy.array_equal(plain.encode(image)[0], straight)
            assert kept == (orientation == 1 or image is turned)
