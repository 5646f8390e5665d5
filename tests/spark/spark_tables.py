"""Reads the tables of a job or of the command."""

import csv
import json
import pathlib
import re

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


UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of model_info: how long it took, and on what.
TIMES = ("seconds", "images_per_second", "threads")


def content(path):
    """The bytes; of a file that says how long something took, all but that."""
    if path.suffix == ".txt":
        return {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}
    if path.suffix == ".json" and path.name.startswith("part-"):
        record = json.loads(path.read_text())
        return record["images"], record["failed"], [file["sha256"] for file in record["files"]]
    if path.name == "run.json":
        return {key: value for key, value in json.loads(path.read_text()).items() if key != "uuid"}
    return path.read_bytes()


def contents(output):
    """Every file of an output and what is in it, but for MLlib's own model, which the command does not
    write."""
    files = (path for path in pathlib.Path(output).rglob("*") if path.is_file())
    return {UUID.sub("UUID", str(path.relative_to(output))): content(path) for path in files
            if not any(part.startswith("pca_model_") for part in path.parts)}


def assert_same(output, expected):
    ours, theirs = contents(output), contents(expected)
    assert ours.keys() == theirs.keys()
    assert not [name for name in ours if ours[name] != theirs[name]]
