"""verger.ClassMoments against numpy, scikit-learn and the command."""

import pickle
import subprocess

import numpy
import pyarrow as pa
import pytest
from conftest import BUILD
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from test_classifier import DIMS, write_output

import verger

CLASSES = 5
LABELS = [f"früit {c}" for c in range(CLASSES)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Rows in the order of their paths, their classes, and an output that has them."""
    folder = tmp_path_factory.mktemp("drawn")
    rows = write_output(folder, CLASSES)
    return rows, numpy.repeat(numpy.arange(CLASSES), len(rows) // CLASSES), folder


def test_what_they_hold(drawn):
    rows, classes, _ = drawn
    moments = verger.ClassMoments(CLASSES, DIMS).add(rows[:70], classes[:70])
    moments.add(pa.table({"features": rows[70:].tolist()}), classes[70:].astype(numpy.int64))
    assert (moments.classes, moments.dims, moments.count) == (CLASSES, DIMS, len(rows))
    assert moments.counts == [len(rows) // CLASSES] * CLASSES
    means = [rows[classes == c].astype(float).mean(axis=0) for c in range(CLASSES)]
    assert moments.means == pytest.approx(numpy.array(means), rel=1e-12)
    assert moments.mean == pytest.approx(rows.astype(float).mean(axis=0), rel=1e-12)
    assert repr(moments) == f"<verger.ClassMoments, {len(rows)} rows of {DIMS}, {CLASSES} classes>"
    moments.close()
    assert repr(moments) == "<verger.ClassMoments, closed>"
    with pytest.raises(ValueError, match="the class moments object is closed"):
        bytes(moments)


def test_bytes_and_merging(drawn):
    rows, classes, _ = drawn
    left = verger.ClassMoments(CLASSES, DIMS).add(rows[:90], classes[:90])
    right = verger.ClassMoments(CLASSES, DIMS).add(rows[90:], classes[90:])
    came = pickle.loads(pickle.dumps(right))
    assert bytes(came) == bytes(right) and came.counts == right.counts
    again = verger.ClassMoments.from_bytes(memoryview(bytes(left)))
    assert bytes(left.merge(came)) == bytes(again.merge(right))
    whole = verger.ClassMoments(CLASSES, DIMS).add(rows, classes)
    assert left.counts == whole.counts and left.means == pytest.approx(whole.means, rel=1e-12)
    for damaged in (b"", bytes(left)[:-1], bytes(left)[:-1] + b"\0", bytes(verger.Moments(DIMS))):
        with pytest.raises(verger.VergerError, match="class moments: "):
            verger.ClassMoments.from_bytes(damaged)
    with pytest.raises(verger.VergerError, match="5 classes cannot be merged with 4"):
        left.merge(verger.ClassMoments(4, DIMS))
    with pytest.raises(TypeError, match="moments are needed, not Moments"):
        left.merge(verger.Moments(DIMS))


def test_shrinkage_is_scikit_learns(drawn):
    rows, classes, _ = drawn
    moments = verger.ClassMoments(CLASSES, DIMS).add(rows, classes)
    centred = rows - moments.means[classes]
    powers = moments.fourth_powers(rows[50:], classes[50:], moments.fourth_powers(rows[:50], classes[:50]))
    assert powers == moments.fourth_powers(rows, classes)
    assert moments.shrinkage(powers) == pytest.approx(
        ledoit_wolf_shrinkage(centred, assume_centered=True), rel=1e-9)


def test_discriminants_are_scikit_learns(drawn):
    rows, classes, _ = drawn
    classifier = verger.ClassMoments(CLASSES, DIMS).add(rows, classes).lda(LABELS, 0.2)
    other = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(rows.astype(float), classes)
    assert classifier.labels == LABELS and classifier.method == "lda"
    assert classifier.predict_proba(rows) == pytest.approx(other.predict_proba(rows), abs=1e-7)


@pytest.mark.parametrize("shrinkage", [0.2, None])
def test_discriminants_are_the_commands(drawn, tmp_path, shrinkage):
    """The file that is saved has the same numbers to the bit, and is one that the command takes."""
    rows, classes, folder = drawn
    words = [] if shrinkage is None else ["--shrinkage", str(shrinkage)]

    def classify(*arguments):
        subprocess.run([BUILD / "verger", "classify", *arguments, "--progress", "none"], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    classify("train", folder, tmp_path / "theirs", "--method", "lda", "--folds", "0", *words)
    moments = verger.ClassMoments(CLASSES, DIMS).add(rows, classes)
    if shrinkage is None:
        shrinkage = moments.shrinkage(moments.fourth_powers(rows, classes))
    moments.lda(LABELS, shrinkage).save(tmp_path / "mine")
    mine, theirs = (verger.Classifier.load(tmp_path / name) for name in ("mine", "theirs"))
    assert (mine.weights == theirs.weights).all() and (mine.bias == theirs.bias).all()
    assert (mine.mean == theirs.mean).all() and mine.temperature == theirs.temperature == 1
    predictions = []
    for name in ("mine", "theirs"):
        classify("predict", folder, tmp_path / name, "--timestamp", "20250102_000000", "--overwrite")
        predictions.append(verger.open(folder).predictions)
    assert predictions[0].equals(predictions[1])


def test_classes_without_rows_are_left_out(drawn):
    rows, classes, _ = drawn
    some = classes != 2
    classifier = verger.ClassMoments(CLASSES, DIMS).add(rows[some], classes[some]).lda(LABELS, 0.2)
    assert classifier.labels == [label for label in LABELS if label != LABELS[2]]


@pytest.mark.parametrize("rows, classes, error, message", [
    (numpy.zeros((2, 5)), [0, 1], ValueError, "the rows have 5 numbers, the moments are of 4"),
    (numpy.zeros((2, 4)), [0], ValueError, "2 rows need as many classes"),
    (numpy.zeros((2, 4)), [0.0, 1.0], ValueError, "whole numbers"),
    (numpy.zeros((2, 4)), [0, 3], verger.VergerError, "row 1: class 3, must be 0 to 2"),
    (numpy.zeros((2, 4)), [0, 2**32], verger.VergerError, "row 1: class 2147483647, must be"),
    (numpy.full((1, 4), numpy.nan), [0], verger.VergerError, "row 0"),
])
def test_what_is_refused(rows, classes, error, message):
    moments = verger.ClassMoments(3, 4)
    with pytest.raises(error, match=message):
        moments.add(rows, classes)
    assert moments.count == 0
    with pytest.raises(ValueError, match="there are 2 labels for 3 classes"):
        moments.lda(["a", "b"], 0.1)
    with pytest.raises(verger.VergerError, match="there is one class alone"):
        moments.lda(["a", "b", "c"], 0.1)
    with pytest.raises(ValueError, match="from 1 to 65536"):
        verger.ClassMoments(0)
