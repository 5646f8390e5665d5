"""What a run writes, as its readers see it."""

import re

import duckdb
import numpy
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest
from conftest import (TS, features, files_below, leftovers, model_info, numbers, parts, read_csv,
                      read_parquet, run, table_folder, verger)

TABLES = [
    f"features/parquet/features_{TS}",
    f"features/csv/features_{TS}",
    f"pca/parquet/pca_{TS}",
    f"pca/csv/pca_{TS}",
    f"metadata/metadata_{TS}",
    f"model_info/model_info_{TS}",
    f"model_info/variance_{TS}",
]


@pytest.fixture(scope="module")
def output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "deep" / "out"
    done = run(fruits, output)
    assert "24" in done.stdout
    return output


def test_the_tree_is_that_of_the_reference(output):
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    found = files_below(output)
    for table in TABLES:
        extension = r"\.csv"
        if "parquet" in table:
            extension = r"\.snappy\.parquet"
        if "model_info_" in table:
            extension = r"\.txt"
        (part,) = [f for f in found if re.fullmatch(rf"{table}/part-00000-{uuid}{extension}", f)]
        found.remove(part)
        found.remove(f"{table}/_SUCCESS")
    for name in ("pca.safetensors", "_SUCCESS"):
        found.remove(f"model_info/pca_{TS}/{name}")
    found.remove("_verger/latest.json")
    state = f"_verger/run_{TS}"
    kept = rf"{state}/(_SUCCESS|run\.json|part-00000\.json|part-00000-{uuid}\.snappy\.parquet)"
    assert [f for f in found if not re.fullmatch(kept, f)] == []
    assert len(found) == 4


def test_schemas(output):
    assert read_parquet(output, "features").schema.equals(
        pyarrow.schema([("path", "string"), ("label", "string"),
                        ("features", pyarrow.list_(pyarrow.field("element", pyarrow.float32()))),
                        ("relative_path", "string"), ("split", "string")])
    )
    assert read_parquet(output, "pca").schema.equals(
        pyarrow.schema([("path", "string"), ("label", "string"),
                        ("pca_features", pyarrow.list_(pyarrow.field("element", pyarrow.float64()))),
                        ("relative_path", "string"), ("split", "string")])
    )
    assert list(read_csv(output, "features", "csv")) == ["path", "label", "features_string", "relative_path", "split"]
    assert list(read_csv(output, "pca", "csv")) == ["path", "label", "pca_features_string", "relative_path", "split"]
    assert list(read_csv(output, "metadata")) == ["path", "label", "relative_path", "split"]
    assert list(read_csv(output, "variance")) == [
        "component", "variance_explained", "cumulative_variance"]


def test_every_image_has_its_row_in_order(output, fruits):
    paths = sorted(str(p) for p in fruits.rglob("*.jpg"))
    for frame in (read_parquet(output, "features").to_pandas(), read_csv(output, "metadata"),
                  read_parquet(output, "pca").to_pandas(), read_csv(output, "pca", "csv")):
        assert list(frame.path) == paths
        assert list(frame.label) == [p.split("/")[-2] for p in paths]


def test_both_formats_hold_the_same_numbers(output):
    matrix = features(output)
    assert matrix.shape == (24, 1280)
    assert matrix.dtype == numpy.float32
    assert (matrix == numbers(read_csv(output, "features", "csv").features_string, "f4")).all()
    rows = numpy.stack(read_parquet(output, "pca").column("pca_features").to_numpy())
    assert rows.shape == (24, 5)
    assert (rows == numbers(read_csv(output, "pca", "csv").pca_features_string)).all()


def test_the_pca_is_that_of_the_features(output):
    matrix = features(output).astype(numpy.float64)
    values, vectors = numpy.linalg.eigh(numpy.cov(matrix.T))
    shares = values[::-1][:5] / values.sum()
    components = vectors[:, ::-1][:, :5]
    largest = numpy.abs(components).argmax(axis=0)
    components = components * numpy.sign(components[largest, range(5)])

    variance = read_csv(output, "variance")
    assert list(variance.component) == [1, 2, 3, 4, 5]
    assert numpy.allclose(variance.variance_explained, shares, rtol=1e-9)
    assert numpy.allclose(variance.cumulative_variance, numpy.cumsum(shares), rtol=1e-9)
    rows = numpy.stack(read_parquet(output, "pca").column("pca_features").to_numpy())
    assert numpy.allclose(rows, matrix @ components, rtol=1e-8, atol=1e-8)


