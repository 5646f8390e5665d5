"""The job where Hadoop lists and reads, beside the command on the same images."""

import dataclasses
import hashlib
import pathlib
import shutil

import numpy
import pyarrow
import pytest
from conftest import MODEL, command
from pictures import CUT_IMAGE, encoded, fill, photograph
from spark.spark_tables import TS, info, table
from store import aws_like as aws

from verger.pca import Moments
from verger.spark import JobError, Options, run
from verger.spark.arrow import map_in_arrow
from verger.spark.bucket_region import check_region
from verger.spark.images import Partitioning, select_images
from verger.spark.moments import moments_of
from verger.spark.network import check_executors, share_network


def lists(column):
    return numpy.array(column.to_pylist())


def joined(column):
    return numpy.array([text.split(",") for text in column.to_pylist()]).astype(float)


@pytest.fixture(scope="module")
def options(fruits):
    return Options(str(fruits), "", k=5, model=MODEL, timestamp=TS, hadoop=True)


@pytest.fixture(scope="module")
def output(spark, options, tmp_path_factory):
    output = tmp_path_factory.mktemp("spark") / "out"
    summary = run(spark, dataclasses.replace(options, output=str(output)))
    assert (summary.images, summary.failed) == (90, 1)
    return output


@pytest.fixture(scope="module")
def command_output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("command")
    command(fruits, output, "-k", 5, code=3)
    return output


# Of the command alone (docs/spark.md).
COMMAND_COLUMNS = {"relative_path", "split"}


def test_features_are_the_commands_bit_for_bit(output, command_output):
    ours, theirs = (table(o, "features", "parquet") for o in (output, command_output))
    assert ours.schema.names == [n for n in theirs.schema.names if n not in COMMAND_COLUMNS]
    for name in ours.schema.names:
        assert ours[name].to_pylist() == theirs[name].to_pylist()


def test_components_are_the_commands(output, command_output):
    ours, theirs = (table(o, "pca", "parquet") for o in (output, command_output))
    assert ours["path"].to_pylist() == theirs["path"].to_pylist()
    numpy.testing.assert_allclose(lists(ours["pca_features"]), lists(theirs["pca_features"]),
                                  rtol=1e-9, atol=1e-9)


def test_variance_is_the_commands(output, command_output):
    ours, theirs = info(output), info(command_output)
    for key in ("variance_by_component", "cumulative_variance", "total_variance_explained"):
        numpy.testing.assert_allclose(ours[key], theirs[key], rtol=0, atol=1e-9)
    for key in ("timestamp", "pca_components", "original_dimensions", "reduced_dimensions",
                "num_images_processed", "model", "kernels", "verger_version"):
        assert ours[key] == theirs[key]
    ours, theirs = (table(o, "variance") for o in (output, command_output))
    assert ours.schema.names == theirs.schema.names
    assert ours["component"].to_pylist() == theirs["component"].to_pylist()


def test_csv_holds_the_same_numbers(output):
    for name, column in (("features", "features"), ("pca", "pca_features")):
        rows, text = table(output, name, "parquet"), table(output, name, "csv")
        assert text.column_names == ["path", "label", f"{column}_string"]
        assert text["path"].to_pylist() == rows["path"].to_pylist()
        kind = "float32" if name == "features" else "float64"
        numpy.testing.assert_array_equal(joined(text[f"{column}_string"]).astype(kind),
                                         lists(rows[column]).astype(kind))


def test_nothing_else_is_left(output):
    assert not (output / "_verger").exists()
    kept = {p.parent.name for p in output.rglob("_SUCCESS")}
    assert kept == {*(f"{name}_{TS}" for name in ("features", "pca", "metadata", "errors",
                                                  "model_info", "variance")), "data", "metadata"}


def test_mllib_loads_the_model(output):
    from pyspark.ml.feature import PCAModel

    model = PCAModel.load(str(output / "model_info" / f"pca_model_{TS}"))
    numpy.testing.assert_array_equal(model.explainedVariance, info(output)["variance_by_component"])


def test_a_timestamp_is_taken_once(spark, options, output):
    again = dataclasses.replace(options, output=str(output))
    with pytest.raises(FileExistsError, match="--overwrite"):
        run(spark, again)


def test_overwrite_formats_and_limit(spark, options, tmp_path):
    few = dataclasses.replace(options, output=str(tmp_path), limit=20, k=3, formats=("csv",))
    run(spark, few)
    run(spark, dataclasses.replace(few, overwrite=True))
    assert not (tmp_path / "features" / "parquet").exists()
    paths = table(tmp_path, "metadata")["path"].to_pylist()
    names = sorted(str(p) for p in pathlib.Path(options.input).glob("Training/*/*.jpg"))
    assert paths == names[:20]


