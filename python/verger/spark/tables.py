"""The tables of a job: the folders of `verger run`, written by Spark's own writers and made
visible by its commit protocol."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from verger.spark.images import escaped

# What a terminal takes for more than a character to show, and a backslash that looks like the
# start of what it becomes (docs/hostile-input.md).
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\\\\(?=x[0-9a-f]{2})")

# RFC 4180: a quote within quotes is doubled. Spark's own default is a backslash.
CSV = {"header": "true", "escape": '"', "lineSep": "\n", "emptyValue": '""',
       "ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false"}


def printable(name: str) -> str:
    """A name as the table of errors has it."""
    return UNPRINTABLE.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()),
                           name)


class Output(NamedTuple):
    """A folder for tables and the timestamp in their names."""

    spark: SparkSession
    root: str
    timestamp: str

    def folder(self, table: str, kind: str = "") -> str:
        """`kind` is parquet or csv for tables that come in both."""
        above = {"variance": "model_info", "pca_model": "model_info"}.get(table, table)
        names = [self.root.rstrip("/"), above, kind, f"{table}_{self.timestamp}"]
        return "/".join(name for name in names if name)

    def staging(self) -> str:
        """Where extracted rows lie until the tables are made of them. Readers of tables skip
        names with an underscore."""
        return f"{self.root.rstrip('/')}/_verger/spark_{self.timestamp}/extracted"

    def tables(self) -> list[str]:
        """All folders that a job may write."""
        both = [self.folder(table, kind) for table in ("features", "pca")
                for kind in ("parquet", "csv")]
        return both + [self.folder(table) for table in ("metadata", "errors", "model_info",
                                                        "variance", "pca_model")]

    def path(self, folder: str):
        """A Hadoop path, and the file system that it belongs to."""
        path = self.spark._jvm.org.apache.hadoop.fs.Path(folder)
        return path, path.getFileSystem(self.spark._jsc.hadoopConfiguration())

    def exists(self, folder: str) -> bool:
        path, system = self.path(folder)
        return system.exists(path)

    def delete(self, folder: str) -> None:
        path, system = self.path(folder)
        system.delete(path, True)

    def delete_staging(self) -> None:
        """And the folder above it, where it was all that lay there."""
        path, system = self.path(self.staging())
        system.delete(path.getParent(), True)
        state = path.getParent().getParent()
        if not system.listStatus(state):
            system.delete(state, False)

    def claim(self, overwrite: bool) -> None:
        """FileExistsError where there are tables of this timestamp; `overwrite` deletes them."""
        for folder in [*self.tables(), self.staging()]:
            if not self.exists(folder):
                continue
            if not overwrite:
                raise FileExistsError(f"{folder} exists already: take another --timestamp, or "
                                      "--overwrite")
            self.delete(folder)

    def write_csv(self, frame: DataFrame, folder: str) -> None:
        frame.write.options(**CSV).csv(folder)

    def write_lists(self, frame: DataFrame, table: str, column: str,
                    formats: Sequence[str]) -> None:
        """path, label and a column of lists, as Parquet and as CSV."""
        if "parquet" in formats:
            frame.write.option("compression", "snappy").parquet(self.folder(table, "parquet"))
        if "csv" in formats:
            joined = F.concat_ws(",", F.col(column).cast("array<string>"))
            self.write_csv(frame.select("path", "label", joined.alias(f"{column}_string")),
                           self.folder(table, "csv"))

    def write_model(self, info: dict) -> None:
        """model_info, and the variances as a table."""
        spark = self.spark
        text = spark.createDataFrame([(json.dumps(info),)], "value string")
        text.coalesce(1).write.text(self.folder("model_info"))
        rows = list(zip(range(1, info["pca_components"] + 1), info["variance_by_component"],
                        info["cumulative_variance"]))
        schema = "component int, variance_explained double, cumulative_variance double"
        self.write_csv(spark.createDataFrame(rows, schema).coalesce(1), self.folder("variance"))


def read_parts(spark: SparkSession, folder: str) -> DataFrame:
    """A Parquet table with one partition for each of its parts, so that the tables made of it
    have the same parts."""
    one_gib = str(1 << 30)
    spark.conf.set("spark.sql.files.maxPartitionBytes", one_gib)
    spark.conf.set("spark.sql.files.openCostInBytes", one_gib)
    return spark.read.parquet(escaped(folder))
