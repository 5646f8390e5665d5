"""verger classify, against scikit-learn on the same features."""

import json
import os
import re
import shutil

import numpy
import pytest
from conftest import TS, leftovers, parts, read_csv, read_parquet, run, table_folder, verger
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from test_neighbours import write_features

from tensor_files import read_tensors

CLASSES, OF_EACH, DIMS = 5, 60, 37
NAMES = [f"fruit {c}" for c in range(CLASSES)]


def classify(*arguments, code=0, **options):
    done = verger("classify", *arguments, "--progress", "none", **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def refused(*arguments):
    """The one sentence that says why."""
    lines = classify(*arguments, code=1).stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def draw(classes=CLASSES, of_each=OF_EACH, noise=1.6, seed=5):
    """Rows of classes that overlap, in the order of their paths, and their classes."""
    random = numpy.random.default_rng(seed)
    labels = numpy.repeat(numpy.arange(classes), of_each)
    rows = random.normal(size=(classes, DIMS))[labels] + noise * random.normal(
        size=(len(labels), DIMS))
    return numpy.float32(rows + 3), labels


def paths_of(labels):
    """Of each class the first half are of one object, and every fifth image is set apart."""
    seen, paths = {}, []
    for label in labels:
        i = seen[label] = seen.get(label, -1) + 1
        paths.append(f"fruit {label}/{'test' if i % 5 == 4 else 'train'}_{i // 30}_{i:03}.png")
    return paths


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    rows, labels = draw()
    paths = paths_of(labels)
    order = numpy.argsort(paths)
    rows, labels, paths = rows[order], labels[order], [paths[i] for i in order]
    folder = tmp_path_factory.mktemp("drawn")
    write_features(folder, rows, paths)
    is_test = numpy.array(["/test_" in path for path in paths])
    return folder, rows.astype(numpy.float64), labels, paths, is_test


@pytest.fixture
def output(drawn, tmp_path):
    return shutil.copytree(drawn[0], tmp_path / "out")


def converged(c):
    return LogisticRegression(C=c, tol=1e-9, max_iter=20000)


def test_logistic_weights_are_scikit_learns(output, drawn, tmp_path):
    _, rows, labels, _, _ = drawn
    model = tmp_path / "m.safetensors"
    classify("train", output, model, "--c", "0.1")
    facts, tensors = read_tensors(model)
    other = converged(0.1).fit(rows, labels)
    assert facts["kind"] == "verger classifier" and facts["method"] == "logistic"
    assert tensors["labels"].tobytes() == b"".join(name.encode() + b"\0" for name in NAMES)
    assert tensors["weights"] == pytest.approx(other.coef_, abs=1e-3)
    bias = tensors["bias"] - tensors["weights"] @ tensors["mean"]
    assert bias - bias.mean() == pytest.approx(other.intercept_ - other.intercept_.mean(), abs=5e-3)


@pytest.mark.parametrize("of_each", [12, 40])
def test_few_rows_converge(tmp_path, of_each):
    """Fewer than columns are fitted within their span, to the end, copies among them."""
    random = numpy.random.default_rng(3)
    labels = numpy.repeat(numpy.arange(5), of_each)
    rows = numpy.float32(numpy.maximum(random.normal(size=(len(labels), 1280)), 0.0))
    rows[7] = rows[3]  # two that are the same
    write_features(tmp_path / "out", rows, [f"fruit {c}/{i:03}.png" for i, c in enumerate(labels)])
    done = classify("train", tmp_path / "out", tmp_path / "m", "--folds", 0, "--threads", 3)
    slope = float(re.search(r"slope ([0-9.e-]+)$", done.stdout, re.M)[1])
    assert slope <= 3e-6 and done.stderr == ""
    weights = read_tensors(tmp_path / "m")[1]["weights"]
    left_open = 4 * 3e-6 * len(labels)  # by the slope: where the penalty alone holds a weight
    assert weights == pytest.approx(converged(1.0).fit(rows, labels).coef_, abs=max(1e-3, left_open))
    classify("train", tmp_path / "out", tmp_path / "alone", "--folds", 0, "--threads", 1)
    assert (tmp_path / "alone").read_bytes() == (tmp_path / "m").read_bytes()


def test_two_classes_are_scikit_learns_too(tmp_path):
    rows, labels = draw(classes=2)
    write_features(tmp_path / "out", rows, paths_of(labels))
    classify("train", tmp_path / "out", tmp_path / "m", "--c", "0.3")
    _, tensors = read_tensors(tmp_path / "m")
    other = converged(0.3).fit(rows, labels)
    assert tensors["weights"][1] - tensors["weights"][0] == pytest.approx(other.coef_[0], abs=2e-3)


def test_lda_weights_are_scikit_learns(output, drawn, tmp_path):
    _, rows, labels, _, _ = drawn
    classify("train", output, tmp_path / "m", "--method", "lda", "--shrinkage", "0.2")
    _, tensors = read_tensors(tmp_path / "m")
    other = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(rows, labels)
    # Ours have nothing in common, which would add the same to all scores.
    assert tensors["weights"].mean(axis=0) == pytest.approx(numpy.zeros(DIMS), abs=1e-12)
    assert tensors["weights"] == pytest.approx(other.coef_ - other.coef_.mean(axis=0), rel=1e-6, abs=1e-8)
    bias = tensors["bias"] - tensors["weights"] @ tensors["mean"]
    assert bias == pytest.approx(other.intercept_ - other.intercept_.mean(), rel=1e-6)


@pytest.mark.parametrize("method", ["logistic", "lda"])
def test_predictions_are_the_models(output, drawn, tmp_path, method):
    _, rows, _, paths, _ = drawn
    classify("train", output, tmp_path / "m", "--method", method)
    classify("predict", output, tmp_path / "m", "--timestamp", TS)
    facts, tensors = read_tensors(tmp_path / "m")
    scores = (rows - tensors["mean"]) @ tensors["weights"].T + tensors["bias"]
    scores /= float(facts["temperature"])
    shares = numpy.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    table = read_parquet(output, "predictions").to_pydict()
    assert table["path"] == paths
    assert table["predicted"] == [NAMES[i] for i in shares.argmax(1)]
    assert table["probability"] == pytest.approx(shares.max(1), abs=2e-6)
    order = numpy.argsort(-shares, axis=1, kind="stable")[:, :5]
    assert table["top_labels"] == [[NAMES[i] for i in row] for row in order]
    csv = read_csv(output, "predictions", "csv")
    assert list(csv["predicted"]) == table["predicted"]
    assert [json.loads(text) for text in csv["top_labels_string"]] == table["top_labels"]
    assert leftovers(output) == []


def test_what_nobody_measured_is_null(output, tmp_path):
    """Classifiers without folds know of no unknown, and evaluate asks for none."""
    classify("train", output, tmp_path / "m", "--method", "lda", "--folds", 0)
    done = classify("predict", output, tmp_path / "m", "--timestamp", TS)
    assert "unknown" not in done.stdout
    table = read_parquet(output, "predictions")
    assert table["unknown"].null_count == table["unknown_distance"].null_count == table.num_rows
    assert (read_csv(output, "predictions", "csv")["unknown"].fillna("") == "").all()
    classify("evaluate", output, "--method", "lda", "--timestamp", TS, "--overwrite")
    assert read_parquet(output, "predictions")["unknown"].null_count == table.num_rows


def rows_of(table, **values):
    columns = table.to_pydict()
    return [i for i in range(table.num_rows)
            if all(columns[name][i] == value for name, value in values.items())]


def test_the_test_split_is_scikit_learns(output, drawn):
    _, rows, labels, _, is_test = drawn
    classify("evaluate", output, "--test", "fruit*/test_*", "--folds", 0, "--method", "logistic",
             "--timestamp", TS)
    guesses = converged(1.0).fit(rows[~is_test], labels[~is_test]).predict(rows[is_test])
    precision, recall, f1, support = precision_recall_fscore_support(labels[is_test], guesses)
    table = read_parquet(output, "evaluation").to_pydict()
    assert set(table["split"]) == {"test"} and table["label"] == NAMES
    assert table["images"] == list(support) and set(table["left_out"]) == {0}
    assert table["precision"] == pytest.approx(precision)
    assert table["recall"] == pytest.approx(recall)
    assert table["f1"] == pytest.approx(f1)
    pairs = read_parquet(output, "confusion").to_pydict()
    found = numpy.zeros((CLASSES, CLASSES), int)
    for label, guess, images in zip(pairs["label"], pairs["predicted"], pairs["images"]):
        found[NAMES.index(label), NAMES.index(guess)] = images
    assert (found == confusion_matrix(labels[is_test], guesses)).all()


@pytest.mark.parametrize("method, other", [
    ("lda", LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2)),
    ("logistic", converged(1.0)),
    ("knn", KNeighborsClassifier(7, metric="cosine", algorithm="brute"))])