def test_names_that_patterns_and_tables_could_trip_over(spark, tmp_path):
    folder = fill(tmp_path / "in", per_class=3)
    odd = ["a b.jpg", "c,\"d\".jpg", "[e].jpg", "f%20g.jpg", "h{i,j}.jpg", "é*.jpg"]
    for seed, name in enumerate(odd):
        path = folder / "Training" / "Größe=1 [x]" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(photograph(100 + seed)))
    (folder / "Training" / "Größe=1 [x]" / "broken, \"so\" \u202e.jpg").write_bytes(b"no image")
    for name, limit in (("all", None), ("limited", 15)):
        output = tmp_path / name
        run(spark, Options(str(folder), str(output), k=2, model=MODEL, timestamp=TS, limit=limit,
                           hadoop=True))
        rows = table(output, "metadata").to_pylist()
        assert len(rows) == (limit or 16)
        expected = sorted(str(p) for p in folder.glob("Training/*/*.jpg"))
        assert [row["path"] for row in rows] == expected[:limit]
        assert {row["label"] for row in rows if "Gr" in row["label"]} == {"Größe=1 [x]"}
        errors = table(output, "errors").to_pylist()
        assert [pathlib.Path(row["path"]).name for row in errors] == \
            [r'broken, "so" \xe2\x80\xae.jpg']


def test_what_hadoop_drops_and_trims(spark, tmp_path):
    """Empty files are rows; blanks stay; a folder that is called as a pattern is no pattern."""
    folder = fill(tmp_path / "photos [2020] *", per_class=3)
    fill(tmp_path / "photos [2020] and others", per_class=1)
    apples = folder / "Training" / "Apple 1 "
    apples.mkdir()
    (apples / "empty.jpg").touch()
    (apples / "one.JPG").write_bytes(encoded(photograph(1)))
    output = tmp_path / "out {x} [1]"
    summary = run(spark, Options(str(folder), str(output), k=2, model=MODEL, timestamp=TS, hadoop=True))
    assert (summary.images, summary.failed) == (11, 1)
    (error,) = table(output, "errors").to_pylist()
    assert error["path"] == str(apples / "empty.jpg") and "empty" in error["error"]
    assert table(output, "metadata")["label"].to_pylist().count("Apple 1 ") == 2
    assert table(output, "features", "csv")["label"].to_pylist().count("Apple 1 ") == 1


def test_options_of_the_command_alone(spark, options, tmp_path):
    for given in ({"resume": True}, {"exclude": ["*"]}, {"files_from": "list"}, {"k": 0}, {"sample": 3},
                  {"max_file_size": 2 << 30}):
        with pytest.raises(ValueError, match="where Hadoop"):
            run(spark, dataclasses.replace(options, output=str(tmp_path), **given))


def test_deep_patterns(spark, options, tmp_path, fruits):
    deep = dataclasses.replace(options, select="**/r_1*_100.jpg", k=2, output=str(tmp_path))
    run(spark, deep)
    paths = table(tmp_path, "metadata")["path"].to_pylist()
    assert paths == sorted(str(p) for p in fruits.rglob("r_1*_100.jpg"))


def test_files_that_are_too_large(spark, tmp_path):
    folder = fill(tmp_path / "in", per_class=3)
    picture = encoded(photograph(1))
    large = folder / "Training" / "Apple 1" / "large.jpg"
    large.write_bytes(picture + bytes(50_001 - len(picture)))
    large.with_name("just so large.jpg").write_bytes(picture + bytes(50_000 - len(picture)))
    run(spark, Options(str(folder), str(tmp_path / "out"), k=2, model=MODEL, timestamp=TS,
                       max_file_size=50_000, hadoop=True))
    (error,) = table(tmp_path / "out", "errors").to_pylist()
    assert error["path"] == str(large) and "--max-file-size" in error["error"]
    assert table(tmp_path / "out", "metadata").num_rows == 11
    assert table(tmp_path / "out", "features", "csv").num_rows == 10


def test_too_many_errors(spark, options, tmp_path):
    strict = dataclasses.replace(options, output=str(tmp_path), max_errors="1%")
    with pytest.raises(JobError, match="1 of 90 images failed, more than --max-errors 1%"):
        run(spark, strict)
    assert table(tmp_path, "errors").num_rows == 1
    assert not (tmp_path / "features").exists()


