"""Runs that are stopped: from the terminal, or dead."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import (BUILD, TS, features, files_below, leftovers, parts, patience, run,
                      successes, table_folder)

MANY = 6000


@pytest.fixture(scope="module")
def many(fruits, tmp_path_factory):
    """More images than a run gets through before it is stopped."""
    folder = tmp_path_factory.mktemp("many")
    images = sorted(fruits.rglob("*.jpg"))
    for i in range(MANY):
        path = folder / f"{i // 1000}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        os.link(images[i % len(images)], path)
    return folder


def start(source, output, *arguments):
    """A run and its progress lines, up to the first that shows a whole part."""
    command = [str(BUILD / "verger"), "run", str(source), str(output), "--select", "*/*.jpg",
               "-k", "5", "--model", "seeded:7", "--progress", "json", "--timestamp", TS,
               "--part-rows", "20", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    folder = table_folder(output, "features", "parquet")
    for line in process.stderr:
        progress = json.loads(line)
        if progress.get("done", 0) > 40 and folder.exists() and parts(folder):
            return process
    pytest.fail(f"the run ended by itself: {process.wait()}")


def assert_whole_parts_only(output):
    import pyarrow.parquet
    assert successes(output) == []
    for part in parts(table_folder(output, "features", "parquet")):
        assert pyarrow.parquet.read_metadata(part).num_rows == 20


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_within_a_second(many, tmp_path, which):
    process = start(many, tmp_path / "out")
    sent = time.monotonic()
    process.send_signal(which)
    _, messages = process.communicate(timeout=30)
    assert time.monotonic() - sent < 1.0 * patience()
    assert process.returncode == 128 + which
    assert "interrupted" in messages and str(MANY) in messages
    assert leftovers(tmp_path / "out") == []
    assert_whole_parts_only(tmp_path / "out")


def test_a_killed_run_is_not_complete_and_can_be_replaced(many, fruits, tmp_path):
    output = tmp_path / "out"
    process = start(many, output)
    process.kill()
    process.communicate(timeout=30)
    assert successes(output) == []
    assert all(".inprogress" in f for f in leftovers(output))
    assert "--overwrite" in run(fruits, output, code=1).stderr
    run(fruits, output, "--overwrite")
    assert features(output).shape == (24, 1280)
    assert leftovers(output) == []
    assert len([f for f in files_below(output) if "features/parquet" in f]) == 2


def put_file_in_place_of(folder):
    """The run may make the folder again in between."""
    for attempt in range(100):
        folder.rename(folder.with_name(f"gone{attempt}"))
        try:
            return folder.write_text("in the way")
        except IsADirectoryError:
            continue
    pytest.fail(f"{folder} comes back again and again")


def test_an_output_that_goes_away_is_an_error(many, tmp_path):
    output = tmp_path / "out"
    process = start(many, output)
    put_file_in_place_of(output)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 1, messages
    assert str(output) in messages
    assert output.read_text() == "in the way"
    assert all(successes(gone) == [] for gone in tmp_path.glob("gone*"))
