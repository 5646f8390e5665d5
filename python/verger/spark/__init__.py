"""Verger on Spark: the job (`run`, `python -m verger.spark`) and stages of pyspark.ml."""

from verger.spark.job import JobError, Summary, run
from verger.spark.ml import VergerFeaturizer, VergerPCA, VergerPCAModel
from verger.spark.options import Options

__all__ = ["JobError", "Options", "Summary", "VergerFeaturizer", "VergerPCA", "VergerPCAModel",
           "run"]
