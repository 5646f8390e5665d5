"""python -m verger.spark, verger-spark and process_fruits_data.py: a run on Spark."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import Optional, Sequence

try:
    from pyspark import SparkConf
    from pyspark.sql import SparkSession
except ImportError:
    sys.exit("verger: error: verger-spark needs pyspark: pip install 'verger[spark]'")

from verger import __version__
from verger.spark.job import Summary, run
from verger.spark.options import LOG_LEVELS, Options
from verger.spark.telling import cause_of

DESCRIPTION = """Turn images into features, PCA components and tables on a Spark cluster: the job
of `verger run`, with the same options and the same tables, byte for byte. INPUT and OUTPUT are
folders that every machine sees, or addresses: s3://, s3a://, gs://, abfs://, hdfs://."""

EPILOG = """Exit status: 0 finished, images that failed are rows of the errors table; 1 the job
failed; 2 wrong usage. Master, memory and cores are Spark's to set: spark-submit --help."""

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> int:
    """Bytes; K, M or G may follow."""
    digits, unit = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1)
    if not digits.isdigit():
        raise argparse.ArgumentTypeError(f'"{text}": a number of bytes, K, M or G may follow')
    return int(digits) * unit


def components(text: str) -> float:
    """A whole number, or a share below 1."""
    return float(text) if text.startswith(("0.", ".")) else int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="verger-spark", description=DESCRIPTION, epilog=EPILOG)
    add = made.add_argument
    add("input", metavar="INPUT")
    add("output", metavar="OUTPUT")
    add("mode", metavar="MODE", nargs="?",
        help="mini is the first 300 of Training/Apple*/*.jpg, apples all of them, full is "
        "Training/*/*.jpg (default: every image below INPUT)")
    add("components", metavar="K", nargs="?", type=components, help="components of the PCA (default: 50); 0 "
        "for features alone; 0.95 for as many as explain 95 %% of the variance")
    add("-k", "--components", dest="k", metavar="K", type=components, help="the same as an option")
    add("--fit-on", metavar="SPLIT", help="fit the PCA to the images of that split alone; all are projected")
    add("--center", action="store_true", help="take the mean off before projecting")
    add("--whiten", action="store_true", help="divide components by their standard deviations")
    add("--normalize", action="store_true", help="scale features to length 1")
    add("--dtype", choices=("float32", "float16"), help="type of the features (default: float32)")
    add("--select", metavar="GLOB", action="append", default=[], help="images to take, as a pattern of "
        "paths below INPUT; may be given several times")
    add("--exclude", metavar="GLOB", action="append", default=[], help="images or folders to leave out, "
        "as such a pattern; may be given several times")
    add("--files-from", metavar="LIST", help="images to take, as a file on the machine of the driver: "
        "one path a line, or a table with a column path and, where it has one, label")
    add("--limit", metavar="N", type=int, help="take the first N images only, by their paths")
    add("--sample", metavar="N", type=int, help="take N images drawn from all, the same for a --seed")
    add("--seed", metavar="S", type=int, help="draw another --sample (default: 0)")
    add("--label", metavar="RULE", help="what the label of an image is: parent (default), level:N or "
        "regex:EXPR")
    add("--label-column", metavar="NAME", help="the column of --files-from that is the label")
    add("--keep-columns", metavar="NAME,...", help="columns of --files-from that tables get too")
    add("--format", metavar="LIST", default="parquet,csv",
        help="parquet, csv or both, with a comma between (default: parquet,csv)")
    add("--model", metavar="FILE", help="weights: a safetensors file on the machine of the "
        "driver, an address such as s3://, or seeded:N (default: $VERGER_MODEL, the "
        "cache)")
    add("--timestamp", metavar="YYYYMMDD_HHMMSS", help="names the tables (default: now, UTC)")
    add("--overwrite", action="store_true", help="replace tables of the same timestamp")
    add("--resume", action="store_true", help="go on with the last run of OUTPUT that has not "
        "finished, of a job or of the command; start one where there is none")
    add("--update", action="store_true", help="take the features of images that have not changed from "
        "the last run of OUTPUT")
    add("--checksum", action="store_true", help="with --update, tell changed images by their content")
    add("--max-errors", metavar="N|P%", help="fail when more images than this failed")
    add("--exif-orient", action="store_true", help="turn images as their EXIF data say")
    add("--quality", action="store_true", help="measure each image too, for 'verger inspect'")
    add("--max-pixels", metavar="N", type=int, help="largest width times height of an image")
    add("--max-file-size", metavar="SIZE", type=size, default=Options.max_file_size,
        help="largest image file (default: 256M)")
    add("--part-rows", metavar="N", type=int,
        help="images of a part, which is a task (default: 64 to 4096, three parts a core)")
    add("--part-bytes", metavar="SIZE", type=size, default=Options.part_bytes,
        help="where Hadoop reads, bytes of the image files of a part at most (default: 512M)")
    add("--require-region", metavar="PATTERN", help="refuse a bucket whose region does not match, "
        "or cannot be told: eu for the regions in the European Union, or a name with * and ? "
        "(default: $VERGER_REQUIRE_REGION)")
    add("--follow-links", action="store_true", help="follow symbolic links that leave INPUT or OUTPUT")
    add("--requester-pays", action="store_true", help="pay for what is asked of buckets of S3 whose owners "
        "want that")
    add("--hadoop", action="store_true", help="let Hadoop list and read, and Spark write, as is done "
        "for hdfs:// and where there is no command verger: fewer options, and other rules of selection "
        "(docs/spark.md)")
    add("--log-level", metavar="LEVEL", default=Options.log_level, choices=LOG_LEVELS,
        help="the least important messages to show: error, warning, info or debug, which adds the trace "
        "of a failure (default: info)")
    add("--version", action="version", version=f"verger-spark {__version__}")
    return made


