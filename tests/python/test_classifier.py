"""verger.Classifier against what the command predicts, scikit-learn and onnxruntime."""

import json
import pickle
import subprocess
import sys

import numpy
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import BUILD

import verger

DIMS = 33
TS = "20250101_000000"


def classify(*arguments):
    subprocess.run([BUILD / "verger", "classify", *arguments, "--progress", "none"], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)


def write_output(folder, classes, column="features", seed=5):
    """A table as a run writes it, of classes that overlap; its rows."""
    random = numpy.random.default_rng(seed)
    labels = numpy.repeat(numpy.arange(classes), 40)
    rows = random.normal(size=(classes, DIMS))[labels] + 1.5 * random.normal(size=(len(labels), DIMS))
    rows = (rows + 3).astype(numpy.float32)
    names = [f"früit {label}" for label in labels]
    kind = pa.float32() if column == "features" else pa.float64()
    table = pa.table({"path": [f"{name}/{i:03}.png" for i, name in enumerate(names)],
                      "label": names, column: pa.array(rows.tolist(), pa.list_(kind))})
    name = column.split("_")[0]
    target = folder / name / "parquet" / f"{name}_{TS}"
    target.mkdir(parents=True)
    pyarrow.parquet.write_table(table, target / "part-00000.parquet")
    (target / "_SUCCESS").touch()
    return rows


@pytest.fixture(scope="module", params=[("logistic", 5), ("lda", 4), ("logistic", 2)],
                ids=lambda param: f"{param[0]} {param[1]}")
def trained(request, tmp_path_factory):
    """A classifier, the rows that it was trained on, and the command's predictions of them."""
    method, classes = request.param
    folder = tmp_path_factory.mktemp("trained")
    rows = write_output(folder, classes)
    classify("train", folder, folder / "m.safetensors", "--method", method)
    classify("predict", folder, folder / "m.safetensors", "--timestamp", TS)
    return verger.Classifier.load(folder / "m.safetensors"), rows, verger.open(folder)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    write_output(folder, 3)
    classify("train", folder, folder / "m", "--method", "lda", "--folds", "0")
    return folder / "m"


def test_predictions_are_the_commands(trained):
    classifier, rows, output = trained
    theirs = output.predictions
    shares = classifier.predict_proba(rows)
    assert shares.shape == (len(rows), len(classifier.labels)) and shares.dtype == numpy.float64
    assert shares.sum(axis=1) == pytest.approx(1)
    assert list(classifier.predict(rows)) == theirs["predicted"].to_pylist()
    # The command sums scores in float32; those of discriminants are the larger ones.
    near = 1e-6 if classifier.method == "logistic" else 1e-5
    assert shares.max(axis=1) == pytest.approx(theirs["probability"].to_numpy(), abs=near)
    for row, labels, tops in zip(shares, theirs["top_labels"].to_pylist(),
                                 theirs["top_probabilities"].to_pylist()):
        by_label = dict(zip(classifier.labels, row))
        assert [by_label[label] for label in labels] == pytest.approx(tops, abs=near)


def test_what_it_says_of_itself(trained):
    classifier, rows, _ = trained
    classes = len(classifier.labels)
    assert classifier.labels == [f"früit {label}" for label in range(classes)]
    assert classifier.weights.shape == (classes, DIMS) and classifier.bias.shape == (classes,)
    assert classifier.mean == pytest.approx(rows.mean(axis=0), abs=1e-5)
    assert classifier.temperature > 0 and classifier.dims == DIMS
    assert classifier.space == "features" and classifier.features_model == ""
    assert repr(classifier) == (f"<verger.Classifier, {classifier.method}, {classes} labels, rows of "
                                f"{DIMS} features>")
    with pytest.raises(ValueError, match="read-only"):
        classifier.weights[0, 0] = 1


def test_the_unknown_are_the_commands(trained, file):
    classifier, rows, output = trained
    theirs = output.predictions
    distances = classifier.unknown_distance(rows)
    assert distances == pytest.approx(theirs["unknown_distance"].to_numpy(), rel=1e-5)
    assert list(classifier.unknown(rows)) == theirs["unknown"].to_pylist()
    assert list(classifier.unknown(output.features)) == theirs["unknown"].to_pylist()
    far = numpy.concatenate([rows[:1], rows[1:2] + 1e3])
    assert list(classifier.unknown(far)) == [False, True]
    assert classifier.unknown(rows[:0]).tolist() == []
    plain = verger.Classifier.load(file)
    assert plain.unknown_above is None and classifier.unknown_above > 0
    with pytest.raises(ValueError, match="does not know what is unknown: train it in folds"):
        plain.unknown(rows)


