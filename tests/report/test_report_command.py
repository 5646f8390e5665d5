"""verger report: the page as a file, and what is said where there can be none."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
import zlib

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from e2e.conftest import BUILD, TS, run, verger
from pictures import encoded, photograph


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """An output, and the folder of its images."""
    root = tmp_path_factory.mktemp("report")
    for label, count in (("Apple 1", 9), ("Pear", 7)):
        (root / "in" / "Training" / label).mkdir(parents=True)
        for i in range(count):
            picture = photograph(17 * i + len(label), size=(64, 48))
            (root / "in" / "Training" / label / f"{i}.jpg").write_bytes(encoded(picture))
    (root / "in" / "Training" / "Pear" / "broken.jpg").write_bytes(b"no image")
    run(root / "in", root / "out", code=3)
    return root


def report(tables, *arguments, code=0, **options):
    done = verger("report", tables / "out", *arguments, **options)
    assert done.returncode == code, done.stderr
    return done


def block(page, name):
    return re.search(rf'<script [^>]*id="data-{name}">([^<]*)</script>', page)[1]


def test_the_page_is_one_file_with_all_rows(tables, tmp_path):
    page = tmp_path / "page.html"
    done = report(tables, "-o", page)
    assert "16 of 2 labels" in done.stdout and str(page) in done.stdout
    head = json.loads(block(page.read_text(), "head"))
    assert head["count"] == 16 and head["labels"] == ["Apple 1", "Pear"]
    assert head["root"] == f"{tables}/in/Training/"
    assert head["errors"][0]["count"] == 1
    assert head["run"]["timestamp"] == TS and len(head["variance"]) == 5
    assert len(head["axes"]) == 5 and head["columns"] == []


def test_the_default_is_report_html_in_the_working_folder(tables, tmp_path):
    report(tables, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_thumbnails_are_the_images_in_their_proportions(tables, tmp_path):
    report(tables, "-o", tmp_path / "page.html")
    sheet = base64.b64decode(block((tmp_path / "page.html").read_text(), "sheet-0"))
    drawn = numpy.asarray(Image.open(io.BytesIO(sheet)).convert("RGB"), int)
    first = Image.open(tables / "in" / "Training" / "Apple 1" / "0.jpg")
    expected = numpy.full((32, 32, 3), 255)
    expected[4:28] = numpy.asarray(first.resize((32, 24)), int)
    # WebP loses something, more so in colour.
    assert numpy.abs(drawn[:32, :32] - expected).mean() < 16
    assert (drawn[:3, :32] > 220).all()


def test_images_that_are_gone_are_counted_and_the_page_is_made(tables, tmp_path):
    gone = tables / "in" / "Training" / "Pear" / "3.jpg"
    kept = gone.read_bytes()
    gone.unlink()
    try:
        done = report(tables, "-o", tmp_path / "page.html")
    finally:
        gone.write_bytes(kept)
    assert "1 of 16 images could not be read" in done.stderr
    assert (tmp_path / "page.html").exists()


def test_no_thumbnails_need_no_images(tables, tmp_path):
    report(tables, "-o", tmp_path / "page.html", "--thumbnails", "none")
    page = (tmp_path / "page.html").read_text()
    assert json.loads(block(page, "head"))["thumbnails"] is None and "sheet-0" not in page


def test_the_same_tables_are_the_same_page(tables, tmp_path):
    for name in "ab":
        report(tables, "-o", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_neighbours_of_other_rows_are_left_out_with_a_warning(tables, tmp_path):
    shutil.copytree(tables / "out", tmp_path / "out")
    assert verger("neighbours", tmp_path / "out", "-k", 3).returncode == 0
    shutil.copytree(tables / "in", tmp_path / "fewer")
    for i in range(4):
        (tmp_path / "fewer" / "Training" / "Pear" / f"{i}.jpg").unlink()
    run(tmp_path / "fewer", tmp_path / "other", code=3)
    shutil.copytree(tmp_path / "out" / "neighbours", tmp_path / "other" / "neighbours")
    done = verger("report", tmp_path / "other", "-o", tmp_path / "page.html")
    assert done.returncode == 0 and "are not in the PCA table" in done.stderr


def test_an_output_without_tables_is_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    done = verger("report", tmp_path / "empty", cwd=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and f"{tmp_path}/empty holds no" in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written_is_one_sentence(tables, tmp_path):
    done = report(tables, "-o", tmp_path / "absent" / "page.html", code=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("verger: cannot write") and "absent/page.html" in last
    assert "read:" not in done.stderr  # before the work, not after it


def test_an_interruption_leaves_no_page(tables, tmp_path):
    (tmp_path / "many").mkdir()
    for i in range(3000):
        os.link(tables / "in" / "Training" / "Pear" / "5.jpg", tmp_path / "many" / f"{i}.jpg")
    table = pyarrow.table({"path": [f"{tmp_path}/many/{i}.jpg" for i in range(3000)],
                           "label": ["many"] * 3000, "pca_features": [[float(i)] for i in range(3000)]})
    folder = tmp_path / "out" / "pca" / "parquet" / f"pca_{TS}"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(table, folder / "part-00000-x.snappy.parquet")
    (folder / "_SUCCESS").touch()
    started = subprocess.Popen([BUILD / "verger", "report", tmp_path / "out", "-o",
                                tmp_path / "page.html"], stderr=subprocess.PIPE, text=True)
    while started.poll() is None and not list(tmp_path.glob(".page.html.*")):
        time.sleep(0.001)
    started.send_signal(signal.SIGINT)
    _, messages = started.communicate(timeout=60)
    assert "interrupted: no page was written" in messages and started.returncode != 0
    assert not list(tmp_path.glob("*page.html*")) and not list(tmp_path.glob(".page*"))


def values(page, name, dtype):
    return numpy.frombuffer(zlib.decompress(base64.b64decode(block(page, name))), dtype)


def shown_column(page, name):
    """What a column says of each row."""
    head = json.loads(block(page, "head"))
    at = [column["name"] for column in head["columns"]].index(name)
    codes = values(page, f"column-{at}", numpy.uint16)
    column = head["columns"][at]
    if "values" in column:
        return [column["values"][code] for code in codes]
    low, high = column["range"]
    return (low + codes / 65535 * (high - low)).tolist()


def paths_of(tables):
    return sorted(str(path) for path in (tables / "in").rglob("*.jpg") if path.name != "broken.jpg")


def test_columns_of_a_table_by_path(tables, tmp_path):
    paths = paths_of(tables)
    lines = [f'"{path}",{i * 0.25},"site, {i % 2}"' for i, path in enumerate(paths[:-2])]
    lines += [f"{tables}/in/none.jpg,1,x", "other.jpg,1,x", lines[3]]
    (tmp_path / "sensors.csv").write_text("\n".join(["path,weight,site", *lines]) + "\n")
    done = report(tables, "-o", tmp_path / "page.html", "--join", tmp_path / "sensors.csv",
                  "--columns", "site,weight")
    page = (tmp_path / "page.html").read_text()
    assert shown_column(page, "site") == [f"site, {i % 2}" for i in range(14)] + ["", ""]
    assert shown_column(page, "weight") == [str(i * 0.25) for i in range(14)] + ["", ""]
    assert f"2 rows are of no image, the first is {tables}/in/none.jpg" in done.stderr
    assert f"1 rows name an image that another one before named, the first is {paths[3]}" in \
        done.stderr
    assert "says nothing of 2 of 16 images" in done.stderr


def test_columns_of_parquet_by_name(tables, tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({
        "file_name": [f"elsewhere/{i}.jpg" for i in range(9)], "day": list("abcabcabc")}),
        tmp_path / "days.parquet")
    done = report(tables, "-o", tmp_path / "page.html", "--join", tmp_path / "days.parquet",
                  "--columns", "day", "--on", "name")
    assert "warning" not in done.stderr
    days = shown_column((tmp_path / "page.html").read_text(), "day")
    assert days == ["abcabcabc"[int(path.rsplit("/", 1)[1][0])] for path in paths_of(tables)]


def test_a_few_numbers_are_classes(tables, tmp_path):
    paths = paths_of(tables)
    more = tmp_path / "more.csv"
    more.write_text("path,t\n" + "".join(f"{path},{1.5 * i - 3}\n" for i, path in enumerate(paths)))
    report(tables, "-o", tmp_path / "page.html", "--join", more, "--columns", "t")
    assert shown_column((tmp_path / "page.html").read_text(), "t")[0] == "-3.0"


def test_a_layout_of_ones_own(tables, tmp_path):
    paths = paths_of(tables)
    places = numpy.float32([[i, (i * 7) % 16] for i in range(16)])
    table = tmp_path / "layout.csv"
    table.write_text("path,x,y\n" + "".join(f"{path.split('/in/')[1]},{x},{y}\n"
                                            for path, (x, y) in zip(paths, places)))
    report(tables, "-o", tmp_path / "page.html", "--layout", table)
    page = (tmp_path / "page.html").read_text()
    axes = json.loads(block(page, "head"))["axes"]
    assert [axis["name"] for axis in axes[:2]] == ["layout 1", "layout 2"]
    for axis in range(2):
        low, high = axes[axis]["range"]
        found = low + values(page, f"axis-{axis}", numpy.uint16) / 65535 * (high - low)
        assert found == pytest.approx(places[:, axis], abs=1e-3)


@pytest.mark.parametrize("text, arguments, message", [
    ("path,x,y\n{0},1,2\n", ["--layout", "{file}"], "has no number x of"),
    ("path,x,y\n{0},1,nan\n", ["--layout", "{file}"], "has no number y of"),
    ("path,x\n{0},1\n", ["--layout", "{file}"], 'has no column "y": it has path, x'),
    ("path,x,y\nother.jpg,1,2\n", ["--layout", "{file}"],
     "names none of the images by their path; it begins with other.jpg"),
    ("path,x\n", ["--join", "{file}", "--columns", "x"], "names none of the images"),
    ("path,x\n{0},1\n", ["--join", "{file}", "--columns", "z"], 'has no column "z"'),
    ("{0}\n", ["--join", "{file}", "--columns", "z"], "has no column of paths"),
    (None, ["--join", "{file}", "--columns", "z"], "No such file"),
])
def test_tables_that_do_not_fit(tables, tmp_path, text, arguments, message):
    file = tmp_path / "table.csv"
    if text is not None:
        file.write_text(text.format(paths_of(tables)[0]))
    done = report(tables, "-o", tmp_path / "page.html", *[word.format(file=file)
                                                        for word in arguments],
                  "--progress", "none", code=1)
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "page.html").exists()