def test_model_info_has_the_keys_of_the_reference_and_ours(output):
    info = model_info(output)
    assert list(info) == [
        "timestamp", "pca_components", "original_dimensions", "reduced_dimensions",
        "total_variance_explained", "variance_by_component", "cumulative_variance",
        "num_images_processed", "model", "kernels", "verger_version", "components_sha256",
        "libraries", "threads", "seconds", "images_per_second"]
    assert re.match(r"libjpeg-turbo \d+\.\d+\.\d+, libpng ", info["libraries"])
    assert info["timestamp"] == TS
    assert (info["pca_components"], info["original_dimensions"]) == (5, 1280)
    assert info["num_images_processed"] == 24
    assert info["model"] == "seeded:7"
    variance = read_csv(output, "variance")
    assert info["variance_by_component"] == list(variance.variance_explained)
    assert info["cumulative_variance"][-1] == info["total_variance_explained"]


def test_other_readers(output):
    folder = table_folder(output, "features", "parquet")
    assert pandas.read_parquet(folder).shape == (24, 5)
    assert pyarrow.dataset.dataset(folder).count_rows() == 24
    counts = duckdb.sql(f"select label, count(*), max(len(features)) from "
                        f"'{folder}/*.parquet' group by label order by label").fetchall()
    assert counts == [("Apple 1", 8, 1280), ("Apple 2", 8, 1280), ("Pear 1", 8, 1280)]
    csv = table_folder(output, "pca", "csv")
    assert duckdb.sql(f"select count(*) from '{csv}/*.csv'").fetchall() == [(24,)]


def test_parquet_carries_the_facts_of_the_run(output):
    (part,) = parts(table_folder(output, "features", "parquet"))
    metadata = pyarrow.parquet.read_metadata(part).metadata
    assert metadata[b"model"] == b"seeded:7"
    assert {b"kernels", b"verger_version", b"ARROW:schema"} <= set(metadata)


@pytest.mark.parametrize("kind,other", [("parquet", "csv"), ("csv", "parquet")])
def test_one_format_alone(fruits, tmp_path, output, kind, other):
    run(fruits, tmp_path / "out", "--format", kind)
    assert not (tmp_path / "out" / "features" / other).exists()
    assert not (tmp_path / "out" / "pca" / other).exists()
    if kind == "csv":
        rows = read_csv(tmp_path / "out", "pca", "csv")
        assert rows.equals(read_csv(output, "pca", "csv"))
    assert model_info(tmp_path / "out")["variance_by_component"] == \
        model_info(output)["variance_by_component"]


def test_odd_names(tmp_path):
    from conftest import encoded, photograph
    names = ['a, "b".jpg', "new\nline.jpg", "pomme \u00e9\U0001f34e.jpg", " lead.jpg", "per%20cent.jpg",
             "'quote'.jpg", "semi;colon.jpg"]
    folder = tmp_path / "in put" / 'class, "one"'
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        (folder / name).write_bytes(encoded(photograph(i)))
    run(tmp_path / "in put", tmp_path / "out", "--select", "**/*.jpg")
    expected = sorted((str(folder / n) for n in names), key=lambda p: p.encode())
    for frame in (read_parquet(tmp_path / "out", "features").to_pandas(),
                  read_csv(tmp_path / "out", "features", "csv"),
                  read_csv(tmp_path / "out", "metadata"),
                  read_csv(tmp_path / "out", "pca", "csv")):
        assert list(frame.path) == expected
        assert set(frame.label) == {'class, "one"'}
    again = verger("pca", table_folder(tmp_path / "out", "features", "csv"), tmp_path / "again",
                   "-k", 2, "--timestamp", TS)
    assert again.returncode == 0, again.stderr
    assert list(read_csv(tmp_path / "again", "pca", "csv").path) == expected


def test_output_inside_input_is_not_read_again(own_fruits):
    output = own_fruits
    run(own_fruits, output, "--select", "**/*.*")
    run(own_fruits, output, "--select", "**/*.*", "--overwrite")
    assert features(output).shape == (24, 1280)
    assert not (output / "errors").exists()
    assert leftovers(output) == []