def test_forms_of_rows(trained):
    classifier, rows, output = trained
    shares = classifier.predict_proba(rows)
    there = pickle.loads(pickle.dumps(classifier))
    assert (there.predict_proba(rows) == shares).all() and repr(there) == repr(classifier)
    assert (there.unknown_distance(rows) == classifier.unknown_distance(rows)).all()
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), DIMS)
    for form in (rows.astype(float), rows.tolist(), numpy.asfortranarray(rows), output.features,
                 output.features.slice(3).to_batches()[0], output.to_pandas(),
                 output.to_pandas()["features"], pandas.DataFrame(rows), pa.table({"features": fixed})):
        expected = shares[len(rows) - len(form):]
        assert classifier.predict_proba(form) == pytest.approx(expected, abs=1e-12)
    for empty in (rows[:0], output.features.slice(0, 0)):
        assert classifier.predict_proba(empty).shape == (0, len(classifier.labels))
        assert classifier.predict(empty).tolist() == []


def test_what_is_saved_is_loaded(trained, tmp_path):
    """With all that the file says, and whichever way it came."""
    classifier, rows, output = trained
    classifier.save(tmp_path / "m")
    there = verger.Classifier.load(tmp_path / "m")
    assert pickle.dumps(there) == pickle.dumps(pickle.loads(pickle.dumps(classifier)))
    assert (there.predict_proba(rows) == classifier.predict_proba(rows)).all()
    assert (there.unknown_distance(rows) == classifier.unknown_distance(rows)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    folder = tmp_path / "out"
    write_output(folder, len(classifier.labels))
    classify("predict", folder, tmp_path / "m", "--timestamp", TS)
    assert verger.open(folder).predictions.equals(output.predictions)


def test_columns_of_another_table_are_kept(tmp_path):
    output = tmp_path / "out"
    rows = write_output(output, 3)
    weights = "\n".join(f"früit {i // 40}/{i:03}.png,{i % 7}" for i in range(len(rows)))
    (tmp_path / "sensors.csv").write_text(f"path,weight\n{weights}\n")
    joined = ["--join", tmp_path / "sensors.csv"]
    classify("train", output, tmp_path / "m", *joined, "--columns", "weight", "--folds", "0")
    verger.Classifier.load(tmp_path / "m").save(tmp_path / "again")
    found = []
    for name in ("m", "again"):
        classify("predict", output, tmp_path / name, *joined, "--timestamp", TS, "--overwrite")
        found.append(verger.open(output).predictions)
    assert found[0].equals(found[1])


def test_many_rows(trained):
    """More than are scored at a time."""
    classifier, rows, _ = trained
    many = numpy.tile(rows, (9000 // len(rows), 1))
    expected = numpy.tile(classifier.predict_proba(rows), (9000 // len(rows), 1))
    assert classifier.predict_proba(many) == pytest.approx(expected, abs=1e-12)


def test_scikit_learn_agrees(trained):
    classifier, rows, _ = trained
    model = classifier.to_sklearn()
    assert model.coef_.shape[0] == (1 if len(classifier.labels) == 2 else len(classifier.labels))
    for form in (rows, rows.astype(float)):
        assert list(model.predict(form)) == list(classifier.predict(rows))
        assert model.predict_proba(form) == pytest.approx(classifier.predict_proba(rows), abs=1e-9)
    assert list(model.classes_) == classifier.labels
    assert model.score(rows, classifier.predict(rows)) == 1
    with pytest.raises(ValueError, match=f"expecting {DIMS} features"):
        model.predict(rows[:, 1:])


def test_projected_rows(tmp_path):
    write_output(tmp_path, 3)
    rows = write_output(tmp_path, 3, "pca_features")
    classify("train", tmp_path, tmp_path / "m", "--space", "pca", "--timestamp", TS)
    classify("predict", tmp_path, tmp_path / "m", "--timestamp", TS)
    classifier, output = verger.Classifier.load(tmp_path / "m"), verger.open(tmp_path)
    assert classifier.space == "pca" and repr(classifier).endswith("pca_features>")
    for form in (output.pca, output.table(), rows):
        assert list(classifier.predict(form)) == output.predictions["predicted"].to_pylist()
    with pytest.raises(ValueError, match="no column pca_features, but path, label, features"):
        classifier.predict(output.features)


@pytest.mark.parametrize("rows, message", [
    (numpy.zeros((2, 32)), "the rows have 32 numbers, the classifier is of 33"),
    (numpy.zeros(33), "a matrix of numbers"),
    (numpy.array([[0.0] * 33, [numpy.nan] * 33]), "row 1 has a number that is not finite"),
    (pa.table({"path": ["a"]}), "no column features, but path"),
    (pa.table({"features": ["a"]}), "the type string: lists are needed"),
    (pa.table({"features": [[1.0] * 33, None]}), "1 rows have no features"),
    (pa.table({"features": [[1.0] * 32, [1.0] * 34]}), "rows of several lengths"),
    (pa.table({"features": pa.chunked_array([[[1.0] * 32], [[1.0] * 33]])}),
     "rows of several lengths"),
])
def test_rows_that_are_refused(file, rows, message):
    with pytest.raises(ValueError, match=message):
        verger.Classifier.load(file).predict(rows)


def test_files_that_are_refused(file, tmp_path):
    whole = file.read_bytes()
    bad = tmp_path / "bad"
    changes = {b"verger classifier": b"verger classifiex", b'"F64"': b'"F32"', b"[3,33]": b"[3,32]",
               b'"weights"': b'"weighty"', b'"temperature":"1"': b'"temperature":"0"',
               "früit 0".encode(): "früit 9".encode(), b'"features"': b'"featurez"',
               b"2\0": b"22"}
    loose = whole.replace(b'": ', b'":').replace(b", ", b",")
    size = len(whole) - len(loose)
    head = int.from_bytes(whole[:8], "little")
    loose = (head - size).to_bytes(8, "little") + loose[8:]
    bad.write_bytes(loose)
    assert verger.Classifier.load(bad).labels == verger.Classifier.load(file).labels
    variants = [loose.replace(before, after, 1) for before, after in changes.items()]
    assert loose not in variants
    variants += [whole[:n] for n in (0, 7, 8, 100, len(whole) - 1)]
    variants += [b"\xff" * 8 + whole[8:], whole[:-8] + b"\xff" * 8]
    for data in variants:
        bad.write_bytes(data)
        with pytest.raises(ValueError, match="^.*/bad is no classifier of verger: .+$") as caught:
            verger.Classifier.load(bad)
        assert "\n" not in str(caught.value)
    generator = numpy.random.default_rng(5)
    for _ in range(300):  # any byte of the header
        data = bytearray(whole)
        data[generator.integers(8 + head)] = generator.integers(256)
        bad.write_bytes(data)
        try:
            verger.Classifier.load(bad)
        except ValueError:
            pass
    verger.pca.fit(numpy.eye(5), 2).save(bad)
    with pytest.raises(ValueError, match="is no classifier of verger: it is of another kind"):
        verger.Classifier.load(bad)
    with pytest.raises(ValueError, match="is no PCA of verger: it is of another kind"):
        verger.PCA.load(file)
    with pytest.raises(FileNotFoundError):
        verger.Classifier.load(tmp_path / "absent")


@pytest.mark.parametrize("changed, message", [
    ({"labels": ["a"]}, "1 labels for 2 classes"), ({"labels": ["b", "a"]}, "not in order"),
    ({"bias": [0]}, "do not fit"), ({"mean": [0, 0]}, "do not fit"), ({"mean": 0}, "do not fit"),
    ({"weights": [[0, 0, numpy.inf]] * 2}, "not finite"), ({"temperature": 0}, "above 0"),
    ({"space": "outer"}, "features and pca"),
    ({"unknown_above": 0, "whitening": numpy.eye(3), "centres": numpy.eye(3)}, "above 0"),
    ({"unknown_above": 1, "whitening": numpy.eye(2), "centres": numpy.eye(3)}, "do not fit the"),
    ({"unknown_above": 1}, "do not fit")])
def test_made_of_what_does_not_fit(changed, message):
    fitting = {"labels": ["a", "b"], "weights": numpy.eye(2, 3), "bias": [0, 0], "mean": [0, 0, 0]}
    assert list(verger.Classifier(**fitting).predict([[1, 0, 0], [0, 1, 0]])) == ["a", "b"]
    with pytest.raises(ValueError, match=message):
        verger.Classifier(**{**fitting, **changed})


def test_a_graph_of_onnx(trained, tmp_path):
    onnx = pytest.importorskip("onnx")
    classifier, rows, _ = trained
    classifier.to_onnx(tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert json.loads(facts["labels"]) == classifier.labels
    runtime = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(tmp_path / "m.onnx"))
    (shares,) = runtime.run(None, {"rows": rows})
    assert shares == pytest.approx(classifier.predict_proba(rows), abs=1e-5)


@pytest.mark.parametrize("package, call, advice", [
    ("onnx", "to_onnx", "pip install onnx"), ("sklearn", "to_sklearn", "pip install 'verger")])
def test_packages_that_are_missing(file, tmp_path, monkeypatch, package, call, advice):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # what makes an import fail
    classifier = verger.Classifier.load(file)
    with pytest.raises(ImportError, match=advice):
        classifier.to_onnx(tmp_path / "m") if call == "to_onnx" else classifier.to_sklearn()
    assert list(tmp_path.iterdir()) == []