def test_folds_are_scikit_learns(output, drawn, method, other):
    _, rows, labels, _, _ = drawn
    classify("evaluate", output, "--folds", 4, "--method", method, "--shrinkage", "0.2", "-k", 7,
             "--timestamp", TS)
    guesses = cross_val_predict(other, rows, labels, cv=StratifiedKFold(4))
    table = read_parquet(output, "predictions").to_pydict()
    same = numpy.mean([NAMES[guess] == mine for guess, mine in zip(guesses, table["predicted"])])
    # Votes that tie are settled otherwise there.
    assert same == 1.0 if method != "knn" else same > 0.9


def test_groups_stay_together(output, drawn):
    done = classify("evaluate", output, "--group", "(fruit [0-9]).*_([01])_", "--method", "lda",
                    "--timestamp", TS)
    assert "in 5 folds of 10 groups" in done.stdout
    assert set(read_parquet(output, "predictions")["split"].to_pylist()) == {"groups"}


def test_groups_are_never_trained_on(tmp_path):
    """Twins alone would be told by their twins: kept together, nothing tells them."""
    random = numpy.random.default_rng(3)
    rows = numpy.repeat(random.normal(size=(40, 30)), 2, axis=0)
    labels = numpy.repeat(numpy.arange(40) % 2, 2)
    paths = [f"fruit {label}/{i % 2}_{i // 2:02}.png" for i, label in enumerate(labels)]
    order = numpy.argsort(paths)
    write_features(tmp_path, rows[order], [paths[i] for i in order])
    accuracies = []
    for group in ([], ["--group", "/[01]_([0-9]+)"]):
        done = classify("evaluate", tmp_path, "--method", "knn", "-k", 1, "--overwrite",
                        "--timestamp", TS, "--folds", 10, *group)
        accuracies.append(float(done.stdout.split("1-nn")[1].split()[2]))
    assert accuracies[0] > 90 and accuracies[1] < 70


