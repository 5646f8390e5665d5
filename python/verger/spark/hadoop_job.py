"""The job where only Hadoop reaches: it lists and reads, by Spark's binaryFile source.

The images go through the network once, into a staging table below the output. All other
tables are made of that one, so that a worker that dies costs the images of its unfinished
tasks alone; a cache would have cost those of all its tasks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import accumulate
from typing import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from verger import __version__
from verger import pca as principal
from verger._library import FEATURE_COUNT
from verger.pca import PCA
from verger.spark.arrow import map_in_arrow
from verger.spark.bucket_region import check_region
from verger.spark.images import (Images, Partitioning, label_of, listed_paths,
                                 select_images)
from verger.spark.mllib import mllib_model
from verger.spark.moments import moments_of
from verger.spark.network import Network, check_executors, share_network
from verger.spark.options import PART_ROWS, Options
from verger.spark.tables import Output, printable, read_parts
from verger.spark.telling import JobError, Summary, phase, say

EXTRACTED = "path string, label string, features array<float>, error string"
PROJECTED = "path string, label string, pca_features array<double>"

BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
FEATURE_BATCH_ROWS = "1024"  # 5 MB of features


def run(spark: SparkSession, options: Options) -> Summary:
    """As `verger.spark.job.run`; the tables that were begun are without _SUCCESS where it fails, or
    are not there."""
    settings = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes",
                "spark.sql.files.minPartitionNum",
                "spark.sql.sources.parallelPartitionDiscovery.parallelism", BATCH_ROWS)
    before = {name: spark.conf.get(name, None) for name in settings}
    try:
        return HadoopJob(spark, options).run()
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)


class HadoopJob:
    def __init__(self, spark: SparkSession, options: Options) -> None:
        self.spark = spark
        self.options = options
        self.timestamp = options.timestamp or time.strftime("%Y%m%d_%H%M%S", time.gmtime())
        self.output = Output(spark, options.output, self.timestamp)
        self.start = time.monotonic()

    def run(self) -> Summary:
        options, output = self.options, self.output
        if options.require_region:
            for address in (options.input, options.output):
                check_region(self.spark, address, options.require_region)
        output.claim(options.overwrite)
        network = share_network(self.spark, options.model, max_pixels=options.max_pixels,
                                exif_orient=options.exif_orient)
        with phase(self.spark, "check the executors"):
            kernels = check_executors(self.spark, network)
        with phase(self.spark, "list"):
            images = select_images(self.spark, options.input, options.pattern,
                                   options.image_limit,
                                   Partitioning(options.part_rows or PART_ROWS, options.part_bytes))
        say(f"{images.count:,} images, {images.bytes / 1e6:,.1f} MB, {kernels} kernels")
        self.check_components(images.count)
        with phase(self.spark, "extract") as extract:
            self.extract(images, network)
        rows = self.read_staging(images)
        with phase(self.spark, "write features"):
            self.write_features(rows)
        self.check_components(images.count - rows.failed)
        with phase(self.spark, "fit"):
            pca = principal.fit(moments_of(rows.features, FEATURE_COUNT), options.k)
        with phase(self.spark, "project"):
            self.write_projection(rows.features, pca)
        cores = self.spark.sparkContext.defaultParallelism
        summary = Summary(images.count, rows.failed, time.monotonic() - self.start, extract.seconds,
                          cores, self.timestamp, pca.k, sum(pca.explained_variance))
        with phase(self.spark, "write the model"):
            output.write_model(model_info(pca, summary, network, kernels))
            mllib_model(self.spark, pca).write().save(output.folder("pca_model"))
        output.delete_staging()
        return summary

    # --- Steps ---------------------------------------------------------------

    def extract(self, images: Images, network: Network) -> None:
        self.spark.conf.set(BATCH_ROWS, str(images.batch_rows))
        readable = images.frame.where(F.col("length") <= self.options.max_file_size)
        rows = map_in_arrow(readable.select("path", "label", "content"), network.extract, EXTRACTED)
        rows.write.option("compression", "none").parquet(self.output.staging())
        self.spark.conf.set(BATCH_ROWS, FEATURE_BATCH_ROWS)

    def read_staging(self, images: Images) -> Rows:
        """Every image must be one row, of features or an error."""
        staged = read_parts(self.spark, self.output.staging())
        features = staged.where(F.col("error").isNull()).select("path", "label", "features")
        errors = staged.where(F.col("error").isNotNull()).select("path", "label", "error")
        counts = staged.agg(F.count("*").alias("rows"), F.count("error").alias("failed")).first()
        rows, failed = counts["rows"], counts["failed"]
        if rows < images.count:
            unread = too_large(images, self.options.max_file_size)
            number = unread.count()
            rows, failed, errors = rows + number, failed + number, errors.union(unread)
        if rows < images.count:
            given = staged.select("path")
            lost = not_given(images, given.union(errors.select("path")))
            number = lost.count()
            rows, failed, errors = rows + number, failed + number, errors.union(lost)
        if rows != images.count:
            raise JobError(f"{images.count:,} images were selected and {rows:,} came out: "
                           "something else changes the input; run again when it is still")
        return Rows(features, errors, failed, images.count)

    def write_features(self, rows: Rows) -> None:
        output = self.output
        if rows.failed:
            shown = F.udf(printable)
            output.write_csv(rows.errors.select(shown("path").alias("path"),
                                                shown("label").alias("label"), "error"),
                             output.folder("errors"))
            say(f"warning: {rows.failed:,} images failed: {output.folder('errors')}")
        allowed = self.options.allowed_errors(rows.images)
        if allowed is not None and rows.failed > allowed:
            raise JobError(f"{rows.failed:,} of {rows.images:,} images failed, more than "
                           f"--max-errors {self.options.max_errors}: the reasons are in "
                           f"{output.folder('errors')}")
        output.write_lists(rows.features, "features", "features", self.options.formats)
        every = rows.features.select("path", "label")
        output.write_csv(every.union(rows.errors.select("path", "label")) if rows.failed else every,
                         output.folder("metadata"))

    def write_projection(self, features: DataFrame, pca: PCA) -> None:
        def project(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            yield from pca.project_batches(batches)

        self.output.write_lists(map_in_arrow(features, project, PROJECTED), "pca", "pca_features",
                                self.options.formats)

    def check_components(self, images: int) -> None:
        if images < max(2, self.options.k):
            raise JobError(f"{self.options.k} components need at least as many images, and two, "
                           f"and there are {images:,}: ask for fewer with -k")


@dataclass
class Rows:
    """What the network made of the images."""

    features: DataFrame  # path, label, features
    errors: DataFrame  # path, label, error
    failed: int
    images: int


def too_large(images: Images, limit: int) -> DataFrame:
    """path, label and error of the files that are not read."""
    error = F.concat(F.lit("the file has "), F.col("length").cast("string"),
                     F.lit(f" bytes, more than {limit}: raise --max-file-size"))
    return (images.frame.where(F.col("length") > limit)
            .select("path", "label", error.alias("error")))


def not_given(images: Images, given: DataFrame) -> DataFrame:
    """path, label and error of what was listed and never came: Spark gives no partition to an empty
    file, and passes over one that has gone."""
    spark = given.sparkSession
    listed = spark.createDataFrame([(path,) for path in listed_paths(images.frame)], "path string")
    error = F.lit("Hadoop gave nothing: the file is empty, or has gone since it was listed")
    return (listed.join(given, "path", "left_anti").orderBy("path")
            .select("path", label_of(F.col("path")).alias("label"), error.alias("error")))


def model_info(pca: PCA, summary: Summary, network: Network, kernels: str) -> dict:
    """The keys of the command's model_info."""
    variance = pca.explained_variance
    info = {"timestamp": summary.timestamp, "pca_components": pca.k,
            "original_dimensions": pca.dims, "reduced_dimensions": pca.k,
            "total_variance_explained": sum(variance), "variance_by_component": variance,
            "cumulative_variance": list(accumulate(variance)),
            "num_images_processed": summary.images - summary.failed, "model": network.model}
    if network.sha256:
        info["model_sha256"] = network.sha256
    return {**info, "kernels": kernels, "verger_version": __version__,
            "threads": summary.cores, "seconds": summary.seconds,
            "images_per_second": summary.images / summary.extract_seconds}
