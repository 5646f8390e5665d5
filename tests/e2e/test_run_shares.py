"""A run whose parts other processes extract: the tables are those of a run alone."""

import contextlib
import json
import re
import shutil
import subprocess

import pytest
import snapshots
from conftest import BUILD, SEEDED, TS, encoded, files_below, photograph, run, verger

WORDS = ["-k", "5", *SEEDED, "--timestamp", TS]


@pytest.fixture(scope="module")
def odd(fruits, tmp_path_factory):
    """Names and files that a way through tables could lose."""
    folder = tmp_path_factory.mktemp("odd") / "in"
    shutil.copytree(fruits, folder)
    apples = folder / "Training" / "Apple 1"
    (apples / "empty.jpg").touch()
    (apples / "gone.jpg").symlink_to(apples / "nowhere")
    (folder / "Training" / " Apple 1 ").mkdir()
    for seed, name in enumerate(["12:30:01.jpg", "{a,b}*?[c].jpg", "line\nbreak.jpg", 'a "quoted", one.jpg',
                                 "../ Apple 1 /blank.jpg"]):
        (apples / name).write_bytes(encoded(photograph(seed)))
    with open(bytes(apples) + b"/caf\xe9.jpg", "wb") as file:
        file.write(encoded(photograph(99)))
    return folder


@contextlib.contextmanager
def leader(source, output, *arguments):
    """The process and what it wants; it is ended at the end."""
    command = [BUILD / "verger", "run", source, output, *WORDS, "--hand-out", "2", *arguments]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        try:
            yield process, json.loads(line)
        finally:
            process.kill()


def extract(source, output, numbers, *arguments, code=0):
    done = verger("run", source, output, *WORDS, "--parts", ",".join(map(str, numbers)), "--threads", 1,
                  *arguments)
    assert code in (None, done.returncode), done.stderr
    return done.stderr


def finish(process, code=0):
    summary, errors = process.communicate("done\n", timeout=60)
    assert process.returncode == code, errors
    return errors + summary


def test_tables_are_those_of_a_run_alone(odd, tmp_path):
    run(odd, tmp_path / "alone", "--part-rows", 10, code=3)
    with leader(odd, tmp_path / "shared", "--part-rows", 10) as (process, wanted):
        assert wanted == {"timestamp": TS, "parts": [0, 1, 2, 3]}
        assert len([f for f in files_below(tmp_path / "shared") if "/list-" in f]) == 1
        extract(odd, tmp_path / "shared", [2, 0], code=3)
        extract(odd, tmp_path / "shared", [1, 3])
        finish(process, 3)
    assert snapshots.whole(tmp_path / "shared") == snapshots.whole(tmp_path / "alone")
    assert not [f for f in files_below(tmp_path / "shared") if "/list-" in f]


def test_parts_are_as_many_as_hands_want(fruits, tmp_path):
    """24 images are too few to be shared; what is asked for holds."""
    with leader(fruits, tmp_path / "few") as (_, wanted):
        assert wanted["parts"] == [0]
    with leader(fruits, tmp_path / "more", "--part-rows", 9) as (_, wanted):
        assert wanted["parts"] == [0, 1, 2]


def test_a_leader_extracts_what_did_not_come(fruits, tmp_path):
    run(fruits, tmp_path / "alone", "--part-rows", 10)
    with leader(fruits, tmp_path / "shared", "--part-rows", 10) as (process, _):
        extract(fruits, tmp_path / "shared", [1])
        finish(process)
    assert snapshots.whole(tmp_path / "shared") == snapshots.whole(tmp_path / "alone")


def test_nothing_came(fruits, tmp_path):
    with leader(fruits, tmp_path / "out") as (process, _):
        assert "every machine has to write to the same output" in finish(process, 1)


@pytest.mark.parametrize("first", ["leader", "alone"])
def test_the_one_goes_on_where_the_other_broke_off(fruits, tmp_path, first):
    """A leader that is gone leaves parts that the command takes up, and the other way round."""
    output = tmp_path / "out"
    run(fruits, tmp_path / "alone", "--part-rows", 6)
    with leader(fruits, output, "--part-rows", 6) as (process, _):
        extract(fruits, output, [0, 2])
        process.stdin.close()
        assert process.wait(30) == 1 and "--resume" in process.stderr.read()
    if first == "leader":  # its parts have six images, which a run takes that goes on
        done = run(fruits, output, "--resume")
        assert "12 images' features" in done.stdout
    else:
        with leader(fruits, output, "--resume") as (process, wanted):
            assert wanted["parts"] == [1, 3]
            extract(fruits, output, [1, 3, 0])
            finish(process)
    assert snapshots.whole(output) == snapshots.whole(tmp_path / "alone")


def test_one_leader_at_a_time(fruits, tmp_path):
    with leader(fruits, tmp_path):
        done = verger("run", fruits, tmp_path, *SEEDED, "-k", 5)
        assert done.returncode == 1 and "another run" in done.stderr


