"""verger predict: new images to labels, beside verger run and verger classify predict."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess

import numpy
import pyarrow.parquet
import pytest
from conftest import BUILD, TS, parts, read_csv, read_parquet, run, table_folder, verger
from PIL import Image

from pictures import encoded, photograph
from tensor_files import read_tensors, write_tensors

MODEL = ["--model", "seeded:7"]


def train(output, file, *arguments):
    done = verger("classify", "train", output, file, "--folds", "2", "--progress", "none", *arguments)
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def classifier(fruits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    run(fruits, folder / "out")
    return train(folder / "out", folder / "fruits.safetensors")


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Ten pictures that nothing was trained on."""
    folder = tmp_path_factory.mktemp("new images")
    for i in range(10):
        (folder / "a" if i < 5 else folder / "b").mkdir(exist_ok=True)
        kind, name = ("JPEG", "jpg") if i % 2 else ("PNG", "png")
        path = folder / ("a" if i < 5 else "b") / f"{i}.{name}"
        path.write_bytes(encoded(photograph(500 + i, (80 + 9 * i, 100)), kind))
    return folder


def predict(classifier, *words, code=0, model=MODEL, **options):
    done = verger("predict", classifier, *words, *model, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_as_by_classify(new, classifier, output, *options):
    """Each number of a line equals the one of the table."""
    run(new, output, *options)
    done = verger("classify", "predict", output, classifier, "--timestamp", TS, "--progress", "none")
    assert done.returncode == 0, done.stderr
    table = read_parquet(output, "predictions").to_pylist()
    found = answers(predict(classifier, new, "--format", "json"))
    assert len(found) == len(table) == 10
    for mine, row in zip(found, table):
        assert row["path"].endswith(mine["path"])
        assert (mine["label"], mine["probability"]) == (row["predicted"], row["probability"])
        assert mine["top_labels"] == row["top_labels"]
        assert mine["top_probabilities"] == row["top_probabilities"]
        assert mine.get("unknown") == row["unknown"]


@pytest.mark.parametrize("form", [[], ["--normalize", "--dtype", "float16"]])
@pytest.mark.parametrize("method", ["logistic", "lda"])
def test_predictions_are_those_of_a_run(fruits, new, tmp_path, form, method):
    run(fruits, tmp_path / "out", *form)
    classifier = train(tmp_path / "out", tmp_path / "c", "--method", method)
    assert_as_by_classify(new, classifier, tmp_path / "new", *form)


def test_any_number_of_threads_and_any_order(classifier, new):
    found = answers(predict(classifier, new, "--format", "json", "--threads", 1))
    assert [a["path"] for a in found] == sorted(str(p) for p in new.rglob("*.*"))
    assert answers(predict(classifier, f"{new}/", "--format", "json", "--threads", 3)) == found
    names = [a["path"] for a in found]
    assert answers(predict(classifier, *reversed(names), "--format", "json")) == found[::-1]
    mixed = predict(classifier, names[9], new / "a", "--format", "json")
    assert answers(mixed) == [found[9], *found[:5]]


def test_table_and_csv(classifier, new):
    found = answers(predict(classifier, new, "--format", "json"))
    lines = [line.split("\t") for line in predict(classifier, new).stdout.splitlines()]
    assert lines == [[a["path"], a["label"], f"{a['probability']:.6f}"] + a["unknown"] * ["unknown"]
                     for a in found]
    rows = csv.DictReader(io.StringIO(predict(classifier, new, "--format", "csv").stdout))
    assert [(r["path"], r["label"], float(r["probability"]), r["unknown"]) for r in rows] == \
        [(a["path"], a["label"], a["probability"], str(a["unknown"]).lower()) for a in found]


def facts_of(output, table):
    return pyarrow.parquet.read_metadata(parts(table_folder(output, table, "parquet"))[0]).metadata


def by_the_formula(classifier, rows):
    """Distances and limit, as docs/classify.md has them."""
    facts, tensors = read_tensors(classifier)
    whitened = (rows - tensors["mean"]) @ tensors["whitening"].T.astype(float)
    squares = ((whitened[:, None] - tensors["centres"]) ** 2).sum(axis=2)
    return numpy.sqrt(squares).min(axis=1), float(facts["unknown_above"])


def test_images_unlike_all_that_was_trained_on_are_unknown(fruits, classifier, new, tmp_path):
    """The limit is the distance within which images of the folds are; noise is beyond."""
    strange = tmp_path / "strange"
    shutil.copytree(new, strange)
    noise = numpy.random.default_rng(1).integers(0, 256, (100, 100, 3), dtype=numpy.uint8)
    (strange / "noise.png").write_bytes(encoded(Image.fromarray(noise), "PNG"))
    (strange / "red.png").write_bytes(encoded(Image.new("RGB", (90, 90), (255, 0, 0)), "PNG"))
    run(strange, tmp_path / "out")
    table = read_parquet(tmp_path / "out", "features").to_pylist()
    distances, limit = by_the_formula(classifier, numpy.array([row["features"] for row in table]))
    assert abs(distances / limit - 1).min() > 1e-5  # none is so near that rounding decides
    found = answers(predict(classifier, strange, "--format", "json"))
    assert [answer["unknown"] for answer in found] == [bool(far) for far in distances > limit]
    assert found[-1]["unknown"] and found[-2]["unknown"]
    done = verger("classify", "predict", tmp_path / "out", classifier, "--timestamp", TS, "--progress", "none")
    predictions = read_parquet(tmp_path / "out", "predictions")
    assert predictions["unknown"].to_pylist() == [answer["unknown"] for answer in found]
    assert predictions["unknown_distance"].to_numpy() == pytest.approx(distances, rel=1e-5)
    assert float(facts_of(tmp_path / "out", "predictions")[b"unknown_above"]) == limit
    count = sum(distances > limit)
    assert f"\nunknown   {count} images, unlike all that was trained on\n" in done.stdout
    written = read_csv(tmp_path / "out", "predictions", "csv")["unknown"]
    assert list(written) == [bool(far) for far in distances > limit]
    trained = answers(predict(classifier, fruits, "--format", "json"))
    assert not any(answer["unknown"] for answer in trained)


def test_classifiers_that_know_of_no_unknown(fruits, classifier, new, tmp_path):
    """Those of before, and those without folds."""
    facts, tensors = read_tensors(classifier)
    del facts["unknown_above"], tensors["whitening"], tensors["centres"]
    write_tensors(tmp_path / "old", facts, tensors)
    run(fruits, tmp_path / "out")
    done = verger("classify", "train", tmp_path / "out", tmp_path / "plain", "--folds", "0", "--progress", "none")
    assert done.returncode == 0, done.stderr
    expected = answers(predict(classifier, new, "--format", "json"))
    for answer in expected:
        del answer["unknown"]
    done = predict(tmp_path / "old", new, "--format", "json")
    assert answers(done) == expected and "unknown" not in done.stderr
    assert all("unknown" not in answer for answer in
               answers(predict(tmp_path / "plain", new, "--format", "json")))


def test_names_of_any_kind(classifier, new, tmp_path):
    name = 'tab\t"quotes", new\nline ü.png'
    shutil.copy(new / "a" / "0.png", tmp_path / name)
    answer, = answers(predict(classifier, name, "--format", "json", cwd=tmp_path))
    assert answer["label"] == answers(predict(classifier, new / "a" / "0.png", "--format", "json"))[0]["label"]
    row, = csv.DictReader(io.StringIO(predict(classifier, name, "--format", "csv", cwd=tmp_path).stdout))
    assert row["path"] == name
    line, = predict(classifier, name, cwd=tmp_path).stdout.splitlines()
    assert line.count("\t") == 2


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"caf\\xe9.png", b"\xff\\x5c.png"], ids=range(3))
def test_names_are_those_of_the_tables(classifier, new, tmp_path, name):
    """Text, which names the file again (docs/hostile-input.md)."""
    name = os.fsdecode(name)
    shutil.copy(new / "a" / "0.png", tmp_path / name)
    printed = predict(classifier, name, cwd=tmp_path).stdout.split("\t")[0]
    answer, = answers(predict(classifier, name, "--format", "json", cwd=tmp_path))
    row, = csv.DictReader(io.StringIO(predict(classifier, name, "--format", "csv", cwd=tmp_path).stdout))
    assert row["path"] == answer["path"] == printed
    assert os.fsencode(name) == re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()),
                                       row["path"].encode())


