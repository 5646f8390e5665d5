"""VergerClassifier beside the command and MLlib."""

import subprocess

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from conftest import BUILD
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import StringIndexer
from pyspark.ml.functions import array_to_vector
from pyspark.sql import functions as F

import verger
from verger.spark import VergerClassifier, VergerClassifierModel

DIMS, CLASSES, OF_EACH, TS = 21, 4, 700, "20250101_000000"


def classify(*arguments):
    done = subprocess.run([BUILD / "verger", "classify", *map(str, arguments), "--progress", "none"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """A table as a run writes it, of more rows than the command has moments of at a time."""
    random = numpy.random.default_rng(3)
    labels = numpy.repeat(numpy.arange(CLASSES), OF_EACH)
    rows = random.normal(size=(CLASSES, DIMS))[labels] + 1.6 * random.normal(size=(len(labels), DIMS))
    names = [f"früit {label}" for label in labels]
    table = pyarrow.table({"path": [f"{name}/{i:04}.png" for i, name in enumerate(names)],
                           "label": names, "features": pyarrow.array(
                               (rows + 3).astype(numpy.float32).tolist(),
                               pyarrow.list_(pyarrow.float32()))})
    folder = tmp_path_factory.mktemp("tables") / "features" / "parquet" / f"features_{TS}"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(table, folder / "part-00000.parquet")
    (folder / "_SUCCESS").touch()
    return folder.parents[2]


@pytest.fixture(scope="module")
def frame(spark, output):
    read = spark.read.parquet(f"{output}/features/parquet/features_{TS}")
    return read.coalesce(1).cache()


def assert_the_same(mine, theirs):
    assert mine.labels == theirs.labels
    assert (mine.weights == theirs.weights).all() and (mine.bias == theirs.bias).all()
    assert (mine.mean == theirs.mean).all()


@pytest.mark.parametrize("shrinkage", [0.2, -1.0])
def test_discriminants_are_the_commands_to_the_bit(frame, output, tmp_path, shrinkage):
    words = [] if shrinkage < 0 else ["--shrinkage", shrinkage]
    classify("train", output, tmp_path / "theirs", "--method", "lda", "--folds", 0, *words)
    fitted = VergerClassifier(shrinkage=shrinkage).fit(frame)
    fitted.classifier.save(tmp_path / "mine")
    theirs = verger.Classifier.load(tmp_path / "theirs")
    assert_the_same(verger.Classifier.load(tmp_path / "mine"), theirs)
    given = VergerClassifier(shrinkage=shrinkage, labels=theirs.labels).fit(frame)
    assert_the_same(given.classifier, theirs)
    classify("predict", output, tmp_path / "mine", "--timestamp", TS, "--overwrite")
    rows = {row.path: row for row in fitted.transform(frame).collect()}
    for row in verger.open(output).predictions.to_pylist():
        assert rows[row["path"]].predicted == row["predicted"]
        assert rows[row["path"]].probability == pytest.approx(row["probability"], abs=1e-5)
        assert rows[row["path"]].unknown is row["unknown"] is None


def test_any_number_of_partitions(frame):
    labels = [f"früit {label}" for label in range(CLASSES)]
    stage = VergerClassifier(shrinkage=0.2, labels=labels)
    one, parts = stage.fit(frame).classifier, frame.repartition(20, "path")
    many = [stage.fit(parts).classifier for _ in range(2)]
    assert (many[0].weights == many[1].weights).all()  # partitions are merged in their order
    numpy.testing.assert_allclose(many[0].weights, one.weights, atol=1e-9)
    numpy.testing.assert_allclose(many[0].bias, one.bias, atol=1e-8)


def test_logistic_is_the_commands_and_mllibs(frame, output, tmp_path):
    fitted = VergerClassifier(method="logistic", c=0.1, tol=1e-9).fit(frame).classifier
    classify("train", output, tmp_path / "m", "--c", "0.1", "--folds", 0)
    theirs = verger.Classifier.load(tmp_path / "m")
    rows = numpy.array([row.features for row in frame.collect()])
    numpy.testing.assert_allclose(fitted.weights, theirs.weights, atol=1e-3)
    numpy.testing.assert_allclose(fitted.predict_proba(rows), theirs.predict_proba(rows), atol=1e-3)
    fitted.save(tmp_path / "mine")
    classify("predict", output, tmp_path / "mine", "--timestamp", TS, "--overwrite")

    vectors = StringIndexer(inputCol="label", outputCol="number", stringOrderType="alphabetAsc").fit(
        frame).transform(frame.withColumn("vector", array_to_vector("features")))
    mllib = LogisticRegression(featuresCol="vector", labelCol="number", family="multinomial",
                               standardization=False, regParam=1 / (0.1 * len(rows)), tol=1e-9,
                               maxIter=1000).fit(vectors)
    shares = numpy.array([row.probability.toArray() for row in mllib.transform(vectors).collect()])
    numpy.testing.assert_allclose(fitted.predict_proba(rows), shares, atol=1e-9)


@pytest.mark.parametrize("method", ["lda", "logistic"])
def test_what_the_command_trained_predicts_on_spark(frame, output, tmp_path, method, spark):
    classify("train", output, tmp_path / "m", "--method", method)
    classify("predict", output, tmp_path / "m", "--timestamp", TS, "--overwrite")
    model = VergerClassifierModel.fromFile(tmp_path / "m")
    rows = {row.path: row for row in model.transform(frame.repartition(3)).collect()}
    theirs = verger.open(output).predictions.to_pylist()
    assert len(rows) == len(theirs) == CLASSES * OF_EACH
    for row in theirs:
        mine = rows[row["path"]]
        assert (mine.predicted, mine.unknown) == (row["predicted"], row["unknown"])
        assert mine.probability == pytest.approx(row["probability"], abs=1e-5)
    assert {row["unknown"] for row in theirs} == {True, False}
    vectors = model.transform(frame.withColumn("features", array_to_vector("features")))
    assert [row.predicted for row in vectors.select("predicted").collect()] == \
        [row.predicted for row in model.transform(frame).select("predicted").collect()]


def test_rows_without_features_have_no_label(frame, tmp_path):
    lost = F.when(~F.col("path").endswith("7.png"), F.col("features"))
    holes = frame.withColumn("features", lost)
    assert_the_same(VergerClassifier(shrinkage=0.1).fit(holes).classifier,
                    VergerClassifier(shrinkage=0.1).fit(holes.where("features is not null")).classifier)
    for row in VergerClassifier().fit(holes).transform(holes).collect():
        assert (row.predicted is None) == (row.probability is None) == row.path.endswith("7.png")


def test_rows_without_a_label_teach_nothing(frame):
    without = F.when(F.col("path").endswith("7.png"), F.lit(""))
    without = without.when(F.col("path").endswith("8.png"), F.lit(None)).otherwise(F.col("label"))
    labelled = frame.where(~F.col("path").endswith("7.png") & ~F.col("path").endswith("8.png"))
    assert_the_same(
        VergerClassifier(shrinkage=0.1).fit(frame.withColumn("label", without)).classifier,
        VergerClassifier(shrinkage=0.1).fit(labelled).classifier)


def test_pipelines_are_saved_and_loaded(frame, tmp_path):
    pipeline = Pipeline(stages=[VergerClassifier(outputCol="fruit", unknownCol="strange")])
    pipeline.save(str(tmp_path / "pipeline"))
    fitted = Pipeline.load(str(tmp_path / "pipeline")).fit(frame)
    fitted.save(str(tmp_path / "model"))
    loaded = PipelineModel.load(str(tmp_path / "model"))
    assert isinstance(loaded.stages[0], VergerClassifierModel)
    assert_the_same(loaded.stages[0].classifier, fitted.stages[0].classifier)
    assert loaded.transform(frame).columns == [*frame.columns, "fruit", "probability", "strange"]
    assert loaded.transform(frame).collect() == fitted.transform(frame).collect()


def test_wrong_use(frame):
    with pytest.raises(ValueError, match="method is 'knn'"):
        VergerClassifier(method="knn").fit(frame)
    for method in ("lda", "logistic"):
        with pytest.raises(ValueError, match="nothing to fit"):
            VergerClassifier(method=method).fit(frame.where("path is null"))
        with pytest.raises((ValueError, verger.VergerError), match="one class alone"):
            VergerClassifier(method=method).fit(frame.where("label = 'früit 1'"))
    with pytest.raises(ValueError, match=r"^the label 'früit 3' is none of the 2 labels$"):
        VergerClassifier(labels=["früit 1", "früit 2"], shrinkage=0.1).fit(
            frame.where("label > 'früit 0'"))
    with pytest.raises(ValueError, match="column predicted already"):
        model = VergerClassifier(shrinkage=0.1).fit(frame)
        model.transform(frame.withColumn("predicted", F.lit(1)))


@pytest.mark.parametrize("method", ["lda", "logistic"])
@pytest.mark.parametrize("wrong, said", [("cast('nan' as float)", "not .*finite"), (None, "of several lengths")])
def test_rows_that_cannot_be_learnt_from(frame, method, wrong, said):
    """One sentence, not what Spark makes of it."""
    first = F.expr(f"transform(features, x -> {wrong})") if wrong else F.slice("features", 1, 3)
    last = frame.where("path like '%0699.png'").withColumn("features", first)
    with pytest.raises(ValueError, match=said) as error:
        VergerClassifier(method=method, shrinkage=0.1).fit(frame.union(last))
    assert "\n" not in str(error.value)
