"""Reads the tables of a job or of the command."""

import csv
import json
import pathlib

import pyarrow
import pyarrow.dataset

TS = "20250131_235959"


def csv_rows(part):
    with open(part, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def table(output, name, kind=""):
    """The rows, in order of their paths; an assertion fails where it is not complete."""
    above = "model_info" if name == "variance" else name
    folder = pathlib.Path(output) / above / kind / f"{name}_{TS}"
    assert (folder / "_SUCCESS").exists(), folder
    parts = sorted(folder.glob("part-*"))
    if kind == "parquet":
        rows = pyarrow.dataset.dataset([str(p) for p in parts]).to_table()
    else:
        rows = pyarrow.Table.from_pylist([row for part in parts for row in csv_rows(part)])
    return rows.sort_by("path") if "path" in rows.column_names else rows


def info(output):
    (part,) = pathlib.Path(output).glob(f"model_info/model_info_{TS}/part-*")
    return json.loads(part.read_text())


def below_training(rows):
    """The paths of a table, without what lies above them in a folder or a bucket."""
    return [path.split("/Training/")[1] for path in rows["path"].to_pylist()]
