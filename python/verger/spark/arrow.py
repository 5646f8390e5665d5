"""DataFrame.mapInArrow, where there is no pandas too."""

from __future__ import annotations

from contextlib import contextmanager

from pyspark.sql import DataFrame
from pyspark.sql.pandas import functions


@contextmanager
def pandas_not_asked_for():
    """PySpark 3.5 asks the driver for pandas before every Arrow function, and uses none for
    those over record batches. A cluster that needs nothing installed has no pandas."""
    asked = functions.require_minimum_pandas_version
    functions.require_minimum_pandas_version = lambda: None
    try:
        yield
    finally:
        functions.require_minimum_pandas_version = asked


def map_in_arrow(frame: DataFrame, function, schema) -> DataFrame:
    """function: an iterator of record batches to an iterator of record batches."""
    with pandas_not_asked_for():
        return frame.mapInArrow(function, schema)