def test_wrong_input(spark, options, tmp_path):
    (tmp_path / "Training" / "empty").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "absent"):
        wrong = dataclasses.replace(options, input=str(folder), output=str(tmp_path / "out"))
        with pytest.raises(ValueError, match="no image below .* --select"):
            run(spark, wrong)
    with pytest.raises(ValueError, match="stands once"):
        run(spark, dataclasses.replace(options, select="**/a/*.jpg", output=str(tmp_path / "out")))
    with pytest.raises(JobError, match="91 components"):
        run(spark, dataclasses.replace(options, k=91, output=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_bucket_elsewhere_is_refused(spark, options, aws_like, tmp_path):
    conf = spark._jsc.hadoopConfiguration()
    conf.set("fs.s3a.endpoint", aws_like.endpoint)
    try:
        check_region(spark, f"s3://{aws.ABROAD}/out", "eu")
        check_region(spark, str(tmp_path), "eu")
        for address, message in ((f"s3://{aws.LONDON}/out", "is in eu-west-2.*required to be eu"),
                                 ("s3://no-such-bucket/out", "nobody tells"),
                                 ("hdfs://host/out", "cannot be told")):
            with pytest.raises(ValueError, match=message):
                run(spark, dataclasses.replace(options, output=address, require_region="eu"))
    finally:
        conf.unset("fs.s3a.endpoint")


def test_settings_of_the_session_come_back(spark, options, output):
    fresh = spark.newSession().conf
    for name in ("spark.sql.files.openCostInBytes", "spark.sql.files.maxPartitionBytes",
                 "spark.sql.execution.arrow.maxRecordsPerBatch"):
        assert spark.conf.get(name) == fresh.get(name)


def test_small_files_fill_parts(spark, tmp_path):
    """Parts by number and by bytes: 1,000 files of 5 kB were 32 of Spark's own partitions of
    4 MB a file; here as many as limits and cores ask for."""
    folder = tmp_path / "Training" / "Apple 1"
    folder.mkdir(parents=True)
    for i in range(1000):
        (folder / f"{i}.jpg").write_bytes(bytes(5000))

    def partitions(rows, size):
        images = select_images(spark, str(tmp_path), "Training/*/*.jpg", None,
                               Partitioning(rows, size))
        assert (images.count, images.bytes) == (1000, 5_000_000)
        return images.frame.rdd.getNumPartitions()

    try:
        assert partitions(4096, 1 << 29) == 6  # three a core
        assert partitions(100, 1 << 29) in (10, 11)
        assert partitions(4096, 500_000) in (10, 11, 12)
        shutil.rmtree(folder)
        fill(tmp_path, per_class=10, classes=["Pear 1"])
        few = select_images(spark, str(tmp_path), "Training/*/*.jpg", None, Partitioning(10, 1000))
        assert few.frame.rdd.getNumPartitions() == 10
    finally:
        for name in ("maxPartitionBytes", "openCostInBytes", "minPartitionNum"):
            spark.conf.unset(f"spark.sql.files.{name}")


def test_executors_compare_the_weights(spark, tmp_path):
    """What came to them must be what the driver names."""
    weights = tmp_path / "compared.safetensors"
    weights.write_bytes(b"other weights")
    network = share_network(spark, str(weights))
    assert network.sha256 == hashlib.sha256(b"other weights").hexdigest()
    with pytest.raises(Exception, match="have the SHA-256 .*, those of the driver 0000"):
        check_executors(spark, network._replace(sha256="0" * 64))


def test_moments_are_merged_in_order(spark):
    """Thirty partitions, so two tasks and then one more: bit for bit the sums in the order of the
    parts, sixteen at a time, which another order would not give."""
    dims, parts = 8, 30
    rows = numpy.random.default_rng(5).normal(size=(parts * 3, dims)).astype("float32") * 1e3
    frame = spark.range(0, len(rows), 1, parts)
    values = rows.tolist()

    def features(batches):
        for batch in batches:
            column = pyarrow.array([values[i] for i in batch["id"].to_pylist()],
                                   pyarrow.list_(pyarrow.float32()))
            yield pyarrow.RecordBatch.from_arrays([column], ["features"])

    def merged(group):
        first = Moments.from_bytes(bytes(group[0]))
        for other in group[1:]:
            first.merge(other)
        return first

    alone = []
    for part in numpy.split(rows, parts):
        moments = Moments(dims)
        moments.add(pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(part.tolist(), pyarrow.list_(pyarrow.float32()))], ["features"]))
        alone.append(moments)
    expected = bytes(merged([merged(alone[i:i + 16]) for i in range(0, parts, 16)]))
    backwards = bytes(merged([merged(alone[i:i + 16]) for i in range(0, parts, 16)][::-1]))
    assert expected != backwards
    frame = map_in_arrow(frame, features, "features array<float>")
    assert bytes(moments_of(frame, dims)) == expected
