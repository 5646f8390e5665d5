"""The job over the command: Spark gives every part of the run to a task, and nothing else. Which
images there are, how they are read, what tables hold and what a later call goes on with is the
command's alone, so they are the same bytes, and the one goes on where the other broke off."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, Mapping

from pyspark.sql import SparkSession

from verger.pca import PCA
from verger.spark.addresses import S3_SCHEMES, for_hadoop, s3_environment, scheme_of
from verger.spark.arrow import map_in_arrow
from verger.spark.leader import Leader
from verger.spark.mllib import mllib_model
from verger.spark.network import share_weights
from verger.spark.options import Options
from verger.spark.shares import Share, check_commands
from verger.spark.telling import JobError, Summary, cause_of, phase, say


class LedJob:
    def __init__(self, spark: SparkSession, options: Options) -> None:
        self.spark = spark
        self.options = options
        self.start = time.monotonic()
        self.cores = spark.sparkContext.defaultParallelism
        is_s3 = any(scheme_of(address) in S3_SCHEMES for address in (options.input, options.output))
        self.variables: Mapping[str, str] = s3_environment(spark) if is_s3 else {}
        self.extract_seconds = 0.0
        if options.requester_pays:  # also of Hadoop, which writes MLlib's model
            spark._jsc.hadoopConfiguration().set("fs.s3a.requester.pays.enabled", "true")

    def run(self) -> Summary:
        options = self.options
        model, file = share_weights(self.spark, options.model)
        # Tables name weights that were fetched as they are called, not where the copy lies.
        is_copy = "://" in (options.model or "")
        folder = os.path.dirname(file) if is_copy else None
        words = [*options.words(), "--model", model if is_copy else file]
        with phase(self.spark, "check the executors"):
            check_commands(self.spark)
        with Leader(words, self.cores, self.variables, options.log_level, folder) as leader:
            with phase(self.spark, "list"):
                wanted = leader.wanted()
            if wanted is not None:
                with phase(self.spark, "extract") as extract:
                    self.extract(model, wanted)
                self.extract_seconds = extract.seconds
                leader.go_on()
                with phase(self.spark, "fit and project"):
                    end = leader.finish()
            else:
                end = leader.finish()
        if end["components"] and wanted is not None:
            with phase(self.spark, "write MLlib's model"):
                self.write_mllib_model(end["timestamp"])
        return self.summary(end)

    def extract(self, model: str, wanted: Mapping[str, Any]) -> None:
        parts = tuple(wanted["parts"])
        say(f"{len(parts):,} parts on {self.cores} cores")
        words = [*self.options.worker_words(), "--timestamp", wanted["timestamp"], "--threads",
                 self.spark.conf.get("spark.task.cpus", "1")]
        share = Share(tuple(words), model, parts, self.variables)
        rows = map_in_arrow(self.spark.range(0, len(parts), 1, len(parts)), share.extract, "part long")
        rows.collect()

    def write_mllib_model(self, timestamp: str) -> None:
        """Beside the command's tables, in MLlib's own format. They are complete without it."""
        root = for_hadoop(self.options.output).rstrip("/")
        try:
            pca = self.read_pca(f"{root}/model_info/pca_{timestamp}/pca.safetensors")
            folder = f"{root}/model_info/pca_model_{timestamp}"
            mllib_model(self.spark, pca).write().overwrite().save(folder)
        except Exception as error:  # of Hadoop, which may not know the address
            say(f"warning: MLlib's own model is not written: {cause_of(error)}")

    def read_pca(self, address: str) -> PCA:
        """By Hadoop, which has to write beside it."""
        path = self.spark._jvm.org.apache.hadoop.fs.Path(address)
        stream = path.getFileSystem(self.spark._jsc.hadoopConfiguration()).open(path)
        try:
            content = bytes(self.spark._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "pca.safetensors"
            copy.write_bytes(content)
            return PCA.load(copy)

    def summary(self, end: Mapping[str, Any]) -> Summary:
        return Summary(images=end["selected"], failed=end["failed"],
                       seconds=time.monotonic() - self.start, extract_seconds=self.extract_seconds,
                       cores=self.cores, timestamp=end["timestamp"], components=end["components"],
                       total_variance=end["total_variance"], kept=end["kept"])