def test_as_many_folds_as_groups(output):
    done = verger("classify", "evaluate", output, "--group", "_([01])_", "--method", "lda",
                  "--timestamp", TS)
    assert "there are 2 groups: each is a fold, instead of 5 folds" in done.stderr
    assert "in 2 folds of 2 groups" in done.stdout


def test_classes_nothing_was_trained_on_are_named_and_left_out(tmp_path):
    rows, labels = draw()
    paths = [path.replace("train_", "test_") if "fruit 3" in path else path
             for path in paths_of(labels)]
    write_features(tmp_path, rows, paths)
    done = classify("evaluate", tmp_path, "--test", "fruit*/test_*", "--timestamp", TS, "--method",
                    "lda")
    assert "1 classes without training images in test (60 images): fruit 3" in done.stdout
    table = read_parquet(tmp_path, "evaluation")
    row, = rows_of(table, split="test", label="fruit 3")
    assert table["left_out"][row].as_py() == 60 and table["images"][row].as_py() == 0
    assert table["recall"][row].as_py() is None
    classify("train", tmp_path, tmp_path / "m", "--test", "fruit*/test_*")
    assert b"fruit 3" not in read_tensors(tmp_path / "m")[1]["labels"].tobytes()


def test_images_without_a_label_are_no_class(output, drawn, tmp_path):
    _, rows, _, paths, _ = drawn
    partly = tmp_path / "partly"
    unlabelled = [f"/test_{i}.png" for i in range(40)]
    write_features(partly, numpy.concatenate([rows[:40] + 9, rows]), unlabelled + paths)
    warning = f"40 of {40 + len(paths)} images have no label: they are left out"
    for method in ("logistic", "lda"):
        for folder in (output, partly):
            done = classify("train", folder, folder / method, "--method", method)
            assert (warning in done.stderr) == (folder == partly)
        assert (partly / method).read_bytes() == (output / method).read_bytes()
    tables = []
    for folder in (output, partly):
        classify("evaluate", folder, "--timestamp", TS, "--test", "test_*")
        tables.append([read_parquet(folder, table).to_pydict()
                       for table in ("evaluation", "confusion", "predictions")])
    assert tables[0] == tables[1]
    done = classify("predict", partly, partly / "lda", "--timestamp", TS, "--overwrite")
    assert f"of {len(paths)} images have the label" in done.stdout and "no label" not in done.stderr
    assert len(read_parquet(partly, "predictions")) == 40 + len(paths)
    none = tmp_path / "none"
    write_features(none, rows[:40], unlabelled)
    assert "none of the 40 images has a label" in refused("evaluate", none)
    assert "none of the 40 images of --test /test_* has a label" in \
        refused("evaluate", partly, "--test", "/test_*")
    classify("predict", none, partly / "lda")


