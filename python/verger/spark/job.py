"""The job: which way it goes, and what both ways tell.

Parts of the run are extracted by the command `verger`, a process a task, and put together by one
on the driver, which leads (led_job.py). Where only Hadoop reaches, or a machine has no command,
Hadoop lists and reads, and Spark writes the tables (hadoop_job.py).
"""

from __future__ import annotations

from typing import Optional

from pyspark.sql import SparkSession

from verger.spark.addresses import is_for_command
from verger.spark.options import Options
from verger.spark.shares import version_of_command
from verger.spark.telling import JobError, Summary, say

__all__ = ["JobError", "Summary", "run"]


def run(spark: SparkSession, options: Options) -> Summary:
    """Runs the job on a session whose executors have this package. Raises JobError, ValueError or
    OSError with a message for people; no table is then marked as complete, and what is whole stays
    for `resume`."""
    reason = why_hadoop(options)
    if reason is None:
        from verger.spark.led_job import LedJob

        return LedJob(spark, options).run()
    say(f"Hadoop lists and reads: {reason}")
    options.check_for_hadoop()
    from verger.spark.hadoop_job import run as run_with_hadoop

    return run_with_hadoop(spark, options)


def why_hadoop(options: Options) -> Optional[str]:
    """None where the command does it."""
    if options.hadoop:
        return "as --hadoop asks"
    for address in (options.input, options.output):
        if not is_for_command(address):
            return f"{address} is for it alone"
    return None if version_of_command() else "this machine has no command verger"
