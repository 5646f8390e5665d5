"""Hostile names of files and folders: right in every table, harmless on the terminal."""

import csv
import json
import os
import re

import duckdb
import pandas
import pyarrow.csv
import pyarrow.parquet
import pytest
from conftest import TS, encoded, parts, photograph, read_csv, run, table_folder, verger

NAMES = [
    b"escape \x1b[31m\x1b]0;title\x07.jpg", b"c1 \xc2\x9b31m.jpg", b"c1 alone \x9b31m.jpg",
    b"comma, \"quote\"; 'apostrophe'.jpg", b"new\nline.jpg", b"carriage\rreturn\r\n.jpg",
    b"tab\there.jpg", b"\ttab first.jpg", b" space first.jpg", b"space last.jpg ", b"a\\b.jpg",
    b"delete \x7f bell \x07.jpg", b"\x01",
    "bidi \u202egpj.exe".encode(), "isolate \u2066x\u2069.jpg".encode(), "line \u2028.jpg".encode(),
    "pomme \u00e9 \U0001f34e.jpg".encode(), "\ufeffmark.jpg".encode(), b"n" * 255,
    # Not UTF-8, and what looks like that but is: all differ.
    b"\xff\xfe.jpg", b"\\xff\xfe.jpg", b"\xff\\xfe.jpg", b"\\xff\\xfe.jpg", b"\\x5cxff.jpg",
    b"caf\xe9.jpg", b"caf\\xe9.jpg", b"caf\xc3\xa9.jpg", b"\xed\xa0\x80.jpg", b"\xc0\xaf.jpg",
    # What spreadsheets, shells, printf and readers of CSV take for something else.
    b"=1+1.jpg", b"=cmd|' calc'!A0", b"+1.jpg", b"-1.jpg", b"@SUM(A1).jpg", b"-rf", b"--help",
    b"%s%n%x.jpg", b"$(reboot).jpg", b"`reboot`.jpg", b"*.jpg", b"[a-z]?.jpg", b"%2e%2e.jpg",
    b"#comment.jpg", b"NULL", b"NA", b"nan", b"1e5", b"true", b"2021-07-01",
]
FOLDERS = [b"plain", b"=1+1", b"class \xff\n\x1b[2J", b' a, "b" ']

# What a terminal takes for more than a character to show (docs/hostile-input.md).
CONTROLS = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def in_tables(name):
    """docs/hostile-input.md, "Names"."""
    return re.sub(rb"\\(?=x[0-9a-f]{2})", rb"\\x5c", name).decode(errors="backslashreplace")


def in_errors(name):
    """The same in the table that people look at on a terminal."""
    return re.sub(r"\n|" + CONTROLS.pattern,
                  lambda found: "".join(rf"\x{byte:02x}" for byte in found[0].encode()),
                  in_tables(name))


