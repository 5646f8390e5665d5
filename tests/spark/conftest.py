"""Spark in this process, and images for it."""

import os
import pathlib
import sys

import pytest

from pictures import with_a_cut_image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
os.environ["VERGER_LIBRARY"] = str(BUILD / "libverger.so")
os.environ["PYTHONPATH"] = str(ROOT / "python")  # of the workers
os.environ["PYSPARK_PYTHON"] = sys.executable
# The address of this machine's name may not lead back to it.
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
sys.path.insert(0, str(ROOT / "python"))


@pytest.fixture(scope="session")
def spark():
    from pyspark.sql import SparkSession

    session = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
               .config("spark.sql.shuffle.partitions", "4").getOrCreate())
    yield session
    session.stop()


@pytest.fixture(scope="session")
def fruits(tmp_path_factory):
    """90 images of 3 classes, one of which is cut short."""
    return with_a_cut_image(tmp_path_factory.mktemp("fruits"))
