"""python -m verger.spark, verger-spark and process_fruits_data.py: a run on Spark."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Optional, Sequence

from pyspark.sql import SparkSession

from verger import VergerError, __version__
from verger.spark.job import JobError, Summary, run
from verger.spark.options import Options

DESCRIPTION = """Turn images into features, PCA components and tables on a Spark cluster: the job
of `verger run`, with the same options and the same tables. INPUT and OUTPUT are addresses that
Spark's Hadoop knows: s3://, s3a://, gs://, abfs://, hdfs:// or a folder that every node sees."""

EPILOG = """Exit status: 0 finished, images that failed are rows of the errors table; 1 the job
failed; 2 wrong usage. Master, memory and cores are Spark's to set: spark-submit --help."""

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> int:
    """Bytes; K, M or G may follow."""
    digits, unit = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1)
    if not digits.isdigit():
        raise argparse.ArgumentTypeError(f'"{text}": a number of bytes, K, M or G may follow')
    return int(digits) * unit


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="verger-spark", description=DESCRIPTION, epilog=EPILOG)
    add = made.add_argument
    add("input", metavar="INPUT")
    add("output", metavar="OUTPUT")
    add("mode", metavar="MODE", nargs="?", default="full",
        help="mini is the first 300 of Training/Apple*/*.jpg, apples all of them, full is "
        "Training/*/*.jpg (default: full)")
    add("components", metavar="K", nargs="?", type=int, help="components of the PCA (default: 50)")
    add("-k", "--components", dest="k", metavar="K", type=int, help="the same as an option")
    add("--select", metavar="GLOB", help="images to take, as a pattern of paths below INPUT; ** "
        "may stand once, before the last name")
    add("--limit", metavar="N", type=int, help="take the first N images only, by their paths")
    add("--format", metavar="LIST", default="parquet,csv",
        help="parquet, csv or both, with a comma between (default: parquet,csv)")
    add("--model", metavar="FILE", help="weights: a safetensors file on the machine of the "
        "driver, an address such as s3://, or seeded:N (default: $VERGER_MODEL, the "
        "cache)")
    add("--timestamp", metavar="YYYYMMDD_HHMMSS", help="names the tables (default: now, UTC)")
    add("--overwrite", action="store_true", help="replace tables of the same timestamp")
    add("--max-errors", metavar="N|P%", help="fail when more images than this failed")
    add("--exif-orient", action="store_true", help="turn images as their EXIF data say")
    add("--max-pixels", metavar="N", type=int, help="largest width times height of an image")
    add("--max-file-size", metavar="SIZE", type=size, default=Options.max_file_size,
        help="largest image file (default: 256M)")
    add("--part-rows", metavar="N", type=int, default=Options.part_rows,
        help=f"images of a part at most (default: {Options.part_rows})")
    add("--part-bytes", metavar="SIZE", type=size, default=Options.part_bytes,
        help="bytes of the image files of a part at most (default: 512M)")
    add("--require-region", metavar="PATTERN", help="refuse a bucket whose region does not match, "
        "or cannot be told: eu for the regions in the European Union, or a name with * and ? "
        "(default: $VERGER_REQUIRE_REGION)")
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
    builder = SparkSession.builder.appName("verger")
    if not sys.stderr.isatty():  # a bar redrawn ten times a second makes a log unreadable
        builder = builder.config("spark.ui.showConsoleProgress", "false")
    return builder.getOrCreate()


def report(summary: Summary) -> None:
    failed = f", {summary.failed:,} failed" if summary.failed else ""
    print(f"images    {summary.images:,}{failed}")
    print(f"speed     {summary.images / summary.extract_seconds:.1f} images/s on {summary.cores} "
          f"cores; {summary.seconds:.1f} s in all")
    print(f"variance  {100 * sum(summary.explained_variance):.2f} % explained by "
          f"{len(summary.explained_variance)} components")
    print(f"tables    *_{summary.timestamp}", flush=True)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parsed = parser().parse_args(arguments)
    try:
        options = options_of(parsed)
    except ValueError as error:
        parser().error(str(error))
    spark = open_session()
    try:
        report(run(spark, options))
    except (JobError, ValueError, VergerError, OSError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    finally:
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
