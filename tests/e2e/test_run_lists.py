"""Modes, globs, limits and lists of files."""

import pandas
import pytest
from conftest import (TS, encoded, features, files_below, fill, photograph, read_csv, read_parquet, run, verger)


def names(output):
    return ["/".join(p.split("/")[-3:]) for p in read_csv(output, "metadata").path]


@pytest.mark.parametrize("arguments,count", [
    ((), 24), (("--mode", "apples"), 16), (("--mode", "mini"), 16), (("--mode", "full"), 24),
    (("--limit", 6), 6), (("--select", "Training/Pear*/*"), 8), (("--select", "**/r_1_*.jpg"), 3),
    (("--select", "**", "--limit", 9), 9)])
def test_selections(fruits, tmp_path, arguments, count):
    arguments = [*arguments, "-k", 2, "--format", "csv"]
    run(fruits, tmp_path, *arguments)
    assert len(names(tmp_path)) == count
    assert names(tmp_path) == sorted(names(tmp_path))


def test_mini_is_the_first_three_hundred(tmp_path):
    data = encoded(photograph(1, (8, 8)))
    for i in range(320):
        path = tmp_path / "in" / "Training" / f"Apple {i % 3}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    run(tmp_path / "in", tmp_path / "out", "--mode", "mini", "--format", "csv")
    everything = sorted(str(p) for p in (tmp_path / "in").rglob("*.jpg"))
    assert list(read_csv(tmp_path / "out", "metadata").path) == everything[:300]


def test_lists_name_images_in_any_order(fruits, tmp_path):
    listed = ["Training/Pear 1/r_3_100.jpg", str(fruits / "Training/Apple 1/r_1_100.jpg"),
              "./Training/Apple 2/r_0_100.jpg", "Training/Pear 1/r_3_100.jpg",
              "s3://elsewhere/raw/Training/Apple 1/r_0_100.jpg", "Training/Apple 1/r_5_100.jpg",
              "Training/Apple 1/r_6_100.jpg"]
    (tmp_path / "list").write_text("\r\n".join(listed) + "\r\n\r\n")
    done = run(fruits, tmp_path / "out", "--files-from", tmp_path / "list")
    assert "repeated paths left out: 1" in done.stderr
    expected = ["Training/Apple 1/r_0_100.jpg", "Training/Apple 1/r_1_100.jpg",
                "Training/Apple 1/r_5_100.jpg", "Training/Apple 1/r_6_100.jpg",
                "Training/Apple 2/r_0_100.jpg", "Training/Pear 1/r_3_100.jpg"]
    assert names(tmp_path / "out") == expected


def test_list_on_standard_input_and_of_a_metadata_table(fruits, tmp_path):
    run(fruits, tmp_path / "one", "--limit", 7)
    (metadata,) = (tmp_path / "one" / "metadata" / f"metadata_{TS}").glob("part-*.csv")
    run(fruits, tmp_path / "two", "--files-from", "-", input=metadata.read_text())
    assert names(tmp_path / "two") == names(tmp_path / "one")
    assert features(tmp_path / "two").tobytes() == features(tmp_path / "one").tobytes()


def test_missing_files_of_a_list_are_errors(fruits, tmp_path):
    listed = [f"Training/Apple 1/r_{i}_100.jpg" for i in range(10)]
    (tmp_path / "list").write_text("\n".join(listed))
    run(fruits, tmp_path / "out", "--files-from", tmp_path / "list", code=3)
    errors = read_csv(tmp_path / "out", "errors")
    assert [p.split("/")[-1] for p in errors.path] == ["r_8_100.jpg", "r_9_100.jpg"]
    assert set(errors.label) == {"Apple 1"}
    assert all("no such file" in e.lower() for e in errors.error)
    assert features(tmp_path / "out").shape == (8, 1280)


@pytest.mark.parametrize("text,says", [
    ("../x.jpg\n", "line 1"), ("\n\n", "names no file"), ('path,label\n"open', "line 2"),
    ("path,class,note\na.jpg,x,\nb.jpg,1,5,y\n", "line 3: 4 values, and the header names 3 columns"),
    ("a\n\0b\n", "line 2: a NUL byte"), ('path\n"a\0b"\n', "line 2: a NUL byte"),
    ("a/" * 5000, "line 1: a path of more than 8192 bytes")])
