"""verger metadata: facts of files, without opening one."""

import os

import pandas
import pytest
from conftest import TS, encoded, files_below, fill, leftovers, photograph, read_csv, verger


def metadata(source, output, *arguments, code=0):
    done = verger("metadata", source, output, "--timestamp", TS, *arguments)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def tree(tmp_path):
    folder = fill(tmp_path / "in", per_class=3)
    fill(folder, per_class=2, classes=("Apple 1",), split="Test")
    (folder / "Training" / "Apple 1" / "notes.txt").write_text("no image")
    (folder / "Training" / "Apple 1" / ".hidden.jpg").write_text("no image")
    (folder / "Training" / "Pear 1" / "UPPER.JPEG").write_text("is never opened")
    (folder / "Training" / "Pear 1" / "p.png").write_bytes(encoded(photograph(3), "PNG"))
    (folder / "top.jpg").write_text("x")
    os.utime(folder / "top.jpg", ns=(1625142896123456000, 1625142896123456000))
    return folder


def test_images(tree, tmp_path):
    metadata(tree, tmp_path / "out")
    images = read_csv(tmp_path / "out", "images")
    assert list(images) == ["path", "label", "filename", "split", "modification_time",
                            "file_size_bytes"]
    assert len(images) == 3 * 3 + 2 + 2 + 1
    assert list(images.path) == sorted(images.path)
    for row in images.itertuples():
        status = os.stat(row.path)
        assert row.file_size_bytes == status.st_size
        assert row.filename == os.path.basename(row.path)
        assert row.label == os.path.basename(os.path.dirname(row.path))
        stamp = pandas.Timestamp(row.modification_time)
        assert stamp.value // 1000 == status.st_mtime_ns // 1000
    top = images[images.filename == "top.jpg"].iloc[0]
    assert (top.split, top.label) == ("", "in")
    assert top.modification_time == "2021-07-01T12:34:56.123456Z"
    assert set(images.split) == {"Training", "Test", ""}


def test_counts(tree, tmp_path):
    metadata(tree, tmp_path / "out")
    counts = read_csv(tmp_path / "out", "counts")
    assert counts.values.tolist() == [
        ["", "in", 1], ["Test", "Apple 1", 2], ["Training", "Apple 1", 3],
        ["Training", "Apple 2", 3], ["Training", "Pear 1", 5]]
    assert list(counts) == ["split", "label", "count"]
    for table in ("images", "counts"):
        assert f"metadata/{table}_{TS}/_SUCCESS" in files_below(tmp_path / "out")
    assert leftovers(tmp_path / "out") == []


def test_again(tree, tmp_path):
    metadata(tree, tmp_path / "out")
    assert "--overwrite" in metadata(tree, tmp_path / "out", code=1).stderr
    metadata(tree, tmp_path / "out", "--overwrite", "--select", "Test/**")
    assert len(read_csv(tmp_path / "out", "images")) == 2
    # an output inside the input is none of its images
    metadata(tree, tree / "out")
    metadata(tree, tree / "out", "--overwrite", "--select", "**")
    assert len(read_csv(tree / "out", "images")) == 3 * 3 + 2 + 2 + 1 + 1


def test_nothing_there(tmp_path):
    (tmp_path / "in").mkdir()
    assert "no files" in metadata(tmp_path / "in", tmp_path / "out", code=1).stderr
    (tmp_path / "in" / "a.txt").write_text("x")
    assert "1 .txt" in metadata(tmp_path / "in", tmp_path / "out", code=1).stderr
    assert not (tmp_path / "out").exists()
