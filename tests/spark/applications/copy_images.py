"""Copies the bytes of files by binaryFile and mapInArrow into a Parquet table."""

import sys

from pyspark.sql import SparkSession


def main(source, output):
    with SparkSession.builder.getOrCreate() as spark:
        images = spark.read.format("binaryFile").load(source).select("path", "content")
        images.mapInArrow(lambda batches: batches, "path string, content binary") \
            .write.parquet(output)
        print("rows", spark.read.parquet(output).count())


main(*sys.argv[1:])
