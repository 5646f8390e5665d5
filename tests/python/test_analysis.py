"""What comes after the features: arrays of numpy, PCAs in files, the tables of runs,
scikit-learn, types."""

import json
import pickle
import struct
import subprocess
import sys

import numpy
import pandas
import polars
import pyarrow as pa
import pytest
from conftest import BUILD, ROOT

import verger

MODEL = "seeded:7"


@pytest.fixture(scope="module")
def rows():
    return numpy.random.default_rng(3).normal(size=(60, 24)).astype(numpy.float32)


@pytest.fixture(scope="module")
def pca(rows):
    return verger.pca.fit(rows, 4)


# --- numpy ------------------------------------------------------------------------------------


def test_arrays_in_and_out(rows, pca):
    centred = rows - rows.mean(axis=0, dtype=float)
    _, singular, axes = numpy.linalg.svd(centred, full_matrices=False)
    shares = singular ** 2 / (singular ** 2).sum()
    numpy.testing.assert_allclose(pca.explained_variance, shares[:4], rtol=1e-5)
    numpy.testing.assert_allclose(numpy.abs(pca.components), numpy.abs(axes[:4]), atol=1e-5)
    numpy.testing.assert_allclose(pca.mean, rows.mean(axis=0), atol=1e-6)
    projected = pca.project(rows)
    assert projected.shape == (60, 4) and projected.dtype == numpy.float64
    numpy.testing.assert_allclose(projected, rows @ numpy.array(pca.components).T, atol=1e-5)
    assert pca.project(rows[:0]).shape == (0, 4)
    assert pca.project(rows.astype(float)[::2]).tolist() == projected[::2].tolist()


def test_moments_of_arrays(rows):
    moments = verger.Moments(24).add(rows[:30]).add(rows[30:])
    assert moments.count == 60
    with pytest.raises(ValueError, match=r"shape \(24,\)"):
        moments.add(rows[0])
    with pytest.raises(verger.VergerError, match="not a finite number"):
        moments.add(numpy.full((2, 24), numpy.nan))


@pytest.mark.parametrize("frame", [
    lambda lists: pa.table({"features": pa.array(lists, pa.list_(pa.float64()))}),
    lambda lists: pa.table({"features": pa.array(lists, pa.list_(pa.float32(), 24))}),
    lambda lists: pandas.DataFrame({"features": lists}),
    lambda lists: polars.DataFrame({"features": lists}),
    lambda lists: polars.DataFrame({"features": lists},
                                   schema={"features": polars.Array(polars.Float32, 24)})],
    ids=["doubles", "fixed", "pandas", "polars", "polars arrays"])
def test_features_of_other_types(frame, rows, pca):
    frame = frame(rows.tolist())
    assert verger.pca.fit(frame, 4).components == pca.components
    projected = pca.project(frame)
    assert projected["path"].null_count == 60
    assert projected["pca_features"].to_pylist() == pca.project(rows).tolist()


def test_projections_of_fixed_size(rows, pca):
    lists = [None, *rows.tolist(), None]
    table = pa.table({"features": pa.array(lists, pa.list_(pa.float32()))})
    fixed = pca.project(table, fixed_size_list=True)
    fixed.validate(full=True)
    assert fixed.schema.field("pca_features").type.list_size == 4
    assert fixed["pca_features"].to_pylist() == pca.project(table)["pca_features"].to_pylist()
    assert fixed["pca_features"].null_count == 2


# --- Files ------------------------------------------------------------------------------------


def test_a_pca_is_kept_in_a_file(rows, pca, tmp_path):
    file = tmp_path / "fruits.pca.safetensors"
    pca.save(file)
    there = verger.PCA.load(file)
    assert there.components == pca.components
    assert there.explained_variance == pca.explained_variance
    assert there.mean == pca.mean
    assert there.project(rows).tolist() == pca.project(rows).tolist()
    assert pickle.loads(pickle.dumps(there)).mean == pca.mean
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_others_read_the_file(rows, pca, tmp_path):
    """As the format's own description has it, without this package."""
    pca.save(tmp_path / "pca")
    data = (tmp_path / "pca").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    assert size % 8 == 0
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    assert metadata["kind"] == "verger pca"
    assert metadata["verger_version"] == verger.__version__ and metadata["kernels"]
    assert {name: entry["shape"] for name, entry in header.items()} == {
        "components": [4, 24], "mean": [24], "explained_variance": [4]}
    begin, end = header["components"]["data_offsets"]
    values = numpy.frombuffer(data[8 + size:][begin:end], "<f8").reshape(4, 24)
    assert values.tolist() == pca.components
    assert max(entry["data_offsets"][1] for entry in header.values()) == len(data) - 8 - size


