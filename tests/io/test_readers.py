"""Tables that io_tool writes, as pyarrow, pandas and DuckDB read them."""

import csv
import os
import pathlib
import subprocess

import duckdb
import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest

BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", "build"))
TOOL = next((str(p) for p in (BUILD / "io_tool", BUILD / "tests/io/io_tool") if p.exists()), None)
REFERENCE = pathlib.Path(__file__).parents[3] / "shared/reference/mini"

ROWS, DIMS = 1000, 1280
LABELS = ["Apple Golden 1", "a,b", 'say "hi"', "two\nlines", " spaces ", "café", "0042", "",
          "semi;colon"]


def tool(*arguments, stdin=b"", check=True):
    assert TOOL, f"no io_tool in {BUILD}: build the target io_tool"
    return subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True,
                          check=check)


def features(row):
    return (((row * 131 + numpy.arange(DIMS) * 7) % 1000).astype("f4") / numpy.float32(7))


def is_empty(row):
    return row % 7 == 0


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    tool("write", "parquet", folder, "t.parquet", ROWS, DIMS)
    tool("write", "csv", folder, "t.csv", ROWS, DIMS)
    tool("copy", "parquet", folder, "t.parquet", "csv", folder, "from_parquet.csv")
    tool("copy", "csv", folder, "t.csv", "parquet", folder, "from_csv.parquet")
    return folder


def check_rows(paths, labels, rows_of_features):
    assert len(paths) == ROWS
    for row in range(ROWS):
        assert paths[row] == f"/data/row {row}.jpg"
        assert labels[row] == LABELS[row % len(LABELS)]
        if is_empty(row):
            assert rows_of_features[row] is None
        else:
            numpy.testing.assert_array_equal(
                numpy.asarray(rows_of_features[row], "f4"), features(row))


def test_pyarrow_reads_every_row(tables):
    table = pyarrow.parquet.read_table(tables / "t.parquet")
    table.validate(full=True)
    rows = table.to_pydict()
    check_rows(rows["path"], rows["label"], rows["features"])
    assert table.schema.field("modified").type == pyarrow.timestamp("us", tz="UTC")
    assert rows["number"][8] == 8 * 1000000007
    assert rows["share"][8] == 1 / 8
    assert rows["modified"][8].isoformat() == "2021-07-01T12:34:56.123464+00:00"
    assert rows["pca_features"][8] == [(8 - i) / 3e5 for i in range(3)]
    assert rows["number"][7] is None


