"""The stages of pyspark.ml, and Verger's components beside MLlib's."""

import numpy
import pytest
from pictures import CUT_IMAGE
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import PCA, PCAModel
from pyspark.ml.functions import array_to_vector
from pyspark.sql import functions as F

from verger.spark import VergerFeaturizer, VergerPCA, VergerPCAModel

MODEL = "seeded:7"


@pytest.fixture(scope="module")
def images(spark, fruits):
    frame = spark.read.format("binaryFile").load(f"{fruits}/Training/*")
    return frame.withColumn("label", F.element_at(F.split("path", "/"), -2))


@pytest.fixture(scope="module")
def featurized(images):
    frame = VergerFeaturizer(model=MODEL).transform(images).cache()
    yield frame
    frame.unpersist()


def by_path(frame, column):
    rows = frame.select("path", column).where(F.col(column).isNotNull()).collect()
    return {row.path.split("/Training/")[1]: list(row[1]) for row in rows}


def test_features_are_the_packages(featurized, fruits):
    import verger

    ours = by_path(featurized, "features")
    with verger.Extractor(MODEL, threads=1) as extractor:
        alone = extractor.extract(sorted(fruits.glob("Training/*/*.jpg")))
    expected = {row["path"].split("/Training/")[1]: row["features"] for row in alone.to_pylist()
                if row["error"] is None}
    assert ours == expected


def test_other_columns_stay(featurized, images):
    assert featurized.columns == [*images.columns, "features", "error"]
    (bad,) = featurized.where("error is not null").collect()
    assert bad.features is None and bad.path.endswith(CUT_IMAGE)
    assert featurized.where("features is null").count() == 1
    assert bad.length == len(bad.content) == 300


def test_vectors_for_mllib(images):
    frame = VergerFeaturizer(model=MODEL, vectors=True).transform(images.limit(3))
    assert all(row.features.size == 1280 for row in frame.select("features").collect())


def test_components_are_mllibs(featurized):
    """Features as they are, to 1e-8: MLlib's PCA of Breeze, ours of moments and LAPACK."""
    k = 10
    good = featurized.where("error is null")
    ours = VergerPCA(k=k).fit(good)
    vectors = good.withColumn("vector", array_to_vector("features"))
    theirs = PCA(k=k, inputCol="vector", outputCol="mllib").fit(vectors)
    numpy.testing.assert_allclose(ours.explainedVariance.toArray(),
                                  theirs.explainedVariance.toArray(), atol=1e-8)
    signs = numpy.sign((ours.pc.toArray() * theirs.pc.toArray()).sum(axis=0))
    numpy.testing.assert_allclose(ours.pc.toArray() * signs, theirs.pc.toArray(), atol=1e-8)

    rows = theirs.transform(ours.transform(vectors)).select("pca_features", "mllib").collect()
    for row in rows:
        numpy.testing.assert_allclose(row.pca_features * signs, row.mllib.toArray(), atol=1e-8)


def test_null_rows_are_left_out(featurized):
    assert VergerPCA(k=2).fit(featurized).transform(featurized).where(
        "pca_features is null").count() == 1


def test_vectors_and_doubles_are_taken(featurized):
    good = featurized.where("error is null").select("features")
    expected = VergerPCA(k=3).fit(good).explainedVariance
    for column in (array_to_vector("features"), F.col("features").cast("array<double>")):
        frame = good.withColumn("x", column)
        model = VergerPCA(k=3, inputCol="x", outputCol="y", vectors=True).fit(frame)
        numpy.testing.assert_allclose(model.explainedVariance, expected, atol=1e-12)
        assert model.transform(frame).first().y.size == 3


def test_any_number_of_partitions_gives_the_same(featurized):
    good = featurized.where("error is null")
    one = VergerPCA(k=3).fit(good.coalesce(1)).explainedVariance.toArray()
    for parts in (2, 40):
        many = VergerPCA(k=3).fit(good.repartition(parts)).explainedVariance.toArray()
        numpy.testing.assert_allclose(many, one, rtol=1e-9)


def test_pipelines_are_saved_and_loaded(images, tmp_path):
    pipeline = Pipeline(stages=[VergerFeaturizer(model=MODEL),
                                VergerPCA(k=4, outputCol="components", vectors=True)])
    pipeline.save(str(tmp_path / "pipeline"))
    again = Pipeline.load(str(tmp_path / "pipeline"))
    assert again.getStages()[1].getK() == 4
    fitted = again.fit(images)
    fitted.save(str(tmp_path / "model"))
    loaded = PipelineModel.load(str(tmp_path / "model"))
    assert isinstance(loaded.stages[1], VergerPCAModel)
    expected = by_path(fitted.transform(images), "components")
    assert by_path(loaded.transform(images), "components") == expected
    assert len(expected) == 89


def test_mllib_loads_what_was_fitted(featurized, tmp_path):
    good = featurized.where("error is null")
    ours = VergerPCA(k=4).fit(good)
    ours.toMLlib().save(str(tmp_path / "mllib"))
    theirs = PCAModel.load(str(tmp_path / "mllib"))
    assert theirs.getInputCol() == "features" and theirs.getK() == 4
    numpy.testing.assert_array_equal(theirs.pc.toArray(), ours.pc.toArray())
    numpy.testing.assert_array_equal(theirs.explainedVariance, ours.explainedVariance)
    vectors = good.select("path", array_to_vector("features").alias("features"))
    expected = by_path(ours.transform(good), "pca_features")
    for path, row in by_path(theirs.transform(vectors), "pca_features").items():
        numpy.testing.assert_allclose(row, expected[path], atol=1e-10)


def test_the_pca_of_a_file_becomes_mllibs(featurized, tmp_path):
    good = featurized.where("error is null")
    fitted = VergerPCA(k=3).fit(good)
    fitted.pca.save(tmp_path / "pca.safetensors")
    kept = VergerPCAModel.fromFile(tmp_path / "pca.safetensors")
    assert kept.getK() == 3 and kept.toMLlib().getK() == 3
    numpy.testing.assert_array_equal(kept.toMLlib().pc.toArray(), fitted.pc.toArray())
    import verger

    centred = verger.PCA(fitted.pca.components, fitted.pca.explained_variance, fitted.pca.mean,
                         center=True)
    with pytest.raises(ValueError, match="does not centre"):
        VergerPCAModel(centred).toMLlib()


def test_wrong_use(featurized, images):
    with pytest.raises(ValueError, match="column features already"):
        VergerFeaturizer(model=MODEL).transform(featurized)
    with pytest.raises(ValueError, match="nothing to fit"):
        VergerPCA(k=2).fit(featurized.where("error is not null"))
    with pytest.raises(ValueError, match="^row 0: value 0 is not a finite number .* leave the row out$"):
        VergerPCA(k=2).fit(featurized.where("error is null").withColumn(
            "features", F.expr("transform(features, x -> cast('nan' as float))")))
    with pytest.raises(FileNotFoundError, match="names absent"):
        VergerFeaturizer(model="absent").transform(images)