def test_temperature_makes_the_folds_likeliest(output, tmp_path):
    classify("train", output, tmp_path / "m", "--c", "100")
    at = float(read_tensors(tmp_path / "m")[0]["temperature"])
    assert at > 1.2  # so little held, it is too sure of itself
    done = classify("evaluate", output, "--c", "100", "--method", "logistic")
    calibration = float(done.stdout.split("logistic")[1].split()[6])
    assert calibration < 0.08


def test_c_is_chosen_in_the_folds(output, tmp_path):
    done = verger("classify", "train", output, tmp_path / "m", "--c", "auto")
    losses = [float(line.split("log loss ")[1].split()[0]) for line in done.stderr.splitlines()
              if "log loss" in line]
    chosen = float(read_tensors(tmp_path / "m")[0]["c"])
    assert len(losses) == 5
    assert chosen == [0.01, 0.1, 1, 10, 100][int(numpy.argmin(losses))]


def test_the_same_bytes_on_any_threads_and_kernels(output, tmp_path):
    seen = set()
    for threads, kernels in ((1, "ref"), (3, "avx2"), (2, None)):

        environment = dict(os.environ, **({"VERGER_CPU": kernels} if kernels else {}))
        model = tmp_path / f"m{threads}"
        classify("train", output, model, "--threads", threads, env=environment)
        classify("evaluate", output, "--threads", threads, "--overwrite", "--timestamp", TS,
                 "--test", "fruit*/test_*", "--format", "csv", env=environment)
        tables = [part.read_bytes() for table in ("evaluation", "confusion", "predictions")
                  for part in parts(table_folder(output, table, "csv"))]
        classify("predict", output, model, "--threads", threads, "--overwrite", "--timestamp", TS,
                 "--format", "csv", env=environment)
        tables += [part.read_bytes() for part in parts(table_folder(output, "predictions", "csv"))]
        seen.add((model.read_bytes(), *tables))
    assert len(seen) == 1


