"""The reference's mini run, image by image: DESIGN's 'Numbers that must agree'."""

import json

import numpy
import pandas
import pyarrow.parquet
import pytest
from conftest import SHARED, TS, features, model_info, read_parquet, verger

MINI = SHARED / "reference" / "mini"
MODEL = SHARED / "models" / "mobilenet_v2_1.0_224.safetensors"


@pytest.fixture(scope="module")
def mini(sample, tmp_path_factory):
    for needed in (MINI, MODEL):
        if not needed.exists():
            pytest.skip(f"no {needed}: the reference's results are not here")
    output = tmp_path_factory.mktemp("mini")
    done = verger("run", sample, output, "-k", 50, "--files-from", MINI / "metadata.csv",
                  "--model", MODEL, "--timestamp", TS, "--progress", "none")
    assert done.returncode == 0, done.stderr
    return output


def name(path):
    return path[path.index("Training/"):]


def test_rows_are_those_of_the_list(mini):
    ours = read_parquet(mini, "features").to_pandas()
    listed = pandas.read_csv(MINI / "metadata.csv")
    listed["path"] = listed.path.map(name)
    listed = listed.sort_values("path")
    assert [name(p) for p in ours.path] == list(listed.path)
    assert list(ours.label) == list(listed.label)


def test_features(mini):
    theirs = pyarrow.parquet.read_table(MINI / "features.snappy.parquet").to_pandas()
    rows = dict(zip(map(name, theirs.path), theirs.features))
    paths = [name(p) for p in read_parquet(mini, "features").column("path").to_pylist()]
    expected = numpy.stack([rows[p] for p in paths]).astype("f8")
    difference = features(mini) - expected
    assert numpy.linalg.norm(difference) / numpy.linalg.norm(expected) <= 1e-5
    assert numpy.abs(difference).max() <= 1e-4


def test_variance(mini):
    reference = json.loads((MINI / "model_info.json").read_text())
    info = model_info(mini)
    assert info["total_variance_explained"] == pytest.approx(
        reference["total_variance_explained"], abs=1e-6)
    for key in ("variance_by_component", "cumulative_variance"):
        assert info[key] == pytest.approx(reference[key], abs=1e-6)
    for key in ("pca_components", "original_dimensions", "reduced_dimensions",
                "num_images_processed"):
        assert info[key] == reference[key]
    assert len(info["model_sha256"]) == 64


def test_pca_rows(mini):
    theirs = pandas.read_csv(MINI / "pca.csv")
    rows = {name(p): numpy.array(text.split(","), "f8")
            for p, text in zip(theirs.path, theirs.pca_features_string)}
    ours = read_parquet(mini, "pca").to_pandas()
    expected = numpy.stack([rows[name(p)] for p in ours.path])
    found = numpy.stack(ours.pca_features)
    signs = numpy.sign((expected * found).sum(axis=0))
    assert numpy.linalg.norm(found * signs - expected) / numpy.linalg.norm(expected) <= 1e-4


def test_variance_of_all_apples(sample, tmp_path):
    """6,404 images: the only test here of more than one whole part."""
    reference = SHARED / "reference" / "apples" / "model_info.json"
    for needed in (reference, MODEL):
        if not needed.exists():
            pytest.skip(f"no {needed}: the reference's results are not here")
    done = verger("run", sample, tmp_path, "apples", 50, "--model", MODEL, "--timestamp", TS,
                  "--format", "parquet", "--progress", "none", timeout=500)
    assert done.returncode == 0, done.stderr
    reference, info = json.loads(reference.read_text()), model_info(tmp_path)
    assert info["num_images_processed"] == reference["num_images_processed"] == 6404
    assert info["variance_by_component"] == pytest.approx(reference["variance_by_component"],
                                                          abs=1e-6)
    assert info["total_variance_explained"] == pytest.approx(
        reference["total_variance_explained"], abs=1e-6)