def test_a_line_is_answered_before_the_next_is_written(classifier, new):
    names = sorted(str(path) for path in new.rglob("*.*"))
    expected = answers(predict(classifier, *names, "--format", "json"))
    command = [BUILD / "verger", "predict", classifier, "-", "--format", "json", *MODEL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        for name, answer in zip(names, expected):
            process.stdin.write(name + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == answer
        process.stdin.close()
        assert process.wait(60) == 0
        assert re.fullmatch(r".*10 images, 0 failed, \d+ unknown; milliseconds an image: "
                            r"p50 [\d.]+, p90 [\d.]+, p99 [\d.]+\n", process.stderr.read())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_line(classifier, new, number):
    command = [BUILD / "verger", "predict", classifier, "-", *MODEL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write(f"{new}/a/0.png\n{new}/a/1")
        process.stdin.flush()
        assert process.stdout.readline().startswith(f"{new}/a/0.png\t")
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        told = process.stderr.read().splitlines()
    assert "1 images, 0 failed" in told[0] and told[1:] == ["verger: interrupted after 1 images"]


def test_lines_of_any_length(classifier, new):
    long = "x" * 9000
    lines = f"\n\r\n{long}\n{new}/a/0.png\r\n" + f"{new}/a/1.jpg\n" * 200 + f"{new}/b/9.jpg"
    done = predict(classifier, "-", "--format", "json", code=3, input=lines)
    assert [a["path"] for a in answers(done)] == \
        [long, f"{new}/a/0.png", *[f"{new}/a/1.jpg"] * 200, f"{new}/b/9.jpg"]
    assert "203 images, 1 failed" in done.stderr


def test_a_bad_image_is_told_and_the_next_one_comes(classifier, new, tmp_path):
    good = [new / "a" / "0.png", new / "b" / "5.jpg"]
    bad = tmp_path / "text.jpg"
    bad.write_text("no image")
    lines = f"{good[0]}\n\n{bad}\nnowhere.jpg\n{tmp_path}\r\n{good[1]}"
    for done in (predict(classifier, "-", "--format", "json", code=3, input=lines),
                 predict(classifier, good[0], bad, "nowhere.jpg", good[1], "--format", "json", code=3)):
        found = answers(done)
        failed = {a["path"]: a["error"] for a in found if "error" in a}
        assert [a["path"] for a in found if "label" in a] == [str(path) for path in good]
        assert str(bad) in failed[str(bad)] and "nowhere.jpg" in failed["nowhere.jpg"]
        assert all(len(a) == 2 for a in found if "error" in a)
        told, = done.stderr.splitlines()
        assert f"{len(found)} images, {len(failed)} failed" in told
    assert predict(classifier, good[0], bad, "-q", code=3).stderr == ""


def test_a_bad_image_of_a_folder(classifier, new, tmp_path):
    shutil.copytree(new, tmp_path / "new")
    (tmp_path / "new" / "a" / "3.jpg").write_bytes((new / "a" / "3.jpg").read_bytes()[:200])
    (tmp_path / "new" / "notes.txt").write_text("not an image by its name")
    done = predict(classifier, "new", "--format", "json", code=3, cwd=tmp_path)
    found = answers(done)
    assert [a["path"] for a in found] == \
        [f"new/{path}" for path in sorted(str(p.relative_to(new)) for p in new.rglob("*.*"))]
    assert [a["path"] for a in found if "error" in a] == ["new/a/3.jpg"]
    assert "10 images, 1 failed" in done.stderr


def test_labels_of_a_folder_are_not_looked_at(classifier, new, tmp_path):
    shutil.copytree(new / "a", tmp_path / "in")
    (tmp_path / "in" / "metadata.csv").write_text("file_name,label\nnowhere.png,Lemon\n")
    done = predict(classifier, tmp_path / "in", "--log-level", "warning")
    assert done.stdout.count("\n") == 5 and done.stderr == ""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("")
    assert "name images without a usual ending one by one" in refused(classifier, tmp_path / "text")


def test_links_out_of_a_folder_are_followed_where_asked(classifier, new, tmp_path):
    (tmp_path / "in").mkdir()
    os.symlink(new / "a" / "0.png", tmp_path / "in" / "0.png")
    shutil.copy(new / "a" / "1.jpg", tmp_path / "in" / "1.jpg")
    found = answers(predict(classifier, tmp_path / "in", "--format", "json", code=3))
    assert ["error" in answer for answer in found] == [True, False]
    done = predict(classifier, tmp_path / "in", "--format", "json", "--follow-links")
    assert len(answers(done)) == 2 and "error" not in done.stdout


def refused(classifier, *words, **options):
    done = predict(classifier, *words, code=1, **options)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    return done.stderr


def test_what_a_classifier_needs_is_said_in_a_sentence(fruits, classifier, new, tmp_path):
    image = new / "a" / "0.png"
    assert "trained on features of the weights seeded:7" in \
        refused(classifier, image, model=["--model", "seeded:8"])
    run(fruits, tmp_path / "out")
    pca = train(tmp_path / "out", tmp_path / "pca", "--space", "pca")
    assert "was trained on components (--space pca)" in refused(pca, image)
    (tmp_path / "broken").write_bytes(classifier.read_bytes()[:1000])
    assert "cannot be used as a classifier" in refused(tmp_path / "broken", image)
    assert "cannot open the classifier" in refused(tmp_path / "nowhere", image)
    nothing = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    nothing.pop("VERGER_MODEL", None)
    assert "verger model fetch" in refused(classifier, image, model=[], env=nothing)
    (tmp_path / "empty").mkdir()
    assert "give a folder of images" in refused(classifier, tmp_path / "empty")


def test_an_answer_that_cannot_be_written_is_no_success(classifier, new):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BUILD / "verger", "predict", classifier, new, *MODEL], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr
