"""The images of a job that Hadoop lists: Spark's binaryFile source, in partitions of a chosen size."""

from __future__ import annotations

import re
import urllib.parse
from typing import NamedTuple, Optional

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

# Tasks of a core, so that one that takes long does not keep all others waiting.
TASKS_PER_CORE = 3

# Images of a task at least: below that its start counts.
LEAST_TASK_ROWS = 64

# As src/selection/image_endings.c has them.
ENDINGS = ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "pnm", "ppm",
           "pgm", "pbm", "heic", "heif", "avif")

# Bytes of image files in one Arrow batch on the way to Python.
BATCH_BYTES = 8 << 20


class Partitioning(NamedTuple):
    """Limits of a part."""

    rows: int
    bytes: int


class Images(NamedTuple):
    """path, label, length and content of the selected images, unread so far."""

    frame: DataFrame
    count: int
    bytes: int

    @property
    def batch_rows(self) -> int:
        """Rows of a batch, for spark.sql.execution.arrow.maxRecordsPerBatch."""
        mean = max(1, self.bytes // max(1, self.count))
        return min(256, max(1, BATCH_BYTES // mean))


def local_path(path: Column) -> Column:
    """A path as the command writes it: without Hadoop's scheme of local files."""
    return F.regexp_replace(path, "^file:(//)?(?=/)", "")


def label_of(path: Column) -> Column:
    """The name of the folder that holds the image."""
    return F.element_at(F.split(path, "/"), -2)


def escaped(path: str) -> str:
    """A path that Hadoop would take for a pattern, as one that stands for itself."""
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", path)


def every_image() -> str:
    """A pattern of the endings that the command takes without one."""
    either = ["".join(f"[{c}{c.upper()}]" for c in ending) for ending in ENDINGS]
    return "**/*.{" + ",".join(either) + "}"


def files_of(spark: SparkSession, root: str, pattern: str) -> DataFrame:
    """The binaryFile source over the files below `root` that match a pattern of paths: * ?
    [] and {} within a name; ** once, for any depth, before the last name.

    Only folders are given to Spark as patterns, and the last name as a filter: it looks at
    every path that a pattern gives one by one.
    """
    folder, _, name = pattern.rpartition("/")
    reader = spark.read.format("binaryFile").option("pathGlobFilter", name)
    reader = reader.option("ignoreMissingFiles", "true")  # they become rows of errors
    if folder == "**" or folder.endswith("/**"):
        folder = folder[:-2]
        reader = reader.option("recursiveFileLookup", "true")
    if "**" in folder or "**" in name:
        raise ValueError(f'"{pattern}": ** stands once, before the last name, as in '
                         "Training/**/*.jpg")
    return reader.load(f"{escaped(root.rstrip('/'))}/{folder}".rstrip("/"))


def first_files(spark: SparkSession, files: DataFrame, limit: int) -> DataFrame:
    """The first files in byte order of their paths. Their paths pass through the driver."""
    rows = files.select("path").orderBy("path").limit(limit).collect()
    # Each is one file: its name is no pattern, and a folder a=1 above it is no partition.
    options = {"__globPaths__": "false", "recursiveFileLookup": "true", "ignoreMissingFiles": "true"}
    return spark.read.format("binaryFile").options(**options).load([row.path for row in rows])


def count_and_bytes(files: DataFrame) -> tuple[int, int]:
    """Of the listing that Spark already holds: nothing is read."""
    plan = files._jdf.queryExecution().analyzed()
    return len(files._jdf.inputFiles()), int(plan.stats().sizeInBytes())


def set_partitioning(spark: SparkSession, count: int, limits: Partitioning) -> None:
    """Makes Spark fill partitions of files by number and by size.

    Spark fills a partition until the sum of its files, each counted as its bytes and
    `openCostInBytes` more, passes `maxPartitionBytes` (FilePartition.scala). With a cost of
    limits.bytes / limits.rows both limits hold. With Spark's own 4 MB and 128 MB, 67,692
    images of 5 KB would become 2,116 parts.
    """
    tasks = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    tasks = max(1, min(tasks, count // LEAST_TASK_ROWS))
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(limits.bytes))
    spark.conf.set("spark.sql.files.openCostInBytes", str(max(1, limits.bytes // limits.rows)))
    spark.conf.set("spark.sql.files.minPartitionNum", str(tasks))


def list_images(spark: SparkSession, root: str, pattern: str, limit: Optional[int],
                limits: Partitioning) -> tuple[DataFrame, int, int]:
    """The files, their number and their bytes."""
    # Folders that one task lists: by default each has a task of its own.
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism",
                   str(spark.sparkContext.defaultParallelism))
    try:
        files = files_of(spark, root, pattern)
        count, size = count_and_bytes(files)
        if limit is not None and limit < count:
            set_partitioning(spark, count, limits)
            files = first_files(spark, files, limit)
            count, size = count_and_bytes(files)
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return spark.createDataFrame([], "path string"), 0, 0
    return files, count, size


def listed_paths(files: DataFrame) -> list[str]:
    """As `path` has them."""
    addresses = (urllib.parse.unquote(address) for address in files._jdf.inputFiles())
    return [re.sub("^file:(//)?(?=/)", "", address) for address in addresses]


def select_images(spark: SparkSession, root: str, pattern: Optional[str], limit: Optional[int],
                  limits: Partitioning) -> Images:
    """Lists them. ValueError where there are none."""
    pattern = pattern or every_image()
    files, count, size = list_images(spark, root, pattern, limit, limits)
    if count == 0:
        raise ValueError(f'no image below {root} matches "{pattern}": name the images with '
                         "--select, such as --select '**/*.jpg'")
    set_partitioning(spark, count, limits)
    path = local_path(F.col("path"))
    return Images(files.select(path.alias("path"), label_of(path).alias("label"), "length",
                               "content"), count, size)