def options_of(arguments: argparse.Namespace) -> Options:
    values = vars(arguments)
    given = [values.pop(name) for name in ("components", "k")]
    if all(k is not None for k in given):
        raise ValueError("the number of components is given twice")
    k = next((k for k in given if k is not None), Options.k)
    values["require_region"] = values["require_region"] or os.environ.get("VERGER_REQUIRE_REGION")
    return Options(k=k, formats=tuple(values.pop("format").split(",")), **values)


def open_session() -> SparkSession:
    if SparkConf().get("spark.master", "local").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # and not whatever python3 is
    builder = SparkSession.builder.appName("verger")
    if not sys.stderr.isatty():  # a bar redrawn ten times a second makes a log unreadable
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    return builder.getOrCreate()


def report(summary: Summary) -> None:
    failed = f", {summary.failed:,} failed" if summary.failed else ""
    print(f"images    {summary.images:,}{failed}")
    if summary.kept:
        print(f"kept      {summary.kept:,} images' features")
    if summary.extract_seconds:
        speed = (summary.images - summary.kept) / summary.extract_seconds
        print(f"speed     {speed:.1f} images/s on {summary.cores} cores; {summary.seconds:.1f} s in all")
    if summary.components:
        print(f"variance  {100 * summary.total_variance:.2f} % explained by {summary.components} "
              f"component{'s' if summary.components > 1 else ''}")
    print(f"tables    *_{summary.timestamp}", flush=True)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parsed = parser().parse_args(arguments)
    try:
        options = options_of(parsed)
    except ValueError as error:
        parser().error(str(error))
    spark = None
    try:
        spark = open_session()
        report(run(spark, options))
    except Exception as error:  # whatever it is, a person reads it
        if options.log_level == "debug":
            traceback.print_exc()
        print(f"verger: error: {cause_of(error)}", file=sys.stderr)
        return 1
    finally:
        if spark is not None:
            spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
