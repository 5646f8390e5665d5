"""Verger on Spark: the job (`run`, `python -m verger.spark`), `neighbours` of its features, and stages
of pyspark.ml."""

import importlib

_MODULES = {"JobError": "job", "Summary": "job", "run": "job", "Options": "options",
            "NeighboursTable": "neighbour_shares", "neighbours": "neighbour_shares",
            "VergerFeaturizer": "ml", "VergerPCA": "ml", "VergerPCAModel": "ml",
            "VergerClassifier": "classify", "VergerClassifierModel": "classify"}

__all__ = sorted(_MODULES)


def __getattr__(name: str):
    """Imported when asked for: a worker of a job needs none of these, and pyspark.ml needs
    numpy."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
