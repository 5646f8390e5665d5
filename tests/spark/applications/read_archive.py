"""Reads in every task a file of an archive and a file by itself, as executors see them."""

import pathlib
import sys

import pyarrow
from pyspark import SparkFiles
from pyspark.sql import SparkSession


def content(inside, beside):
    def each(batches):
        for batch in batches:
            text = pathlib.Path(inside).read_text() + pathlib.Path(SparkFiles.get(beside)).read_text()
            column = pyarrow.array([text] * batch.num_rows, pyarrow.string())
            yield pyarrow.RecordBatch.from_arrays([column, pyarrow.array([sys.executable] * batch.num_rows)],
                                                  ["text", "python"])
    return each


def main(inside, beside):
    with SparkSession.builder.getOrCreate() as spark:
        read = spark.range(4, numPartitions=2).mapInArrow(content(inside, beside), "text string, python string")
        rows = read.groupBy("text", "python").count().collect()
        for row in rows:
            print("read", row["text"], row["count"], row["python"])


main(*sys.argv[1:])