def test_bad_lists(fruits, tmp_path, text, says):
    (tmp_path / "list").write_text(text)
    done = run(fruits, tmp_path / "out", "--files-from", tmp_path / "list", code=1)
    assert says in done.stderr
    assert not (tmp_path / "out").exists() or files_below(tmp_path / "out") == []


def test_lines_that_are_more_than_paths(fruits, tmp_path):
    lines = [f"{path.relative_to(fruits)}, 0, 0\n" for path in sorted(fruits.rglob("*.jpg"))]
    (tmp_path / "list.txt").write_text("".join(lines))
    done = run(fruits, tmp_path / "out", "--files-from", tmp_path / "list.txt", "--dry-run", code=1)
    assert f"none of the {len(lines)} files that {tmp_path / 'list.txt'} names" in done.stderr
    assert f'"{lines[0].strip()}": give one path a line, or a table' in done.stderr


def test_selecting_in_two_ways_is_refused(fruits, tmp_path):
    done = run(fruits, tmp_path / "out", "--mode", "mini", "--select", "*", code=2)
    assert "mode" in done.stderr


def test_dry_run_checks_and_writes_nothing(fruits, tmp_path):
    done = run(fruits, tmp_path / "out", "--dry-run")
    assert "24" in done.stdout
    assert not (tmp_path / "out").exists()
    assert "25 comp" in run(fruits, tmp_path / "out", "--dry-run", "-k", 25).stderr
    run(fruits, tmp_path / "out")
    before = files_below(tmp_path / "out")
    assert "--overwrite" in run(fruits, tmp_path / "out", "--dry-run", code=1).stderr
    run(fruits, tmp_path / "out", "--dry-run", "--overwrite")
    assert files_below(tmp_path / "out") == before


def test_label_of_images_directly_in_the_input(tmp_path):
    fill(tmp_path / "plums", classes=(".",), split=".", per_class=6)
    run(tmp_path / "plums", tmp_path / "out", "--select", "*.jpg")
    assert set(read_csv(tmp_path / "out", "metadata").label) == {"plums"}


def test_relative_addresses(fruits, tmp_path):
    done = verger("run", fruits.name, tmp_path / "out", "-k", 2, "--model", "seeded:7",
                  "--limit", 3, "--timestamp", TS, cwd=fruits.parent)
    assert done.returncode == 0, done.stderr
    assert read_csv(tmp_path / "out", "metadata").path[0].startswith(str(fruits) + "/")


def test_a_table_of_labels_and_splits(fruits, tmp_path):
    rows = [(f"Training/Apple 1/r_{i}_100.jpg", f"kind {i % 2}", "val" if i == 3 else "train")
            for i in range(8)]
    lines = ["filename\tcategory\tsplit", *("\t".join(row) for row in rows)]
    (tmp_path / "labels.tsv").write_text("\n".join(lines) + "\n")
    run(fruits, tmp_path / "out", "--files-from", tmp_path / "labels.tsv")
    for table in ("features", "pca"):
        found = read_parquet(tmp_path / "out", table).select(["relative_path", "label", "split"])
        assert [tuple(row.values()) for row in found.to_pylist()] == sorted(rows)
    metadata = read_csv(tmp_path / "out", "metadata")
    assert list(metadata.label) == [row[1] for row in sorted(rows)]


def test_splits_come_from_folders(fruits, tmp_path):
    run(fruits, tmp_path, "--sample", 9, "--seed", 4, "--label", "level:1", "-k", 2)
    rows = read_parquet(tmp_path, "pca").select(["label", "split"]).to_pylist()
    assert rows == 9 * [{"label": "Training", "split": "Training"}]


def labelled(fruits, split="train"):
    """Rows of a table of the images, by file_name."""
    return pandas.DataFrame([
        {"file_name": f"Training/{label}/r_{i}_100.jpg", "class": f"kind {i % 2}", "split": split,
         "age": i, "caption": f"{label}, \"{i}\"\n" if i else None}
        for label in ("Apple 1", "Pear 1") for i in range(3)])


