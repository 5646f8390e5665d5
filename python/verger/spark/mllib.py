"""The fitted PCA as MLlib's own model. No numpy here, which pyspark.ml would ask for: the job
runs where there is none."""

from __future__ import annotations

import struct

from pyspark.sql import SparkSession

from verger.pca import PCA


def java_doubles(spark: SparkSession, values: list):
    """A double[] in one step: set one by one, 64,000 numbers take seconds."""
    packed = struct.pack(f">{len(values)}d", *values)
    buffer = spark._jvm.java.nio.ByteBuffer.wrap(packed).asDoubleBuffer()
    array = spark.sparkContext._gateway.new_array(spark._jvm.double, len(values))
    buffer.get(array)
    return array


def mllib_model(spark: SparkSession, pca: PCA):
    """An org.apache.spark.ml.feature.PCAModel, made by MLlib itself, so that what it saves is in
    the format of its version."""
    if pca.center:
        raise ValueError("MLlib's PCAModel does not centre rows, and this PCA does: fit one without "
                         "--center")
    ml = spark._jvm.org.apache.spark.ml
    values = [value for row in pca.components for value in row]
    matrix = ml.linalg.DenseMatrix(pca.dims, pca.k, java_doubles(spark, values))
    variance = ml.linalg.DenseVector(java_doubles(spark, pca.explained_variance))
    model = ml.feature.PCAModel(ml.util.Identifiable.randomUID("pca"), matrix, variance)
    model.set(model.k(), pca.k)
    return model.setInputCol("features").setOutputCol("pca_features")
