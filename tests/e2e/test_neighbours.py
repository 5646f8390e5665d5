"""verger neighbours: the table of the nearest images, against numpy in float64."""

import json
import shutil
import signal
import subprocess

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from conftest import (BUILD, TS, features, leftovers, parts, read_csv, read_parquet, run,
                      successes, table_folder, verger)
from kills import LIBRARY, environment


def neighbours(output, *arguments, code=0, **options):
    done = verger("neighbours", output, "--timestamp", TS, "--progress", "none", *arguments,
                  **options)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def finished(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    run(fruits, output, "--part-rows", 9)
    return output


@pytest.fixture
def output(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


def write_features(folder, rows, paths=None, ts=TS):
    """A table of features that somebody else wrote."""
    paths = paths or [f"a/{i:04}.png" for i in range(len(rows))]
    table = pyarrow.table({"path": paths, "label": [path.split("/")[0] for path in paths],
                           "features": [None if row is None else numpy.float32(row)
                                        for row in rows]},
                          schema=pyarrow.schema([("path", pyarrow.string()),
                                                 ("label", pyarrow.string()),
                                                 ("features", pyarrow.list_(pyarrow.float32()))]))
    target = table_folder(folder, "features", "parquet", ts)
    target.mkdir(parents=True)
    pyarrow.parquet.write_table(table, target / "part-00000.parquet")
    (target / "_SUCCESS").touch()


def expected(rows, k, metric):
    """Rows by distance, then by their order; none is its own neighbour."""
    rows = rows.astype(numpy.float64)
    if metric == "cosine":
        unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
        distances = 1 - unit @ unit.T
    else:
        distances = numpy.linalg.norm(rows[:, None] - rows[None], axis=2)
    numpy.fill_diagonal(distances, numpy.inf)
    order = numpy.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, numpy.take_along_axis(distances, order, axis=1)


def check(output, rows, k, metric, ts=TS):
    table = read_parquet(output, "neighbours", ts)
    order, distances = expected(rows, k, metric)
    paths = table.column("path").to_pylist()
    labels = table.column("label").to_pylist()
    assert paths == sorted(paths)
    assert table.column("neighbour_paths").to_pylist() == [[paths[j] for j in row] for row in order]
    assert table.column("neighbour_labels").to_pylist() == [[labels[j] for j in row] for row in order]
    found = numpy.stack(table.column("distances").to_numpy())
    assert found == pytest.approx(distances, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_features(output, metric):
    done = neighbours(output, "-k", 4, "--metric", metric)
    assert "rows      24\n" in done.stdout and f"by {metric} of features" in done.stdout
    check(output, features(output), 4, metric)
    assert leftovers(output) == []


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_components_are_centred_for_angles(output, metric):
    neighbours(output, "-k", 5, "--metric", metric, "--space", "pca")
    rows = numpy.stack(read_parquet(output, "pca").column("pca_features").to_numpy())
    rows = rows.astype(numpy.float32)
    mean = rows.astype(numpy.float64).mean(0)
    check(output, numpy.float32(rows - mean) if metric == "cosine" else rows, 5, metric)


def test_csv_says_the_same(output):
    neighbours(output, "-k", 3)
    parquet, csv = read_parquet(output, "neighbours"), read_csv(output, "neighbours", "csv")
    assert list(csv.columns) == ["path", "label", "neighbour_paths_string",
                                 "neighbour_labels_string", "distances_string"]
    for column in ("neighbour_paths", "neighbour_labels"):
        assert [json.loads(text) for text in csv[f"{column}_string"]] == parquet[column].to_pylist()
    assert [[numpy.float32(n) for n in text.split(",")] for text in csv.distances_string] == \
        parquet["distances"].to_pylist()


def test_what_was_asked_is_in_the_file(output):
    neighbours(output, "-k", 2, "--metric", "l2", "--format", "parquet")
    (part,) = parts(table_folder(output, "neighbours", "parquet"))
    facts = pyarrow.parquet.read_metadata(part).metadata
    assert (facts[b"k"], facts[b"metric"], facts[b"space"]) == (b"2", b"l2", b"features")
    assert facts[b"rows_of"].endswith(f"features_{TS}".encode())
    assert not table_folder(output, "neighbours", "csv").exists()


def test_the_same_bytes_on_any_threads_and_kernels(tmp_path):
    random = numpy.random.default_rng(3)
    centres = random.normal(size=(40, 300))
    rows = centres[random.integers(0, 40, 3000)] + 0.2 * random.normal(size=(3000, 300))
    rows[100:110] = rows[7]
    write_features(tmp_path, rows)
    seen = set()
    for threads, kernels in ((1, "avx2"), (2, ""), (4, ""), (3, "avx2")):
        neighbours(tmp_path, "--threads", threads, "--format", "csv", "--overwrite",
                   env={"VERGER_CPU": kernels, "PATH": "/usr/bin:/bin"})
        (part,) = parts(table_folder(tmp_path, "neighbours", "csv"))
        seen.add(part.read_bytes())
    assert len(seen) == 1
    csv = read_csv(tmp_path, "neighbours", "csv")
    assert csv.neighbour_paths_string[105].startswith('["a/0007.png","a/0100.png","a/0101.png"')


def test_a_table_in_another_order_with_gaps(tmp_path):
    random = numpy.random.default_rng(1)
    rows = list(random.normal(size=(30, 8)))
    paths = [f"class {i % 3}/{(i * 7) % 30:02}, \"x\".png" for i in range(30)]
    rows[4] = None
    write_features(tmp_path, rows, paths)
    done = neighbours(tmp_path, "-k", 29 - 1)
    kept = sorted((path, tuple(row)) for path, row in zip(paths, rows) if row is not None)
    check(tmp_path, numpy.float32([row for _, row in kept]), 28, "cosine")
    assert "1 of 30 rows have no features" not in done.stdout
    csv = read_csv(tmp_path, "neighbours", "csv")
    assert json.loads(csv.neighbour_paths_string[0])[0] in paths


def fails(output, message, *arguments):
    done = neighbours(output, *arguments, code=1)
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not list(output.glob("neighbours/**/_SUCCESS"))


def test_more_neighbours_than_rows(output):
    fails(output, "24 neighbours of each of 24 rows: ask for at most 23 with -k", "-k", 24)


def test_one_row_alone(tmp_path):
    write_features(tmp_path, numpy.ones((1, 3)))
    fails(tmp_path, "there is one row alone: it has no neighbours")


def test_a_number_that_is_none(tmp_path):
    rows = numpy.ones((4, 3))
    rows[2, 1] = numpy.nan
    write_features(tmp_path, rows)
    fails(tmp_path, "a/0002.png: number 1 (counted from 0) is not finite", "-k", 1)


def test_an_output_without_features(tmp_path):
    tmp_path.joinpath("x").mkdir()
    fails(tmp_path, "holds no features")
    fails(tmp_path, "holds no components", "--space", "pca")


def test_features_of_no_rows(tmp_path):
    write_features(tmp_path, [None, None])
    fails(tmp_path, "has no rows with numbers", "-k", 1)


def test_a_timestamp_is_taken_once(output):
    neighbours(output, "-k", 2)
    done = neighbours(output, "-k", 2, code=1)
    assert "--overwrite" in done.stderr
    neighbours(output, "-k", 3, "--overwrite")
    assert len(read_parquet(output, "neighbours")["distances"][0]) == 3


def test_killed_at_any_change_of_the_disk(output):
    """_SUCCESS stands only beside a whole table, and the call can be repeated."""
    if not LIBRARY.exists():
        pytest.skip("a sanitizer must come first of what is preloaded")
    command = [str(BUILD / "verger"), "neighbours", str(output), "-k", "2", "--timestamp", TS,
               "--progress", "none", "--overwrite"]
    before = len(successes(output))
    for number in range(1, 100):
        done = subprocess.run(command, env=environment(output, number), capture_output=True,
                              timeout=60)
        marks = len(successes(output)) - before
        for kind in ("parquet", "csv"):
            folder = table_folder(output, "neighbours", kind)
            if (folder / "_SUCCESS").exists():
                assert len(parts(folder)) == 1
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL and marks <= 2
    assert number > 5 and marks == 2
    assert leftovers(output / "neighbours") == []
    check(output, features(output), 2, "cosine")


def test_stopped_from_the_terminal(tmp_path):
    random = numpy.random.default_rng(5)
    write_features(tmp_path, random.normal(size=(8000, 400)))
    command = [str(BUILD / "verger"), "neighbours", str(tmp_path), "--threads", "1", "--progress",
               "json", "--timestamp", TS]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if json.loads(line).get("phase") == "match":
            process.send_signal(signal.SIGINT)
            break
    *_, last = process.stderr
    assert process.wait(60) == 130
    assert json.loads(last)["outcome"] == "interrupted"
    assert not (tmp_path / "neighbours").exists()


# --- Calls that go on ----------------------------------------------------------------------

BROKEN, ONCE_MORE = TS, "20250203_000000"


def blocks(folder, rows=1400):
    """Rows of two blocks, so that there is something to go on with."""
    random = numpy.random.default_rng(17)
    centres = random.normal(size=(30, 6))
    write_features(folder, centres[random.integers(0, 30, rows)] +
                   0.2 * random.normal(size=(rows, 6)))


def checkpoint(output, ts=TS):
    return output / "_verger" / "neighbours" / ts / "checkpoint.safetensors"


def saving(output, *arguments):
    return [str(BUILD / "verger"), "neighbours", str(output), "-k", "5", "--threads", "1",
            "--checkpoint", "0", *map(str, arguments)]


def killed_with_a_checkpoint(output, number):
    """Broken off before its change of that number to the disk."""
    command = saving(output, "--timestamp", TS, "--progress", "none", "--overwrite")
    return subprocess.run(command, env=environment(output, number), capture_output=True, timeout=60)


def resumed(output, *arguments, code=0):
    done = verger("neighbours", output, "-k", 5, "--resume", "--progress", "none", "--log-level",
                  "info", *arguments)
    assert done.returncode == code, done.stderr
    return done


def test_killed_at_any_change_and_resumed(tmp_path):
    if not LIBRARY.exists():
        pytest.skip("a sanitizer must come first of what is preloaded")
    whole, output = tmp_path / "whole", tmp_path / "out"
    blocks(whole)
    neighbours(whole, "-k", 5)
    went_on = 0
    for number in range(1, 200, 4):
        shutil.rmtree(output, ignore_errors=True)
        blocks(output)
        done = killed_with_a_checkpoint(output, number)
        is_there = checkpoint(output).exists()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        told = resumed(output, *([] if is_there else ["--timestamp", TS, "--overwrite"])).stderr
        assert is_there == (f"the neighbours of {TS} go on" in told)
        went_on += is_there
        assert csv_of(output) == csv_of(whole) and rows_of(output) == rows_of(whole)
        assert not checkpoint(output).exists()
        assert leftovers(output / "neighbours") == []
    assert done.returncode == 0 and not is_there and went_on > 5


def csv_of(output, ts=TS):
    return [part.read_bytes() for part in parts(table_folder(output, "neighbours", "csv", ts))]


def rows_of(output, ts=TS):
    return read_parquet(output, "neighbours", ts).to_pydict()


def stopped(output, address=None, env=None):
    """Interrupted from the terminal when some blocks are done."""
    process = subprocess.Popen(saving(address or output, "--timestamp", TS, "--progress", "json"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    for line in process.stderr:
        event = json.loads(line)
        if event.get("phase") == "match" and event["done"] > 0:
            process.send_signal(signal.SIGINT)
            break
    *_, last = process.stderr
    assert process.wait(60) == 130
    assert "call again with --resume" in json.loads(last)["error"]
    assert checkpoint(output).exists() and not (output / "neighbours").exists()


@pytest.fixture
def broken_off(tmp_path):
    blocks(tmp_path, 12000)
    stopped(tmp_path)
    return tmp_path


def test_interrupted_and_resumed(broken_off):
    done = resumed(broken_off)
    assert f"the neighbours of {TS} go on" in done.stderr and TS in done.stdout
    neighbours(broken_off, "-k", 5, "--timestamp", ONCE_MORE)
    assert contents(broken_off, TS) == contents(broken_off, ONCE_MORE)
    assert not checkpoint(broken_off).exists()


def test_interrupted_and_resumed_in_a_bucket(gateway, tmp_path):
    address, output = "s3://neighbours-go-on", gateway.bucket("neighbours-go-on")
    blocks(output, 12000)
    stopped(output, address, gateway.environment())
    done = verger("neighbours", address, "-k", 5, "--resume", "--progress", "none", "--log-level",
                  "info", env=gateway.environment())
    assert done.returncode == 0 and f"the neighbours of {TS} go on" in done.stderr, done.stderr
    blocks(tmp_path, 12000)
    neighbours(tmp_path, "-k", 5)
    assert csv_of(output) == csv_of(tmp_path)
    assert not checkpoint(output).exists() and kept_rows(output).exists()


def test_resumed_for_nothing(tmp_path):
    blocks(tmp_path, 50)
    done = resumed(tmp_path, "--timestamp", TS)
    assert "go on" not in done.stderr and len(rows_of(tmp_path)["path"]) == 50
    assert "--overwrite" in resumed(tmp_path, "--timestamp", TS, code=1).stderr


def test_a_call_that_does_not_go_on_says_so(broken_off):
    done = verger("neighbours", broken_off, "-k", 3, "--timestamp", ONCE_MORE, "--log-level", "info",
                  "--progress", "none")
    assert done.returncode == 0
    assert f"the neighbours of {TS} are not finished: --resume would go on with them" in done.stderr
    assert checkpoint(broken_off).exists()


@pytest.mark.parametrize("arguments, reason", [
    (("-k", 4), "k was 5, and is 4 now"), (("--metric", "l2"), "metric was cosine, and is l2 now")])
def test_what_asks_for_something_else_is_refused(broken_off, arguments, reason):
    told = resumed(broken_off, *arguments, code=1).stderr
    assert f"the neighbours of {TS} cannot be resumed (call without --resume): {reason}" in told
    assert checkpoint(broken_off).exists()


def test_rows_that_have_changed_are_refused(broken_off):
    shutil.rmtree(broken_off / "features")
    blocks(broken_off, 11999)
    assert "rows_sha256 was" in resumed(broken_off, code=1).stderr


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"",
                                    lambda data: data[:-40] + b"\1" + data[-39:]])
def test_a_damaged_checkpoint_is_refused(broken_off, damage):
    file = checkpoint(broken_off)
    file.write_bytes(damage(file.read_bytes()))
    told = resumed(broken_off, code=1).stderr
    assert "cannot be resumed (call without --resume)" in told and "checkpoint.safetensors" in told
    neighbours(broken_off, "-k", 5, "--overwrite")
    assert not file.exists()


# --- Shares --------------------------------------------------------------------------------


def test_shares_on_several_machines(tmp_path):
    blocks(tmp_path, 3000)
    neighbours(tmp_path, "-k", 5, "--timestamp", ONCE_MORE)
    kept = checkpoint(tmp_path).parent
    for share in ("2/4", "1/4", "4/4", "3/4", "2/4"):
        done = neighbours(tmp_path, "-k", 5, "--share", share)
        assert f"share     {share[0]} of 4, kept for --gather" in done.stdout
        assert not table_folder(tmp_path, "neighbours", "parquet").exists()
    assert len(list(kept.iterdir())) == 4
    assert "share 1 of 3 cannot be taken (write it with --share 1/3): cannot read" in \
        neighbours(tmp_path, "-k", 5, "--gather", 3, code=1).stderr
    assert "k was 5, and is 4 now" in neighbours(tmp_path, "-k", 4, "--gather", 4, code=1).stderr
    neighbours(tmp_path, "-k", 5, "--gather", 4)
    assert contents(tmp_path, TS) == contents(tmp_path, ONCE_MORE)
    assert [file.name for file in kept.iterdir()] == ["rows.safetensors"]


def test_shares_of_centred_components(output):
    neighbours(output, "-k", 5, "--space", "pca", "--timestamp", ONCE_MORE)
    for share in ("1/2", "2/2"):
        neighbours(output, "-k", 5, "--space", "pca", "--share", share)
    neighbours(output, "-k", 5, "--space", "pca", "--gather", 2)
    assert contents(output, TS) == contents(output, ONCE_MORE)


# --- Updates -----------------------------------------------------------------------------

LATER, WHOLE = "20250201_000000", "20250202_000000"


class Rows:
    """300 rows in clusters by their paths; some are equal, and one is far from all."""

    def __init__(self):
        random = numpy.random.default_rng(11)
        centres = random.normal(size=(20, 24))
        rows = numpy.float32(centres[random.integers(0, 20, 300)] +
                             0.3 * random.normal(size=(300, 24)))
        rows[40:44] = rows[200]
        rows[299] *= 50
        self.of = {f"a/{i:04}.png": row for i, row in enumerate(rows)}

    def write(self, folder, ts):
        write_features(folder, list(self.of.values()), list(self.of), ts)


def begin(folder, *arguments):
    """Rows with their table of neighbours."""
    rows = Rows()
    rows.write(folder, TS)
    neighbours(folder, "-k", 5, *arguments)
    return rows


def update(output, *arguments, ts=LATER):
    """What an update prints and logs."""
    done = verger("neighbours", output, "-k", 5, "--update", "--timestamp", ts, "--progress",
                  "json", *arguments)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stderr.splitlines()]
    logs = [e["message"] for e in events if e["event"] == "log"]
    whole = [text for text in logs if "made whole" in text]
    end, rows = events[-1], events[-1]["rows"]
    if whole:
        assert end["kept"] == end["added"] == 0
    elif "nothing was left" in done.stdout:
        assert end["kept"] == rows
    else:
        assert rows * 3 / 4 <= end["kept"] <= rows - end["added"] - end["changed"]
    return done.stdout, whole


def contents(output, ts):
    return [part.read_bytes() for kind in ("parquet", "csv")
            for part in parts(table_folder(output, "neighbours", kind, ts))]


def assert_same_as_whole(output, *arguments):
    done = verger("neighbours", output, "-k", 5, "--timestamp", WHOLE, "--progress", "none",
                  *arguments)
    assert done.returncode == 0, done.stderr
    assert contents(output, LATER) == contents(output, WHOLE)


def add(rows):
    rows.of["a/0100 b.png"] = rows.of["a/0100.png"] + numpy.float32(0.01)


def add_equal(rows):
    """Among equal ones the place of the path decides."""
    for path in ("A/first.png", "a/0042 b.png", "b/last.png"):
        rows.of[path] = rows.of["a/0200.png"]


def remove(rows):
    del rows.of["a/0041.png"]


def change(rows):
    rows.of["a/0043.png"] = rows.of["a/0100.png"] + numpy.float32(0.01)


def scale(rows):
    """To the same direction: its angles are nearly those that were there."""
    rows.of["a/0007.png"] = rows.of["a/0007.png"] * numpy.float32(3)


def all_at_once(rows):
    for what in (add, add_equal, remove, change, scale):
        what(rows)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("what, says", [
    (add, "1 new, 0 changed, 0 vanished; 0 others"), (add_equal, "3 new, 0 changed, 0 vanished; 0"),
    (remove, "0 new, 0 changed, 1 vanished; "), (change, "0 new, 1 changed, 0 vanished; "),
    (scale, "0 new, 1 changed, 0 vanished; "), (all_at_once, "4 new, 2 changed, 1 vanished; ")])
def test_an_update_has_the_bytes_of_a_table_made_whole(tmp_path, metric, what, says):
    rows = begin(tmp_path, "--metric", metric)
    what(rows)
    rows.write(tmp_path, LATER)
    printed, whole = update(tmp_path, "--metric", metric)
    assert whole == [] and says in printed
    assert_same_as_whole(tmp_path, "--metric", metric)
    assert contents(tmp_path, LATER) != contents(tmp_path, TS)


def test_an_update_after_that_of_a_run(own_fruits, tmp_path):
    output = tmp_path / "out"
    run(own_fruits, output)
    neighbours(output, "-k", 5)
    shutil.copy(next(own_fruits.rglob("*.jpg")), next(own_fruits.rglob("*.jpg")).with_name("z.jpg"))
    done = verger("run", own_fruits, output, "-k", 5, "--model", "seeded:7", "--progress", "none",
                  "--update", "--timestamp", LATER)
    assert done.returncode == 0, done.stderr
    printed, whole = update(output)
    assert whole == [] and "1 new, 0 changed, 0 vanished; 0 others" in printed
    assert_same_as_whole(output)


def test_an_update_with_nothing_to_do(tmp_path):
    begin(tmp_path)
    before = snapshot(tmp_path)
    printed, whole = update(tmp_path)
    assert whole == [] and f"complete  since the table {TS}: nothing was left to do" in printed
    assert snapshot(tmp_path) == before


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_an_update_in_a_format_that_is_not_there(tmp_path):
    begin(tmp_path, "--format", "parquet")
    printed, whole = update(tmp_path)
    assert whole == [] and "0 new, 0 changed, 0 vanished; 0 others" in printed
    assert_same_as_whole(tmp_path)


def test_an_update_of_labels_alone(tmp_path):
    rows = begin(tmp_path)
    rows.write(tmp_path, LATER)
    target = next(table_folder(tmp_path, "features", "parquet", LATER).glob("*.parquet"))
    table = pyarrow.parquet.read_table(target)
    labels = pyarrow.array(["pear"] * len(table))
    pyarrow.parquet.write_table(table.set_column(1, "label", labels), target)
    printed, whole = update(tmp_path)
    assert whole == [] and "0 new, 0 changed, 0 vanished; 0 others" in printed
    assert_same_as_whole(tmp_path)


def test_an_update_of_an_output_that_was_moved(tmp_path):
    rows = begin(tmp_path / "here")
    output = (tmp_path / "here").rename(tmp_path / "there")
    add(rows)
    rows.write(output, LATER)
    printed, whole = update(output)
    assert whole == [] and "1 new" in printed
    assert_same_as_whole(output)


def made_whole(output, reason, *arguments):
    printed, whole = update(output, *arguments)
    assert len(whole) == 1 and reason in whole[0], whole
    assert "update  " not in printed and "complete  " not in printed
    assert_same_as_whole(output, *arguments)


def test_an_update_of_nothing(tmp_path):
    Rows().write(tmp_path, TS)
    made_whole(tmp_path, "there is none yet")


def kept_rows(output, ts=TS):
    return output / "_verger" / "neighbours" / ts / "rows.safetensors"


def test_an_update_without_the_rows_that_were(tmp_path):
    """Nor does it matter which rows are called as they were."""
    rows = begin(tmp_path)
    shutil.rmtree(table_folder(tmp_path, "features", "parquet"))
    change(rows)
    rows.write(tmp_path, TS)
    add(rows)
    rows.write(tmp_path, LATER)
    printed, whole = update(tmp_path)
    assert whole == [] and "1 new, 1 changed, 0 vanished; " in printed
    assert_same_as_whole(tmp_path)


@pytest.mark.parametrize("damage, reason", [
    (lambda file: file.unlink(), "cannot read"),
    (lambda file: file.write_bytes(file.read_bytes()[:-9]), "its tensor"),
    (lambda file: file.write_bytes(file.read_bytes().replace(b"a/0007", b"a/0008")), "it is damaged"),
    (lambda file: shutil.copy(kept_rows(file.parents[3], "20240101_000000"), file),
     "it is of other rows than the table")])
def test_an_update_that_does_not_know_the_old_rows(tmp_path, damage, reason):
    rows = begin(tmp_path)
    add(rows)
    rows.write(tmp_path, LATER)
    neighbours(tmp_path, "-k", 5, "--timestamp", "20240101_000000")
    damage(kept_rows(tmp_path))
    printed, whole = update(tmp_path)
    assert len(whole) == 1 and reason in whole[0] and "rows.safetensors" in whole[0], whole
    assert_same_as_whole(tmp_path)


@pytest.mark.parametrize("arguments, reason", [
    (("--metric", "l2"), "metric of the one of 20250131_235959 is cosine, not l2"),
    (("-k", 4), "k of the one of 20250131_235959 is 5, not 4")])
def test_an_update_that_asks_for_something_else(tmp_path, arguments, reason):
    begin(tmp_path)
    made_whole(tmp_path, reason, *arguments)


def test_an_update_of_components(output):
    neighbours(output, "-k", 5, "--space", "pca")
    printed, whole = update(output, "--space", "pca")
    assert whole == [] and "complete  since" in printed
    folder = table_folder(output, "pca", "parquet")
    for part in parts(folder):
        table = pyarrow.parquet.read_table(part)
        pyarrow.parquet.write_table(table.slice(1), part)
    made_whole(output, "components change with every run", "--space", "pca")


def test_an_update_with_too_much_to_do(tmp_path):
    rows = begin(tmp_path)
    for path in list(rows.of)[::3]:
        rows.of[path] = rows.of[path] * numpy.float32(-1)
    rows.write(tmp_path, LATER)
    made_whole(tmp_path, "of 300 rows 0 are new, 100 have changed")


def test_an_update_of_paths_that_are_there_twice(tmp_path):
    rows = Rows()
    paths = list(rows.of)
    paths[1] = paths[0]
    write_features(tmp_path, list(rows.of.values()), paths)
    neighbours(tmp_path, "-k", 5)
    write_features(tmp_path, [2 * row for row in rows.of.values()], paths, LATER)
    made_whole(tmp_path, "some paths are there twice")


def test_an_update_of_a_damaged_table(tmp_path):
    rows = begin(tmp_path)
    add(rows)
    rows.write(tmp_path, LATER)
    (part,) = parts(table_folder(tmp_path, "neighbours", "parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    made_whole(tmp_path, part.name)
