"""The sum of a range's squares, by Arrow in Python; slow=SECONDS makes each task last."""

import sys
import time

import pyarrow
import pyarrow.compute
from pyspark.sql import SparkSession


def square(seconds):
    def each(batches):
        time.sleep(seconds)
        for batch in batches:
            column = batch.column(0)
            yield pyarrow.RecordBatch.from_arrays([pyarrow.compute.multiply(column, column)], ["n"])
    return each


def main(rows, tasks, seconds):
    with SparkSession.builder.getOrCreate() as spark:
        squares = spark.range(rows, numPartitions=tasks).mapInArrow(square(seconds), "n long")
        print("sum", squares.groupBy().sum("n").first()[0], "by Spark", spark.version)


main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
