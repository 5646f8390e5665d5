"""verger search: nearest images to rows and to new images, against numpy in float64."""

import csv
import html.parser
import io
import json
import shutil

import numpy
import pytest
from conftest import TS, features, read_parquet, run, verger

MODEL = ["--model", "seeded:7"]


@pytest.fixture(scope="module")
def output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    run(fruits, output)
    return output


@pytest.fixture(scope="module")
def table(output):
    return read_parquet(output, "features")


def search(output, *arguments, code=0, **options):
    done = verger("search", output, *arguments, **options)
    assert done.returncode == code, done.stderr
    return done


def nearest(output, *arguments, **options):
    """(path, distance) of what was found."""
    answer = json.loads(search(output, *arguments, "--format", "json", **options).stdout)
    return [(hit["path"], hit["distance"]) for hit in answer["nearest"]]


def expected(output, table, query, n, metric="cosine", left_out=()):
    rows, query = features(output).astype(numpy.float64), numpy.asarray(query, numpy.float64)
    if metric == "cosine":
        distances = 1 - rows @ query / numpy.linalg.norm(rows, axis=1) / numpy.linalg.norm(query)
    else:
        distances = numpy.linalg.norm(rows - query, axis=1)
    paths = table["path"].to_pylist()
    order = sorted((d, p) for d, p in zip(distances, paths) if p not in left_out)
    return [(path, pytest.approx(distance, abs=1e-9)) for distance, path in order[:n]]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_row_by_its_path(output, table, metric):
    for row in (0, 11, 23):
        path = table["path"][row].as_py()
        found = nearest(output, "--path", path, "-n", 7, "--metric", metric)
        assert found == expected(output, table, features(output)[row], 7, metric, {path})
        end = "/".join(path.split("/")[-3:])
        assert nearest(output, "--path", end, "-n", 7, "--metric", metric) == found


def test_a_new_image_has_the_features_of_its_row(output, table, tmp_path):
    path = table["path"][5].as_py()
    copy = shutil.copy(path, tmp_path / "new.jpg")
    found = nearest(output, copy, "-n", 24, *MODEL)
    assert found[0][0] == path and found[0][1] == 0
    assert found == expected(output, table, features(output)[5], 24)


def test_several_together_less_some_of_one_label(output, table):
    paths, labels = table["path"].to_pylist(), table["label"].to_pylist()
    label = labels[20]
    asked, excluded = [paths[1], paths[9]], paths[20]
    rows = features(output).astype(numpy.float64)
    unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
    mean = numpy.float32((unit[1] + unit[9]) / 2)
    found = nearest(output, "--path", asked[0], "--path", asked[1], "--not", excluded,
                    "--where", f"label={label}", "-n", 24)
    others = {p for p, l in zip(paths, labels) if l != label}
    assert found == expected(output, table, mean, 24, left_out={*asked, excluded, *others})


def test_only_a_folder(output, table):
    found = nearest(output, "--path", table["path"][0].as_py(), "--where", "path=Training", "-n", 24)
    assert found and all("/Training/" in path for path, _ in found)
    name = table["label"][0].as_py()[:3]
    done = search(output, "--path", table["path"][0].as_py(), "--where", f"path={name}", code=1)
    assert "no row is left" in done.stderr


def test_queries_from_standard_input(output, table, tmp_path):
    path = table["path"][3].as_py()
    image = shutil.copy(table["path"][4].as_py(), tmp_path / "new.jpg")
    (tmp_path / "text.jpg").write_text("no image")
    lines = f"{path}\n\n{image}\nnowhere.jpg\n{tmp_path}/text.jpg\r\n{path}\n"
    done = search(output, "-", "-n", 3, "--format", "json", *MODEL, input=lines, code=3)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == [[path], [str(image)], [path]]
    assert answers[0] == answers[2]
    assert [(hit["path"], hit["distance"]) for hit in answers[0]["nearest"]] == \
        nearest(output, "--path", path, "-n", 3)
    assert done.stderr.count("\n") == 2 and "nowhere.jpg" in done.stderr


def test_table_and_csv(output, table):
    path = table["path"][0].as_py()
    found = nearest(output, "--path", path, "-n", 2)
    lines = search(output, "--path", path, "-n", 2).stdout.splitlines()
    assert lines[0].split(maxsplit=1) == ["query", path]
    assert lines[1].startswith(f"{found[0][1]:.6f}  {found[0][0]}  (")
    rows = list(csv.DictReader(io.StringIO(search(output, "--path", path, "-n", 2, "--format",
                                                  "csv").stdout)))
    assert [(row["path"], float(row["distance"])) for row in rows] == found
    assert [(row["query"], row["rank"]) for row in rows] == [(path, "1"), (path, "2")]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.images, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attributes)["src"])

    def handle_data(self, data):
        self.text += data


def test_a_page_holds_the_images_and_runs_no_label(fruits, tmp_path):
    hostile = '<script>alert(1)<|script>"&'
    shutil.copytree(fruits, tmp_path / "in")
    source = next((tmp_path / "in" / "Training").iterdir())
    source.rename(source.with_name(hostile))
    run(tmp_path / "in", tmp_path / "out")
    path = read_parquet(tmp_path / "out", "features")["path"][0].as_py()
    text = search(tmp_path / "out", "--path", path, "-n", 23, "--format", "html").stdout
    page = Page(text)
    assert "script" not in page.tags and page.text.count(hostile) > 2
    assert len(page.images) == 24
    assert all(image.startswith(("data:image/jpeg;base64,", "data:image/png;base64,"))
               for image in page.images)
    assert "default-src 'none'" in text and "http://" not in text and "https://" not in text


@pytest.mark.parametrize("arguments, message", [
    (["--path", "nowhere.jpg"], "has the path nowhere.jpg"),
    (["--path", "r.jpg", "-n", "25"], "the 25 nearest of 24 rows: ask for at most 24 with -n"),
    (["--path", "", *MODEL], "has the path"),
    (["--path", "x", "--where", "colour=red"], "no column colour"),
    (["--path", "x", "--where", "label=Pear"], "no row is left where label is Pear"),
    (["missing.jpg", *MODEL], "missing.jpg"),
    ([__file__, *MODEL], "test_search.py"),
    ([__file__, "--model", "seeded:8"], "does not come from the weights seeded:8"),
])
def test_what_is_refused(output, arguments, message):
    done = search(output, *arguments, code=1)
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def test_the_end_of_several_paths(output, table):
    names = [path.rsplit("/", 1)[1] for path in table["path"].to_pylist()]
    shared = next((name for name in names if names.count(name) > 1), None)
    if shared is None:
        pytest.skip("no two images have one name")
    done = search(output, "--path", shared, code=1)
    assert "give more of the path" in done.stderr


@pytest.mark.parametrize("form", [["--normalize"], ["--dtype", "float16"]])
def test_new_images_have_the_form_of_the_rows(fruits, tmp_path, form):
    """Whatever is nearest, an image is at no distance of its own row."""
    run(fruits, tmp_path, *form, "-k", 0)
    image = sorted(fruits.rglob("*.jpg"))[3]
    ((path, distance),) = nearest(tmp_path, image, *MODEL, "-n", 1, "--metric", "l2")
    assert path == str(image) and distance == 0