def test_a_pca_without_mean(rows, pca, tmp_path):
    bare = verger.PCA(pca.components, pca.explained_variance)
    assert bare.mean is None
    bare.save(tmp_path / "pca")
    assert verger.PCA.load(tmp_path / "pca").mean is None


@pytest.mark.parametrize("choices", [["--center"], ["--center", "--whiten"], ["--whiten"], []])
def test_the_pca_of_a_run_projects_as_the_run_did(fruits, tmp_path, choices):
    run(fruits, tmp_path, *choices, "--timestamp", "20250101_000000")
    tables = verger.open(tmp_path)
    kept = verger.PCA.load(tmp_path / "model_info" / "pca_20250101_000000" / "pca.safetensors")
    assert kept.center == ("--center" in choices)
    expected = numpy.stack(tables.pca["pca_features"].to_numpy())
    for pca in (kept, pickle.loads(pickle.dumps(kept))):
        projected = pca.project(tables.features)["pca_features"]
        assert numpy.stack(projected.to_numpy()).tolist() == expected.tolist()
    kept.save(tmp_path / "again")
    assert verger.PCA.load(tmp_path / "again").center == kept.center
    assert kept.project(pa.table({"features": pa.array([None], pa.list_(pa.float32()))}))[
        "pca_features"].to_pylist() == [None]


def test_centring_needs_a_mean(pca):
    with pytest.raises(ValueError, match="needs the mean"):
        verger.PCA(pca.components, pca.explained_variance, center=True)


def test_damaged_files_are_refused(pca, tmp_path):
    file = tmp_path / "pca"
    pca.save(file)
    whole = file.read_bytes()
    generator = numpy.random.default_rng(5)
    variants = [whole[:n] for n in (0, 7, 8, 100, len(whole) - 1)]
    variants += [b"\xff" * 8 + whole[8:], whole.replace(b"verger pca", b"other kind"),
                 whole.replace(b"F64", b"F32"), whole.replace(b'"components"', b'"compoments"'),
                 whole.replace(b"[4, 24]", b"[24, 4]"), whole.replace(b"[4, 24]", b"[-4,24]")]
    for data in variants:
        file.write_bytes(data)
        with pytest.raises(ValueError, match="is no PCA of verger"):
            verger.PCA.load(file)
    (size,) = struct.unpack("<Q", whole[:8])
    for _ in range(300):  # any byte of the header
        data = bytearray(whole)
        data[generator.integers(8 + size)] = generator.integers(256)
        file.write_bytes(data)
        try:
            verger.PCA.load(file)
        except ValueError:
            pass
    with pytest.raises(FileNotFoundError):
        verger.PCA.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        pca.save(tmp_path / "absent" / "pca")


# --- The tables of runs -----------------------------------------------------------------------


def run(fruits, output, *options):
    done = subprocess.run([BUILD / "verger", "run", fruits, output, "-k", "3", "--model", MODEL,
                           "--quiet", *options], timeout=120)
    assert done.returncode in (0, 3)  # one image is cut short


@pytest.fixture(scope="module")
def output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    run(fruits, output, "--timestamp", "20250101_000000", "--limit", "20")
    run(fruits, output, "--timestamp", "20250202_000000")
    run(fruits, output, "--timestamp", "20250303_000000")
    for mark in output.glob("**/*_20250303_000000/_SUCCESS"):
        mark.unlink()
    return output


def test_the_newest_complete_tables(output):
    tables = verger.open(output)
    assert tables.timestamp == "20250202_000000"
    assert tables.timestamps == ["20250202_000000", "20250101_000000"]
    assert (tables.features.num_rows, tables.pca.num_rows) == (89, 89)
    assert (tables.metadata.num_rows, tables.errors.num_rows) == (90, 1)
    assert tables.errors["error"].to_pylist()[0]
    assert tables.model_info["model"] == MODEL
    assert tables.variance.num_rows == 3
    for word in ("20250202_000000", "features", "pca"):
        assert word in repr(tables)