def test_layout_is_one_that_spark_3_5_reads(tables):
    file = pyarrow.parquet.ParquetFile(tables / "t.parquet")
    metadata = file.metadata
    assert metadata.format_version == "2.6"
    assert metadata.num_row_groups == 1
    for i in range(metadata.num_columns):
        column = metadata.row_group(0).column(i)
        assert column.compression == "SNAPPY"
        assert set(column.encodings) <= {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY"}
        if ".list." in column.path_in_schema:
            assert column.path_in_schema.endswith(".list.element")
            assert not column.has_dictionary_page
    facts = metadata.metadata
    assert facts[b"verger.model"] == b"seeded:7"
    assert facts[b"verger.note"].decode() == "café"
    assert b"ARROW:schema" in facts


def parquet_schema(path):
    lines = str(pyarrow.parquet.ParquetFile(path).schema).splitlines()
    return [line.replace("field_id=-1 ", "") for line in lines]


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}: nothing to compare with")
def test_feature_columns_have_the_type_of_the_reference(tables):
    ours, theirs = (parquet_schema(path) for path in (
        tables / "t.parquet", REFERENCE / "features.snappy.parquet"))
    for name, lines in (("path", 1), ("label", 1), ("features", 5)):
        def part(schema):
            start = next(i for i, line in enumerate(schema) if f" {name} (" in line)
            return schema[start:start + lines]
        assert part(ours) == part(theirs)


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}: nothing to read")
def test_the_reference_of_another_writer_is_read(tmp_path):
    name = "features.snappy.parquet"
    tool("copy", "parquet", REFERENCE, name, "csv", tmp_path, "t.csv")
    expected = pyarrow.parquet.read_table(REFERENCE / name).to_pydict()
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == expected["path"]
    for row, numbers in zip(rows, expected["features"]):
        got = numpy.array(row["features_string"].split(","), "f4")
        numpy.testing.assert_array_equal(got, numpy.array(numbers, "f4"))


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}: nothing to read")
def test_the_csv_of_the_reference_is_read(tmp_path):
    tool("copy", "csv", REFERENCE, "pca.csv", "parquet", tmp_path, "t.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pydict()
    expected = pandas.read_csv(REFERENCE / "pca.csv")
    assert table["label"] == list(expected["label"])
    for got, text in zip(table["pca_features"], expected["pca_features_string"]):
        numpy.testing.assert_array_equal(
            numpy.array(got, "f4"), numpy.array(text.split(","), "f8").astype("f4"))


def test_pandas_reads_parquet(tables):
    table = pandas.read_parquet(tables / "t.parquet")
    assert table["features"][8].dtype == numpy.float32
    numpy.testing.assert_array_equal(table["features"][8], features(8))
    assert str(table["modified"].dt.tz) == "UTC"


def test_pandas_reads_csv(tables):
    table = pandas.read_csv(tables / "t.csv", dtype={"label": str}, keep_default_na=False)
    joined = [None if text == "" else text.split(",") for text in table["features_string"]]
    check_rows(list(table["path"]), list(table["label"]), joined)
    assert pandas.Timestamp(table["modified"][8]) == pandas.Timestamp(
        "2021-07-01T12:34:56.123464Z")


def test_duckdb_reads_both(tables):
    query = "select path, label, features from read_parquet(?) order by file_row_number"
    rows = duckdb.execute(query, [str(tables / "t.parquet")]).fetchall()
    check_rows(*zip(*rows))
    query = ("select path, label, string_split(features_string, ',')::float[] "
             "from read_csv(?, all_varchar = true, header = true, quote = '\"', escape = '\"', "
             "max_line_size = 1000000)")
    rows = duckdb.execute(query, [str(tables / "t.csv")]).fetchall()
    check_rows([r[0] for r in rows], [r[1] or "" for r in rows], [r[2] for r in rows])


def test_each_format_is_copied_to_the_other(tables):
    table = pyarrow.parquet.read_table(tables / "from_csv.parquet").to_pydict()
    check_rows(table["path"], table["label"], table["features"])
    with open(tables / "from_parquet.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    check_rows([row["path"] for row in rows], [row["label"] for row in rows],
               [row["features_string"].split(",") if row["features_string"] else None
                for row in rows])


def write(path, columns, **options):
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)


@pytest.mark.parametrize("kind", [
    pyarrow.list_(pyarrow.float64()), pyarrow.large_list(pyarrow.float32()),
    pyarrow.large_list(pyarrow.float64()), pyarrow.list_(pyarrow.float32(), 4),
    pyarrow.list_(pyarrow.float64(), 4)], ids=str)
def test_lists_of_every_kind_are_read(tmp_path, kind):
    numbers = [[row, row + 0.5, -row, 1e-3] for row in range(5000)]
    numbers[17] = None
    write(tmp_path / "t", {"features": pyarrow.array(numbers, kind)}, row_group_size=700)
    tool("copy", "parquet", tmp_path, "t", "parquet", tmp_path, "u")
    got = pyarrow.parquet.read_table(tmp_path / "u")
    assert got.schema.field("features").type.value_type == pyarrow.float32()
    expected = [None if row is None else list(numpy.array(row, "f4")) for row in numbers]
    assert got.to_pydict()["features"] == expected


def test_a_missing_number_is_refused(tmp_path):
    write(tmp_path / "t", {"features": pyarrow.array([[1, None]], pyarrow.list_(pyarrow.float32()))})
    done = tool("copy", "parquet", tmp_path, "t", "csv", tmp_path, "u", check=False)
    assert done.returncode == 4
    assert b"a number is missing in a list of features" in done.stderr
    assert not (tmp_path / "u").exists()


def test_a_type_that_csv_has_not_is_named(tmp_path):
    write(tmp_path / "t", {"day": pyarrow.array([1], pyarrow.date32())})
    done = tool("copy", "parquet", tmp_path, "t", "csv", tmp_path, "u", check=False)
    assert done.returncode == 8
    assert b"CSV has no form for the column day (date32[day])" in done.stderr


def test_row_groups_are_cut_by_size(tmp_path):
    tool("write", "parquet", tmp_path, "t", 10000, DIMS)
    metadata = pyarrow.parquet.ParquetFile(tmp_path / "t").metadata
    assert metadata.num_rows == 10000
    assert metadata.num_row_groups == 2