def test_others_must_do_the_same(fruits, tmp_path):
    """Weights and options are those of the plan, and a part is one of the run."""
    with leader(fruits, tmp_path):
        assert "the model was seeded:7 and is seeded:8" in extract(
            fruits, tmp_path, [0], "--model", "seeded:8", code=1)
        assert "--max-file-size was" in extract(fruits, tmp_path, [0], "--max-file-size", "1K", code=1)
        assert "has no part 9" in extract(fruits, tmp_path, [9], code=1)
    assert re.search("has no run .* see the same output", extract(fruits, tmp_path / "other", [0], code=1))


def test_failures_of_others_count(odd, tmp_path):
    with leader(odd, tmp_path, "--max-errors", "1") as (process, wanted):
        extract(odd, tmp_path, wanted["parts"], code=3)
        assert "2 of 32 images failed, more than --max-errors allows" in finish(process, 1)
    assert not [f for f in files_below(tmp_path) if f.endswith("_SUCCESS")]


BASE = "20240101_000000"


@pytest.fixture
def changed(odd, tmp_path):
    """A folder, two outputs with a run of it as it was, and what has changed since."""
    folder = shutil.copytree(odd, tmp_path / "in", symlinks=True)
    words = ["-k", "5", *SEEDED, "--part-rows", 5]
    verger("run", folder, tmp_path / "alone", *words, "--timestamp", BASE)
    shutil.copytree(tmp_path / "alone", tmp_path / "shared")
    apples, pears = folder / "Training/Apple 1", folder / "Training/Pear 1"
    (apples / "r_0_100.jpg").write_bytes(encoded(photograph(40)))
    (pears / "z new.jpg").write_bytes(encoded(photograph(41)))
    max(pears.glob("r_*.jpg")).unlink()
    return folder


UPDATE = ["--part-rows", 5, "--update"]


@pytest.mark.parametrize("come", ["all", "one"])
def test_an_update_hands_out_what_has_changed(changed, tmp_path, come):
    """The parts whose images are known stay the leader's, of the others known images are copied; one
    that does not come is the leader's too."""
    alone = run(changed, tmp_path / "alone", *UPDATE, code=3)
    with leader(changed, tmp_path / "shared", *UPDATE) as (process, wanted):
        assert 1 < len(wanted["parts"]) < 4
        told = extract(changed, tmp_path / "shared",
                       wanted["parts"] if come == "all" else wanted["parts"][:1], code=None)
        told += finish(process, 3)
    assert ("did not come" in told) == (come == "one")
    assert snapshots.of_run(tmp_path / "shared", TS) == snapshots.of_run(tmp_path / "alone", TS)
    assert [line for line in alone.stdout.splitlines() if line.startswith(("update", "kept", "images"))] \
        == [line for line in told.splitlines() if line.startswith(("update", "kept", "images"))]


def test_an_update_whose_earlier_run_is_damaged_meanwhile(changed, tmp_path):
    """Images of what is gone are extracted, to the same tables."""
    run(changed, tmp_path / "alone", *UPDATE, code=3)
    with leader(changed, tmp_path / "shared", *UPDATE) as (process, wanted):
        for file in (tmp_path / f"shared/features/parquet/features_{BASE}").glob("part-00001-*"):
            file.unlink()
        told = extract(changed, tmp_path / "shared", wanted["parts"], code=None)
        assert f"of the run {BASE} cannot be used, its images are new" in told
        finish(process, 3)
    assert snapshots.of_run(tmp_path / "shared", TS) == snapshots.of_run(tmp_path / "alone", TS)


def test_an_update_by_checksums_is_the_leaders(changed, tmp_path):
    command = [BUILD / "verger", "run", changed, tmp_path / "shared", *WORDS, "--hand-out", "2", *UPDATE,
               "--checksum"]
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 3 and done.stdout.startswith("images"), (done.stdout, done.stderr)


def test_words_that_make_no_sense(fruits, tmp_path):
    for words, message in ((["--hand-out", "2", "--parts", "0"], "give one of them"),
                           (["--parts", "0"], "--timestamp"), (["--parts", "1,,2"], "numbers with commas"),
                           (["--hand-out", "2", "--files-from", "-"], "standard input")):
        done = verger("run", fruits, tmp_path, *words)
        assert done.returncode == 2 and message in done.stderr


def test_what_a_list_says_of_images_comes_too(fruits, tmp_path):
    names = [path.relative_to(fruits) for path in sorted(fruits.rglob("*.jpg"))]
    listed = tmp_path / "list.csv"
    listed.write_text("path,label,farm\n" + "".join(f"{name},{i % 3},f{i}\n" for i, name in enumerate(names)))
    words = ["--files-from", listed, "--keep-columns", "farm", "--part-rows", 10]
    run(fruits, tmp_path / "alone", *words)
    with leader(fruits, tmp_path / "shared", *words) as (process, wanted):
        extract(fruits, tmp_path / "shared", wanted["parts"], "--keep-columns", "farm")
        finish(process)
    assert snapshots.whole(tmp_path / "shared") == snapshots.whole(tmp_path / "alone")