def test_tables_joined(output):
    tables = verger.open(output)
    joined = tables.table()
    assert joined.column_names == ["path", "label", "features", "relative_path", "split",
                                   "pca_features"]
    by_path = dict(zip(tables.pca["path"].to_pylist(), tables.pca["pca_features"].to_pylist()))
    for path, projected in zip(joined["path"].to_pylist(), joined["pca_features"].to_pylist()):
        assert by_path[path] == projected
    assert tables.to_numpy().shape == (89, 1280)
    assert tables.to_numpy("pca_features").shape == (89, 3)
    with pytest.raises(ValueError, match="column is 'pca': .* has features and pca_features"):
        tables.to_numpy("pca")
    frame = tables.to_pandas()
    assert list(frame.columns) == joined.column_names and len(frame) == 89


def test_tables_of_a_timestamp(output):
    old = verger.open(output, "20250101_000000")
    assert old.table().num_rows <= 20
    with pytest.raises(FileNotFoundError, match="20250303_000000.*there are 20250101_000000, 2025"):
        verger.open(output, "20250303_000000")


def test_no_tables(tmp_path):
    with pytest.raises(FileNotFoundError, match="no complete tables"):
        verger.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="no complete tables"):
        verger.open(tmp_path / "absent")


def test_a_newer_pca_is_of_the_same_features(fruits, tmp_path):
    run(fruits, tmp_path, "--timestamp", "20250101_000000")
    subprocess.run([BUILD / "verger", "pca", tmp_path, tmp_path, "-k", "2", "-q"], check=True)
    tables = verger.open(tmp_path)
    assert tables.timestamp == "20250101_000000"
    assert tables.to_numpy("pca_features").shape == (89, 2)


def test_tables_of_what_was_learnt(fruits, tmp_path):
    run(fruits, tmp_path, "--timestamp", "20250101_000000")
    rows = {"neighbours": 89, "inspection": 89, "evaluation": 3, "confusion": None,
            "predictions": 89, "clusters": 89}
    assert not set(rows) & set(verger.open(tmp_path).names)
    with pytest.raises(FileNotFoundError, match="no complete table clusters of 20250101_000000"):
        verger.open(tmp_path).clusters
    for command in (["neighbours"], ["inspect"], ["cluster", "-k", "3"],
                    ["classify", "evaluate", "--folds", "2", "--method", "lda"]):
        verb = 2 if command[0] == "classify" else 1
        subprocess.run([BUILD / "verger", *command[:verb], tmp_path, *command[verb:],
                        "--progress", "none"], check=True, timeout=120)
    tables = verger.open(tmp_path)
    assert tables.timestamp == "20250101_000000" and set(rows) < set(tables.names)
    for name, count in rows.items():
        table = getattr(tables, name)
        assert table.num_rows == (count or table.num_rows) > 0
        assert {"path", "label"} & set(table.column_names)
    # Those that are older than the features are of others.
    run(fruits, tmp_path, "--timestamp", "20990101_000000")
    assert not set(rows) & set(verger.open(tmp_path).names)


# --- scikit-learn -----------------------------------------------------------------------------


def test_scikit_learn(paths):
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    from verger.sklearn import ImageFeatures

    with verger.Extractor(MODEL) as extractor:
        good = extractor.extract(paths)
    kept = [path for path, error in zip(paths, good["error"].to_pylist()) if error is None]
    labels = [path.parent.name for path in kept]
    features = ImageFeatures(MODEL, threads=2)
    assert features.fit_transform(kept[:2]).tolist() == good["features"].to_pylist()[:2]
    pipeline = make_pipeline(clone(features), KNeighborsClassifier(1)).fit(kept, labels)
    assert list(pipeline.predict(kept[:3])) == labels[:3]
    there = pickle.loads(pickle.dumps(pipeline))
    assert list(there.predict(kept[:3])) == labels[:3]
    assert len(features.get_feature_names_out()) == 1280
    assert len(cross_val_score(pipeline, numpy.array(kept, object), labels, cv=2)) == 2
    with pytest.raises(verger.VergerError):
        features.transform([b"no image"])
    framed = clone(features).set_output(transform="pandas").transform(kept[:2])
    assert framed.shape == (2, 1280)


# --- Types ------------------------------------------------------------------------------------


def test_types_are_clean_and_complete(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--config-file",
                           "pyproject.toml", "--cache-dir", tmp_path, "--exclude", "(spark|emr)/",
                           "verger"], cwd=ROOT / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
