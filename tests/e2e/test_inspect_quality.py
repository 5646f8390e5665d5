"""verger inspect of what a run measured: planted pictures are found by their reasons, and those that
were saved again by their grey copies."""

import json
import shutil

import numpy
import pyarrow.parquet
import pytest
from conftest import TS, encoded, read_csv, read_parquet, run, table_folder, verger
from PIL import Image, ImageEnhance, ImageFilter
from PIL.PngImagePlugin import PngInfo

from test_inspect import fails, inspect, rows_of, with_reason

MEASURED = ["width", "height", "bytes", "brightness_5", "brightness_50", "brightness_99", "contrast",
            "sharpness"]


def textured(seed, size=(120, 120)):
    """Sharp as a photograph of a fruit is: large shapes, fine grain."""
    random = numpy.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=numpy.uint8))
    grain = random.normal(0, 14, (size[1], size[0], 1))
    pixels = numpy.asarray(coarse.resize(size, Image.BICUBIC)) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


POOR = {"dark": lambda p: ImageEnhance.Brightness(p).enhance(0.2),
        "light": lambda p: Image.eval(p, lambda level: 245 + level // 26),
        "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(3)),
        "flat": lambda p: Image.eval(p, lambda level: 120 + level // 16)}
SAVED = {"q75.jpg": lambda p: encoded(p, quality=75), "q95.jpg": lambda p: encoded(p, quality=95),
         "half larger.jpg": lambda p: encoded(p.resize((180, 180)), quality=95),
         "png.png": lambda p: encoded(p, "PNG"), "webp.webp": lambda p: encoded(p, "WEBP", quality=90)}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """40 pictures, one of them poor of each kind, one saved again in five ways and copied, one copied
    to the byte alone, and one of the test's that is one of training, saved again."""
    root = tmp_path_factory.mktemp("planted")
    folder = root / "in/Training/Apple 1"
    folder.mkdir(parents=True)
    (root / "in/Test/Apple 1").mkdir(parents=True)
    for seed in range(40):
        (folder / f"{seed:02}.jpg").write_bytes(encoded(textured(seed), quality=92))
    for seed, (name, change) in enumerate(POOR.items()):
        (folder / f"{name}.png").write_bytes(encoded(change(textured(100 + seed)), "PNG"))
    again = Image.open(folder / "07.jpg").convert("RGB")
    for name, save in SAVED.items():
        (folder / f"again {name}").write_bytes(save(again))
    shutil.copy(folder / "07.jpg", folder / "again copy.jpg")
    shutil.copy(folder / "03.jpg", folder / "copy.jpg")
    test = Image.open(folder / "11.jpg").convert("RGB")
    (root / "in/Test/Apple 1/twin.jpg").write_bytes(encoded(test, quality=80))
    run(root / "in", root / "out", "--quality")
    done = verger("neighbours", root / "out", "--timestamp", TS, "--progress", "none")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def output(planted, tmp_path):
    return shutil.copytree(planted / "out", tmp_path / "out")


def named(rows):
    return {row["path"].rpartition("/")[2]: row for row in rows}


def test_poor_pictures_have_their_reason(output):
    done = inspect(output, "--quality")
    rows = rows_of(output)
    for reason in POOR:
        assert [path.rpartition("/")[2] for path in with_reason(rows, reason)] == [f"{reason}.png"]
    assert "quality     4 poor pictures: 1 dark, 1 light, 1 blurred, 1 flat" in done.stdout
    assert not any(row["resaved_group"] or row["outlier_score"] for row in rows)


def test_values_are_those_that_the_run_kept(planted, output):
    inspect(output, "--quality")
    for row in rows_of(output):
        path = row["path"]
        picture = Image.open(path)
        assert (row["width"], row["height"]) == picture.size
        assert row["bytes"] == len(open(path, "rb").read())
        rgb = numpy.asarray(picture.convert("RGB").resize((224, 224), Image.BICUBIC)).astype(int)
        grey = (rgb.reshape(112, 2, 112, 2, 3).sum(axis=(1, 3)) @ [19595, 38470, 7471] + 131072) >> 18
        levels = numpy.percentile(grey, [5, 50, 99], method="inverted_cdf")
        assert [row[f"brightness_{i}"] for i in (5, 50, 99)] == levels.tolist()
        assert row["contrast"] == pytest.approx(grey.std())
        edges = (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
                 - 4 * grey[1:-1, 1:-1])
        assert row["sharpness"] == pytest.approx(edges.var())


def test_pictures_saved_again_are_one_group(output):
    done = inspect(output, "--resaved")
    rows = named(rows_of(output))
    groups = {}
    for name, row in rows.items():
        groups.setdefault(row["resaved_group"], set()).add(name)
    groups.pop(None)
    assert list(groups.values()) == [{"twin.jpg", "11.jpg"},
                                     {"07.jpg", "again copy.jpg", *(f"again {n}" for n in SAVED)}]
    assert "resaved     9 images of 2 pictures in several files" in done.stdout
    assert with_reason(rows.values(), "resaved") == [rows[n]["path"] for n in rows
                                                     if rows[n]["resaved_group"]]
    assert all(0 < row["resaved_diameter"] <= 0.9 for row in rows.values() if row["resaved_group"])


def test_a_group_is_as_wide_as_is_asked(output):
    inspect(output, "--resaved", "--within", 0)
    groups = [row["resaved_group"] for row in named(rows_of(output)).values()
              if row["path"].endswith(("07.jpg", "again copy.jpg", "again png.png"))]
    assert groups == [1, 1, 1]  # the same pixels in another format
    assert len([row for row in rows_of(output) if row["resaved_group"]]) == 3


def signature_distances(planted):
    def signature(path):
        rgb = numpy.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.BICUBIC))
        grey = rgb.astype(float) @ [0.299, 0.587, 0.114]
        return grey.reshape(16, 14, 16, 14).mean(axis=(1, 3)).ravel()
    paths = sorted((planted / "in").rglob("*.*"))
    all_of = numpy.array([signature(path) for path in paths])
    return {path.name: row for path, row in
            zip(paths, numpy.sqrt(((all_of[:, None] - all_of[None]) ** 2).mean(axis=2)))}, paths


def test_distances_are_those_of_numpy(planted, output):
    inspect(output, "--resaved")
    distances, paths = signature_distances(planted)
    group = [path.name for path in paths if "again" in path.name or path.name == "07.jpg"]
    widest = max(distances[name][i] for name in group for i, path in enumerate(paths)
                 if path.name in group)
    assert named(rows_of(output))["07.jpg"]["resaved_diameter"] == pytest.approx(widest, abs=5e-3)


def test_more_files_of_one_picture_than_a_list_has_places(tmp_path):
    """30 of the same pixels, each with other bytes, two of them copied."""
    folder = tmp_path / "in/Training/Apple 1"
    folder.mkdir(parents=True)
    for i in range(30):
        text = PngInfo()
        text.add_text("frame", str(i))
        textured(1).save(folder / f"same {i:02}.png", pnginfo=text)
        (folder / f"{i:02}.jpg").write_bytes(encoded(textured(200 + i)))
    for i in (0, 29):
        shutil.copy(folder / f"same {i:02}.png", folder / f"same {i:02} copy.png")
    run(tmp_path / "in", tmp_path / "out", "--quality")
    inspect(tmp_path / "out", "--resaved")
    for row in rows_of(tmp_path / "out"):
        assert row["resaved_group"] == (1 if "same" in row["path"] else None)
        assert row["resaved_diameter"] in (0, None)


def test_a_picture_saved_again_leaks(output):
    done = inspect(output, "--leaks", "--near", 0)
    rows = named(rows_of(output))
    assert rows["twin.jpg"]["reasons"] == ["leak"] and rows["twin.jpg"]["leak_distance"] is None
    assert rows["twin.jpg"]["leak_of"].endswith("Training/Apple 1/11.jpg")
    assert rows["twin.jpg"]["resaved_group"] is None
    assert "1 of 1 images outside Training have a twin there" in done.stdout


def test_the_drop_list_keeps_one_of_a_picture(output, tmp_path):
    inspect(output, "--resaved", "--quality", "--drop-list", tmp_path / "drop.txt")
    names = {line.rpartition("/")[2] for line in (tmp_path / "drop.txt").read_text().splitlines()}
    assert names == {"11.jpg", "again copy.jpg", *(f"again {name}" for name in SAVED),
                     *(f"{name}.png" for name in POOR)}
    inspect(output, "--resaved", "--duplicates", "--drop-list", tmp_path / "drop.txt", "--overwrite")
    names = {line.rpartition("/")[2] for line in (tmp_path / "drop.txt").read_text().splitlines()}
    assert {"copy.jpg", "11.jpg", "again png.png"} <= names and not names & {"03.jpg", "07.jpg"}


def test_limits(output):
    for limit, code in (("quality:4", 0), ("quality:3", 4), ("resaved:9,quality:50%", 0),
                        ("resaved:8", 4)):
        inspect(output, "--fail-on", limit, "--overwrite", code=code)


def test_csv_says_the_same(output):
    inspect(output)
    parquet, csv = read_parquet(output, "inspection"), read_csv(output, "inspection", "csv")
    for name in MEASURED:
        assert csv[name].tolist() == pytest.approx(parquet[name].to_pylist())
    assert [json.loads(text) for text in csv.reasons_string] == parquet["reasons"].to_pylist()


def test_the_summary_of_all(output):
    end = json.loads(inspect(output, "--progress", "json").stderr.splitlines()[-1])
    assert end["quality"] == 4 and end["resaved"] == 9


def test_no_neighbours_are_needed(output):
    shutil.rmtree(output / "neighbours")
    inspect(output, "--quality", "--resaved")
    assert len([row for row in rows_of(output) if row["reasons"]]) == 13


def test_a_run_that_measured_nothing(planted, tmp_path):
    run(planted / "in", tmp_path / "out")
    done = verger("neighbours", tmp_path / "out", "--timestamp", TS, "--progress", "none")
    assert done.returncode == 0
    message = "no run has measured the images of this table: 'verger run --quality' does"
    for words in (["--quality"], ["--resaved"], ["--fail-on", "quality:0"]):
        fails(tmp_path / "out", message, *words)
    done = inspect(tmp_path / "out")
    assert "quality     not measured: 'verger run --quality' does" in done.stdout
    assert all(row[name] is None for row in rows_of(tmp_path / "out")
               for name in [*MEASURED, "resaved_group", "resaved_diameter"])


def test_images_that_were_not_measured_are_counted(output):
    (part,) = (output / "_verger" / f"run_{TS}").glob("part-*.parquet")
    table = pyarrow.parquet.read_table(part)
    kept = [None if i < 3 else value for i, value in enumerate(table["quality"].to_pylist())]
    at = table.column_names.index("quality")
    pyarrow.parquet.write_table(table.set_column(at, "quality", pyarrow.array(kept, pyarrow.binary())), part)
    done = inspect(output, "--quality")
    assert "3 of 52 images were not measured" in done.stderr
    assert [row["width"] is None for row in rows_of(output)].count(True) == 3


def test_the_same_on_any_machine(output, tmp_path):
    inspect(output)
    first = table_folder(output, "inspection", "csv")
    before = {part.name[:10]: part.read_bytes() for part in first.glob("part-*")}
    inspect(output, "--overwrite", env={"PATH": "/usr/bin:/bin", "VERGER_CPU": "ref"})
    assert {part.name[:10]: part.read_bytes() for part in first.glob("part-*")} == before