def on_disk(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Path as bytes -> whether the image is whole. Every third is not."""
    folder = os.fsencode(tmp_path_factory.mktemp("names") / "input")
    data = encoded(photograph(1, (16, 16)))
    made = {}
    for i, name in enumerate(NAMES):
        path = b"/".join([folder, FOLDERS[i % len(FOLDERS)], name])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        made[path] = i % 3 > 0
        with open(path, "wb") as file:
            file.write(data if made[path] else b"no image")
    return os.fsdecode(folder), made


@pytest.fixture(scope="module")
def output(images, tmp_path_factory):
    folder, _ = images
    output = tmp_path_factory.mktemp("names") / "out"
    done = run(folder, output, "--select", "**/*", "-k", 2, code=3)
    return output, done


def rows_of(images, whole):
    """Path and label as tables have them, in order."""
    _, made = images
    text = in_errors if whole is False else in_tables
    return [(text(path), text(path.split(b"/")[-2])) for path in sorted(made)
            if whole is None or made[path] == whole]


def by_python(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["path"], row["label"]) for row in csv.DictReader(file)]


def by_pandas(path):
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    return list(zip(frame.path, frame.label))


def by_pyarrow(path):
    table = pyarrow.csv.read_csv(
        path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={"path": "string", "label": "string"}))
    return list(zip(table["path"].to_pylist(), table["label"].to_pylist()))


def by_duckdb(path):
    return duckdb.sql(f"select path, label from read_csv('{path}', all_varchar=true, delim=',', "
                      "quote='\"', escape='\"', new_line='\\n', header=true, nullstr='')").fetchall()


@pytest.mark.parametrize("read", [by_python, by_pandas, by_pyarrow, by_duckdb])
@pytest.mark.parametrize("table,kind,whole", [("metadata", None, None), ("features", "csv", True),
                                              ("pca", "csv", True), ("errors", None, False)])
def test_csv(images, output, read, table, kind, whole):
    (part,) = parts(table_folder(output[0], table, kind))
    assert read(part) == rows_of(images, whole)


@pytest.mark.parametrize("table", ["features", "pca"])
def test_parquet(images, output, table):
    (part,) = parts(table_folder(output[0], table, "parquet"))
    expected = rows_of(images, True)
    for frame in (pyarrow.parquet.read_table(part).to_pandas(), pandas.read_parquet(part)):
        assert list(zip(frame.path, frame.label)) == expected
    assert duckdb.sql(f"select path, label from '{part}'").fetchall() == expected


def test_no_two_names_become_one_and_all_are_found_again(images, output):
    _, made = images
    paths = list(read_csv(output[0], "metadata").path)
    assert len(set(paths)) == len(NAMES)
    assert [on_disk(path) for path in paths] == sorted(made)


def test_the_terminal_gets_no_controls(images, output):
    _, done = output
    assert not CONTROLS.search(done.stdout)
    assert not CONTROLS.search(done.stderr)
    warnings = [line for line in done.stderr.splitlines() if "not an image" in line]
    assert all(line.startswith("verger: warning: ") for line in warnings)
    assert len(warnings) == sum(not whole for whole in images[1].values())
    assert r"escape \x1b[31m\x1b]0;title\x07.jpg" in done.stderr


def test_errors_hold_no_controls_and_name_the_files(images, output):
    (part,) = parts(table_folder(output[0], "errors"))
    assert not CONTROLS.search(part.read_text(encoding="utf-8"))
    _, made = images
    assert [on_disk(path) for path, _ in by_python(part)] == \
        sorted(path for path, whole in made.items() if not whole)


def test_events_are_json_without_controls(images, tmp_path):
    folder, made = images
    done = verger("run", folder, tmp_path / "out", "-k", 2, "--select", "**/*", "--model", "seeded:7",
                  "--progress", "json", "--log-level", "debug")
    assert done.returncode == 3
    assert not CONTROLS.search(done.stderr)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    messages = "".join(event["message"] for event in events if event["event"] == "log")
    for path, whole in made.items():
        name = path.split(b"/")[-1].decode(errors="backslashreplace")
        assert whole or name in messages


def test_metadata(images, tmp_path):
    folder, made = images
    done = verger("metadata", folder, tmp_path, "--select", "**/*", "--timestamp", TS)
    assert done.returncode == 0, done.stderr
    assert not CONTROLS.search(done.stdout + done.stderr)
    table = read_csv(tmp_path, "images")
    assert list(zip(table.path, table.label)) == rows_of(images, None)
    assert list(table.filename) == [in_tables(path.split(b"/")[-1]) for path in sorted(made)]
    counts = read_csv(tmp_path, "counts")
    assert set(counts.label) == {in_tables(folder) for folder in FOLDERS}
    assert counts["count"].sum() == len(NAMES)


def test_tables_are_lists_of_files(images, output, tmp_path):
    """What failed is tried again by giving the table of errors."""
    (errors,) = parts(table_folder(output[0], "errors"))
    run(images[0], tmp_path / "again", "--files-from", errors, "-k", 1, code=1)
    assert by_python(parts(table_folder(tmp_path / "again", "errors"))[0]) == rows_of(images, False)

    (features,) = parts(table_folder(output[0], "features", "csv"))
    run(images[0], tmp_path / "more", "--files-from", features, "-k", 2)
    assert list(read_csv(tmp_path / "more", "metadata").path) == \
        [path for path, _ in rows_of(images, True)]


def test_a_table_goes_through_pca_unchanged(images, output, tmp_path):
    for kind in ("csv", "parquet"):
        done = verger("pca", table_folder(output[0], "features", kind), tmp_path / kind, "-k", 2,
                      "--timestamp", TS)
        assert done.returncode == 0, done.stderr
        (part,) = parts(table_folder(tmp_path / kind, "pca", "csv"))
        assert by_python(part) == rows_of(images, True)


def test_an_update_knows_its_images(images, output, tmp_path):
    folder, made = images
    arguments = ["run", folder, tmp_path, "-k", 2, "--select", "**/*", "--model", "seeded:7"]
    first = verger(*arguments, "--timestamp", TS)
    assert first.returncode == 3
    again = verger(*arguments, "--update", "--timestamp", "20250201_000000", "--progress", "json")
    assert again.returncode == 3, again.stderr
    end = json.loads(again.stderr.splitlines()[-1])
    assert (end["kept"], end["added"], end["vanished"]) == (sum(made.values()), 0, 0)