def write_table(table, path):
    if path.suffix == ".parquet":
        table.assign(**{"class": table["class"].astype("category"), "box": [[1, 2]] * len(table)}
                     ).to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


KEPT = ["relative_path", "label", "split", "age", "caption"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_tables_of_every_format_keep_columns(fruits, tmp_path, ending):
    table = labelled(fruits)
    name = write_table(table, tmp_path / f"labels.{ending}")
    out = tmp_path / "out"
    run(fruits, out, "--files-from", name, "--keep-columns", "age,caption", "-k", 2)
    expected = [(row["file_name"], row["class"], "train", str(row["age"]),
                 row["caption"] if isinstance(row["caption"], str) else None)
                for row in table.to_dict("records")]
    for kind in ("features", "pca"):
        rows = read_parquet(out, kind).select(KEPT).to_pylist()
        assert [tuple(row.values()) for row in rows] == expected
        rows = read_csv(out, kind, "csv")[KEPT].astype(str)
        assert [tuple(row) for row in rows.values] == [(*row[:4], row[4] or "") for row in expected]
    metadata = read_csv(out, "metadata")
    assert list(metadata.age) == list(table.age)
    done = verger("metadata", fruits, out, "--files-from", name, "--keep-columns", "caption",
                  "--timestamp", TS)
    assert done.returncode == 0, done.stderr
    assert list(read_csv(out, "images").caption) == [row[4] or "" for row in expected]
    # The PCA again takes them from the features.
    assert verger("pca", out, tmp_path / "again", "-k", 2, "--timestamp", TS).returncode == 0
    again, first = (read_parquet(o, "pca") for o in (tmp_path / "again", out))
    assert again.equals(first)


def test_kept_columns_are_of_the_plan(fruits, tmp_path):
    table = labelled(fruits)
    name, out = write_table(table, tmp_path / "labels.csv"), tmp_path / "out"
    run(fruits, out, "--files-from", name, "--keep-columns", "age", "-k", 2)
    done = run(fruits, out, "--files-from", name, "--keep-columns", "caption", "-k", 2, "--resume",
               code=1)
    assert "--keep-columns was age and is caption now" in done.stderr
    write_table(table.assign(age=7), name)
    done = run(fruits, out, "--files-from", name, "--keep-columns", "age", "-k", 2, "--resume", code=1)
    assert "the images (names, sizes, times, labels, columns) have changed" in done.stderr
    later = "20250201_000000"
    done = verger("run", fruits, out, "-k", 2, "--model", "seeded:7", "--files-from", name,
                  "--keep-columns", "age", "--update", "--timestamp", later)
    assert done.returncode == 0 and "kept      6 images" in done.stdout, done.stdout + done.stderr
    assert set(read_parquet(out, "features", later).column("age").to_pylist()) == {"7"}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_metadata_beside_the_images(own_fruits, tmp_path, ending):
    folder = own_fruits / "Training"
    table = labelled(own_fruits)
    table["file_name"] = table.file_name.str.removeprefix("Training/")
    write_table(table, folder / f"metadata.{ending}")
    done = run(own_fruits, tmp_path / "out", "-k", 2, "--keep-columns", "age")
    assert f"Training/metadata.{ending} says what 6 images show" in done.stderr
    assert "18 of 24 images have no label" in done.stderr
    rows = read_parquet(tmp_path / "out", "features").to_pandas()
    named = rows[rows.label != ""]
    assert list(named.label) == list(table["class"]) and list(named.age) == [str(a) for a in table.age]
    assert set(rows.split[rows.label != ""]) == {"train"}
    assert rows.age[rows.label == ""].isna().all()
    done = run(own_fruits, tmp_path / "plain", "-k", 2, "--exclude", "**/metadata.*")
    assert set(read_csv(tmp_path / "plain", "metadata").label) == {"Apple 1", "Apple 2", "Pear 1"}


@pytest.mark.parametrize("columns,says", [
    ("path", "tables have one of that name"), ("a,a", "named twice"), ("a,", "no name"),
    ("x_string", "_string")])
def test_columns_that_cannot_be_kept(fruits, tmp_path, columns, says):
    done = run(fruits, tmp_path / "out", "--keep-columns", columns, code=2)
    assert says in done.stderr