def test_what_is_refused(output, drawn, tmp_path):
    one = tmp_path / "one"
    write_features(one, draw(classes=1)[0], paths_of(draw(classes=1)[1]))
    assert "all images to train on are of one class, fruit 0" in refused("train", one, one / "m")
    pair = tmp_path / "pair"
    write_features(pair, draw(classes=2, of_each=1)[0], ["plum/1.png", "quince/1.png"])
    assert refused("evaluate", pair, "--folds", 2).endswith(
        "without fold 1 of 2 all images to train on are of one class, quince: give each class more images, "
        "or set some apart with --test and --folds 0")
    assert "of one class, fruit 1: give each class more groups" in \
        refused("evaluate", output, "--train", "fruit [01]/**", "--group", "fruit ([01])")
    assert "300 images are fewer than 301 folds: ask for fewer with --folds" in refused("evaluate", output, "--folds", 301)
    assert 'the group expression "x(y)" matches no path, such as fruit 0/' in \
        refused("evaluate", output, "--group", "x(y)")
    assert "does not match fruit 1/" in refused("evaluate", output, "--group", "fruit 0/(.)")
    assert "puts all images into one group" in refused("evaluate", output, "--group", "(fruit)")
    assert "regular expression" in refused("evaluate", output, "--group", "(")
    assert "--test nowhere/** matches no path" in refused("evaluate", output, "--test", "nowhere/**")
    assert "no image is left to train on" in refused("evaluate", output, "--test", "**")
    assert "nothing is set apart" in refused("evaluate", output, "--folds", 0)
    assert "cannot open the classifier" in refused("predict", output, tmp_path / "absent")
    (tmp_path / "text").write_text("no tensors are here")
    assert "it is no safetensors file" in refused("predict", output, tmp_path / "text")


def test_a_classifier_is_not_replaced_unasked(output, tmp_path):
    classify("train", output, tmp_path / "m", "--method", "lda")
    before = (tmp_path / "m").read_bytes()
    assert "--overwrite replaces it" in refused("train", output, tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    classify("train", output, tmp_path / "m", "--overwrite")
    assert (tmp_path / "m").read_bytes() != before
    assert "cannot" in refused("train", output, tmp_path / "no" / "m")


def test_features_of_another_network_are_refused(fruits, tmp_path):
    run(fruits, tmp_path / "out")
    run(fruits, tmp_path / "other", "--model", "seeded:8")
    classify("train", tmp_path / "out", tmp_path / "m", "--folds", 2)
    classify("predict", tmp_path / "out", tmp_path / "m")
    assert "another network" in refused("predict", tmp_path / "other", tmp_path / "m")
    done = classify("train", tmp_path / "out", tmp_path / "p", "--space", "pca", "--folds", 2)
    assert "fit " in done.stdout
    classify("predict", tmp_path / "other", tmp_path / "p", code=1)


def test_components_of_another_fit_are_refused(fruits, tmp_path):
    """Others in the same number would give labels that mean nothing."""
    run(fruits, tmp_path / "out")
    classify("train", tmp_path / "out", tmp_path / "m", "--space", "pca", "--folds", 2)
    fitted = next((tmp_path / "out").glob("model_info/pca_*/pca.safetensors"))
    outputs = {"again": ["-k", 5], "applied": ["--apply", fitted], "centred": ["-k", 5, "--center"]}
    for name, words in outputs.items():
        done = verger("pca", tmp_path / "out", tmp_path / name, *words)
        assert done.returncode == 0, done.stderr
    classify("predict", tmp_path / "again", tmp_path / "m")
    classify("predict", tmp_path / "applied", tmp_path / "m")
    assert "of another PCA than the classifier" in refused("predict", tmp_path / "centred", tmp_path / "m")


def test_features_of_another_length_are_refused(fruits, tmp_path):
    run(fruits, tmp_path / "out")
    run(fruits, tmp_path / "other", "--normalize")
    classify("train", tmp_path / "out", tmp_path / "m", "--folds", 2)
    assert "of --normalize" in refused("predict", tmp_path / "other", tmp_path / "m")


def test_damaged_classifiers_are_refused(output, tmp_path):
    classify("train", output, tmp_path / "m", "--method", "lda", "--folds", 0)
    content = (tmp_path / "m").read_bytes()
    changes = {"verger classifier": "verger classifiex", '"F64"': '"F32"', "fruit 0": "fruit 9",
               '"shape": [5, 37]': '"shape": [5, 36]', '"temperature": "1"': '"temperature": "0"'}
    for before, after in changes.items():
        assert before.encode() in content
        (tmp_path / "d").write_bytes(content.replace(before.encode(), after.encode(), 1))
        assert "cannot be used as a classifier" in refused("predict", output, tmp_path / "d")
    for size in (0, 7, 100, len(content) - 1):
        (tmp_path / "d").write_bytes(content[:size])
        assert "cannot be used as a classifier" in refused("predict", output, tmp_path / "d")
