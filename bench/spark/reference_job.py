"""The reference's way, for comparison: TensorFlow in a pandas UDF, MLlib's PCA.

    spark-submit reference_job.py INPUT OUTPUT GLOB K WEIGHTS

Weights are broadcast as arrays, each task builds the network anew, images are decoded by
Pillow and predicted by Keras in batches, features become vectors for MLlib's PCA. What it
writes: features and PCA rows as Parquet and CSV.
"""

import io
import json
import sys
import time
from typing import Iterator

import numpy as np
import pandas as pd
from PIL import Image
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def read_safetensors(path):
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data, "<f4", offset=start + facts["data_offsets"][0],
                                count=int(np.prod(facts["shape"]))).reshape(facts["shape"])
            for name, facts in header.items()}


def build_network():
    import keras

    return keras.applications.MobileNetV2(input_shape=(224, 224, 3), weights=None,
                                          include_top=False, pooling="avg")


def keras_weights(tensors):
    """Those of the layers in Keras's order. Batch norm is folded into the convolutions of the
    file, so here it only adds their bias."""
    network, weights = build_network(), []
    for layer in network.layers:
        kind = type(layer).__name__
        if kind in ("Conv2D", "DepthwiseConv2D"):
            part = "kernel" if kind == "Conv2D" else "depthwise_kernel"
            weights.append(tensors[f"{layer.name}/{part}"])
            bias = tensors[f"{layer.name}/bias"]
        elif kind == "BatchNormalization":
            one = np.ones_like(bias)
            weights += [one, bias, 0 * one, one - np.float32(layer.epsilon)]
    return weights


def preprocess(content):
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224))
    return np.asarray(image, np.float32) / np.float32(127.5) - np.float32(1)


def main(source, output, pattern, k, weights_file):
    spark = SparkSession.builder.appName("reference").getOrCreate()
    broadcast = spark.sparkContext.broadcast(keras_weights(read_safetensors(weights_file)))

    @F.pandas_udf("array<float>")
    def featurize(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        network = build_network()
        network.set_weights(broadcast.value)
        for contents in batches:
            features = network.predict(np.stack([preprocess(c) for c in contents]), verbose=0)
            yield pd.Series(list(features))

    start = time.monotonic()
    folder, _, name = pattern.rpartition("/")
    images = (spark.read.format("binaryFile").option("pathGlobFilter", name)
              .load(f"{source}/{folder}")
              .withColumn("label", F.element_at(F.split("path", "/"), -2)))
    rows = images.repartition(spark.sparkContext.defaultParallelism).select(
        "path", "label", featurize("content").alias("features"))
    rows.write.parquet(f"{output}/features/parquet")
    print(f"features {time.monotonic() - start:.2f} s", flush=True)
    rows = spark.read.parquet(f"{output}/features/parquet")
    text = F.concat_ws(",", F.col("features").cast("array<string>")).alias("features_string")
    rows.select("path", "label", text).write.csv(f"{output}/features/csv", header=True)
    start = time.monotonic()
    vectors = rows.withColumn("vector", array_to_vector("features")).cache()
    model = PCA(k=int(k), inputCol="vector", outputCol="projected").fit(vectors)
    print(f"fit {time.monotonic() - start:.2f} s", flush=True)
    projected = model.transform(vectors).select(
        "path", "label", vector_to_array("projected").alias("pca_features"))
    projected.write.parquet(f"{output}/pca/parquet")
    text = F.concat_ws(",", F.col("pca_features").cast("array<string>"))
    projected.select("path", "label", text.alias("pca_features_string")).write.csv(
        f"{output}/pca/csv", header=True)
    print(f"variance {sum(model.explainedVariance):.9f}", flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
