"""Spark in this process, and clusters; a test is skipped where their programs are not
installed."""

import os
import pathlib
import subprocess
import sys

import pytest

from pictures import with_a_cut_image
from spark import clusters, hadoop
from spark.spark_tables import TS
from store import gateway as versitygw
from store.fixtures import aws_like, fault_proxy, gateway  # noqa: F401

ROOT = clusters.ROOT
BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "python"))
os.environ["VERGER_LIBRARY"] = str(BUILD / "libverger.so")
os.environ["VERGER_COMMAND"] = str(BUILD / "verger")
# For the workers of the Spark in this process. The address of the machine's name may not
# lead back to it.
os.environ |= {"PYTHONPATH": str(ROOT / "python"), "PYSPARK_PYTHON": sys.executable,
               "SPARK_LOCAL_IP": clusters.LOCAL}


@pytest.fixture(scope="session")
def fruits(tmp_path_factory):
    """90 images of 3 classes, one of which is cut short."""
    return with_a_cut_image(tmp_path_factory.mktemp("fruits"))


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A session with two cores, of the Spark that belongs to this Python."""
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("session")
    session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
               .config("spark.sql.shuffle.partitions", "4")
               .config("spark.sql.warehouse.dir", str(folder))
               .config("spark.driver.extraJavaOptions", clusters.SHORT_LIVED).getOrCreate())
    yield session
    session.stop()


def needs(reason):
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def spark3():
    needs(clusters.SPARK3.missing())
    return clusters.SPARK3


@pytest.fixture(scope="session")
def spark4():
    needs(clusters.SPARK4.missing())
    return clusters.SPARK4


@pytest.fixture(scope="session")
def local3(spark3, tmp_path_factory):
    with clusters.local_cluster(tmp_path_factory.mktemp("local3"), spark3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def local4(spark4, tmp_path_factory):
    with clusters.local_cluster(tmp_path_factory.mktemp("local4"), spark4) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def standalone(spark3, tmp_path_factory):
    """Two workers of one core each. Tests that kill one make a cluster of their own."""
    with clusters.standalone_cluster(tmp_path_factory.mktemp("standalone"), spark3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def yarn(spark3, tmp_path_factory):
    """One node, and HDFS."""
    needs(hadoop.missing())
    with hadoop.yarn_cluster(tmp_path_factory.mktemp("yarn"), with_hdfs=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3a(gateway):  # noqa: F811
    """Settings of an application of Spark 3 that reads and writes the gateway's buckets."""
    needs(clusters.missing_s3a())
    return clusters.s3a_conf(gateway.endpoint, versitygw.KEY, versitygw.SECRET, versitygw.REGION)


MODEL = "seeded:7"


def command(source, output, *words, code=0, **options):
    """verger run alone, whose tables the job's have to be."""
    done = subprocess.run([BUILD / "verger", "run", source, output, "--model", MODEL, "--timestamp", TS,
                           *map(str, words)], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == code, done.stderr
    return done


def settings(conf=None, **more):
    """Of an application: the package of the source tree for driver and executors, and more."""
    ours = {"PYTHONPATH": str(ROOT / "python"), "VERGER_LIBRARY": str(BUILD / "libverger.so"),
            "VERGER_COMMAND": str(BUILD / "verger")}
    shared = {f"spark.{place}.{name}": value for name, value in ours.items()
              for place in ("executorEnv", "yarn.appMasterEnv")}
    return {"environment": ours, "conf": shared | (conf or {}), **more}
