"""Runs that are killed and resumed: the tables are those of a run that nobody disturbed."""

import concurrent.futures
import json
import os
import random
import re
import shutil
import time

import kills
import pytest
import snapshots
from conftest import TS, encoded, files_below, fill, photograph, run, verger

# Besides the quick tests, so many kills at random moments.
KILLS = int(os.environ.get("VERGER_KILLS", "0"))
SEED = int(os.environ.get("VERGER_SEED", str(time.time_ns() % 2**32)))
SMALL = ["--part-rows", "3", "--format", "csv", "--timestamp", TS]
BOTH = ["--part-rows", "5", "--timestamp", TS]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two parts of images, one of them broken."""
    folder = tmp_path_factory.mktemp("few")
    for i in range(5):
        path = folder / "Training" / f"Apple {i % 2}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(i)))
    path.write_bytes(path.read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def dozen(tmp_path_factory):
    """Three parts of images, the last of two images and one of them broken."""
    folder = fill(tmp_path_factory.mktemp("dozen"), per_class=4)
    (folder / "Training" / "Pear 1" / "r_3_100.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return folder


def undisturbed(source, tmp_path, arguments):
    """What a run writes, and how often it changes the disk for that."""
    count = kills.changes(source, tmp_path / "undisturbed", *arguments)
    return snapshots.whole(tmp_path / "undisturbed"), count


def in_parallel(function, items):
    """Two at a time: half of a run waits for the disk."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, items))


def resume_to_the_end(source, output, arguments, expected):
    kills.ends(source, output, "--resume", *arguments, code=3)
    snapshots.assert_same(snapshots.whole(output), expected)


def survives(source, output, arguments, expected, points):
    """A run killed at the first of the points, its resumptions at the others."""
    killed = 0
    for i, point in enumerate(points):
        killed += kills.killed_at(point, source, output, *arguments, *["--resume"][:i])
    resume_to_the_end(source, output, arguments, expected)
    shutil.rmtree(output)
    return killed


def test_a_kill_before_every_change_to_the_disk(few, tmp_path):
    expected, changes = undisturbed(few, tmp_path, SMALL)

    def try_point(point):
        return survives(few, tmp_path / f"{point}", SMALL, expected, [point])
    # Every sixth, from another one on each time; all of them where kills are asked for.
    points = range(1, changes + 1) if KILLS else range(1 + SEED % 6, changes + 1, 6)
    killed = sum(in_parallel(try_point, points))
    print(f"seed {SEED}: survived {killed} kills at {len(points)} of {changes} moments")
    assert killed == len(points)


def test_resumptions_are_killed_too(dozen, tmp_path):
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    expected, changes = undisturbed(dozen, tmp_path, BOTH)
    chains = [[draw.randint(1, changes) for _ in range(4)] for _ in range(8)]

    def try_chain(number):
        return survives(dozen, tmp_path / f"{number}", BOTH, expected, chains[number])
    print(f"survived {sum(in_parallel(try_chain, range(len(chains))))} kills")


@pytest.mark.skipif(KILLS == 0, reason="VERGER_KILLS=n asks for so many kills")
def test_many_kills(dozen, tmp_path):
    """At every change to the disk, then after random times, three in a row."""
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    expected, changes = undisturbed(dozen, tmp_path, BOTH)
    start = time.monotonic()
    kills.ends(dozen, tmp_path / "timed", *BOTH, code=3)
    whole = time.monotonic() - start

    def try_point(point):
        return survives(dozen, tmp_path / f"{point}", BOTH, expected, [point])

    def try_times(number):
        output, killed = tmp_path / f"at-random-{number}", 0
        for i in range(3):
            killed += kills.killed_after(draw.uniform(0, 1.2 * whole), dozen, output, *BOTH,
                                         *["--resume"][:i])
        resume_to_the_end(dozen, output, BOTH, expected)
        shutil.rmtree(output)
        return killed
    targeted = sum(in_parallel(try_point, range(1, changes + 1)))
    assert targeted == changes
    timed, rounds = 0, 0
    while timed < KILLS:
        timed += sum(in_parallel(try_times, range(rounds, rounds + 10)))
        rounds += 10
    print(f"survived {targeted} kills at every one of {changes} moments, and {timed} at random")


# --- Refusals --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken_off(dozen, tmp_path_factory):
    """A run that was killed in its third part; tests must not write there."""
    output = tmp_path_factory.mktemp("broken-off") / "out"
    count = kills.changes(dozen, output.with_name("whole"), *BOTH)
    point = count // 2
    assert kills.killed_at(point, dozen, output, *BOTH)
    records = list((output / "_verger" / f"run_{TS}").glob("part-*.json"))
    assert 0 < len(records) < 3
    return output


@pytest.fixture
def own(dozen, broken_off, tmp_path):
    """Images and output of a run that was broken off, to change; times stay."""
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(dozen, source)
    shutil.copytree(broken_off, output)
    plan = output / "_verger" / f"run_{TS}" / "run.json"
    plan.write_text(plan.read_text().replace(str(dozen), str(source)))
    return source, output


def add_image(source):
    (source / "Training" / "Pear 1" / "new.jpg").write_bytes(encoded(photograph(99)))


def remove_image(source):
    (source / "Training" / "Apple 1" / "r_2_100.jpg").unlink()


def touch_image(source):
    os.utime(source / "Training" / "Apple 1" / "r_2_100.jpg", (1e9, 1e9))


def resize_image(source):
    path = source / "Training" / "Apple 1" / "r_2_100.jpg"
    times = path.stat()
    path.write_bytes(path.read_bytes() + b"more")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rename_image(source):
    path = source / "Training" / "Apple 1" / "r_2_100.jpg"
    path.rename(path.with_name("r_2.jpg"))


@pytest.mark.parametrize("change, reason", [
    (add_image, "the number of images was 12 and is 13 now"),
    (remove_image, "the number of images was 12 and is 11 now"),
    (touch_image, "the images (names, sizes, times, labels, columns) have changed since"),
    (resize_image, "the images (names, sizes, times, labels, columns) have changed since"),
    (rename_image, "the images (names, sizes, times, labels, columns) have changed since")])
def test_other_images_are_refused(own, change, reason):
    source, output = own
    change(source)
    assert_refused(source, output, BOTH, reason)


@pytest.mark.parametrize("arguments, reason", [
    (["-k", "4"], "the number of components was 3 and is 4 now"),
    (["--format", "csv"], "--format was parquet,csv and is csv now"),
    (["--part-rows", "6"], "--part-rows was 5 and is 6 now"),
    (["--model", "seeded:8"], "the model was seeded:7 and is seeded:8 now"),
    (["--exif-orient"], "--exif-orient was 0 and is 1 now"),
    (["--limit", "11"], "the number of images was 12 and is 11 now"),
    (["--select", "**/*_100.jpg", "--limit", "5"], "the number of images was 12 and is 5 now")])
def test_other_options_are_refused(own, arguments, reason):
    assert_refused(*own, [*BOTH, *arguments], reason)


def assert_refused(source, output, arguments, reason):
    before = snapshots.raw(output)
    lock = "_verger/lock"  # that of the dead run, which the refused one takes over
    for more in ([], ["--dry-run"]):
        done = kills.ends(source, output, "--resume", *arguments, *more, code=1)
        assert reason in done.stderr and TS in done.stderr and "--update" in done.stderr
        after = snapshots.raw(output)
        assert {**before, lock: None} == {**after, lock: None}


def test_another_input_is_refused(own):
    source, output = own
    assert_refused(source.rename(source.with_name("elsewhere")), output, BOTH, "the input was")


def test_a_moved_input_keeps_its_features(own):
    """They go into a run of their own: rows of one table have one address."""
    source, output = own
    moved = source.rename(source.with_name("elsewhere"))
    done = kills.ends(moved, output, "--resume", "--part-rows", "5", code=3)
    assert f"the run {TS} does not go on, but its features are taken: the input was" in done.stderr
    assert "kept" in done.stdout
    (plan,) = [p for p in (output / "_verger").glob("run_*/run.json") if TS not in str(p)]
    fresh = plan.parent.name.removeprefix("run_")
    kills.ends(moved, output.with_name("fresh"), "--part-rows", "5", "--timestamp", fresh, code=3)
    snapshots.assert_same(snapshots.of_run(output, fresh),
                          snapshots.whole(output.with_name("fresh")))


def test_nothing_to_resume_starts_a_run(dozen, tmp_path):
    kills.ends(dozen, tmp_path / "out", "--resume", *BOTH, code=3)
    kills.ends(dozen, tmp_path / "undisturbed", *BOTH, code=3)
    snapshots.assert_same(snapshots.whole(tmp_path / "out"),
                          snapshots.whole(tmp_path / "undisturbed"))


@pytest.fixture
def complete(tmp_path):
    """Images and output of a run that is complete."""
    source, output = fill(tmp_path / "in", per_class=3), tmp_path / "out"
    kills.ends(source, output, *BOTH)
    return source, output


@pytest.mark.parametrize("timestamp", [["--timestamp", TS], []])
def test_a_complete_run_is_left_alone(complete, timestamp):
    source, output = complete
    before = snapshots.raw(output)
    for more in ([], ["--update"]):
        kills.ends(source, output, "--resume", "--part-rows", 5, *timestamp, *more)
        assert snapshots.raw(output) == before


def test_a_complete_run_with_failed_images_keeps_its_exit_code(dozen, tmp_path):
    kills.ends(dozen, tmp_path / "out", *BOTH, code=3)
    before = snapshots.raw(tmp_path / "out")
    kills.ends(dozen, tmp_path / "out", "--resume", *BOTH, code=3)
    assert snapshots.raw(tmp_path / "out") == before


def test_a_complete_run_that_is_another_is_refused(complete):
    source, output = complete
    before = snapshots.raw(output)
    done = kills.ends(source, output, "--resume", *BOTH, "-k", 4, code=1)
    assert "the number of components was 3 and is 4 now" in done.stderr
    assert "--update" in done.stderr
    assert snapshots.raw(output) == before


def test_a_complete_run_that_lost_a_part_is_refused(complete):
    source, output = complete
    part = next((output / "features" / "csv" / f"features_{TS}").glob("part-00001-*"))
    part.unlink()
    before = snapshots.raw(output)
    done = kills.ends(source, output, "--resume", *BOTH, code=1)
    assert str(part) in done.stderr and "--update" in done.stderr
    assert snapshots.raw(output) == before


def test_an_older_run_that_was_given_up_is_in_nobodys_way(own):
    """A complete run came after it: that is the one that is asked for."""
    source, output = own
    later = ["--part-rows", 5, "--timestamp", "20250201_000000", "-k", 4]
    kills.ends(source, output, *later, code=3)
    before = snapshots.raw(output)
    kills.ends(source, output, "--resume", "--part-rows", 5, "-k", 4, code=3)
    assert snapshots.raw(output) == before
    kills.ends(source, output, "--resume", "--part-rows", 5, "-k", 3, code=3)
    assert (output / "_verger" / f"run_{TS}" / "_SUCCESS").exists()


def test_resume_and_update_together_always_work(own):
    """A line for cron: whatever happened, the newest run is complete afterwards."""
    source, output = own
    line = ["--resume", "--update", "--part-rows", 5]
    kills.ends(source, output, *line, code=3)
    for change in (add_image, touch_image, resize_image, rename_image):
        change(source)
        kills.ends(source, output, *line, code=3)
        newest = sorted((output / "_verger").glob("run_*"))[-1]
        assert (newest / "_SUCCESS").exists()
    kills.ends(source, source.with_name("undisturbed"), "--part-rows", 5, code=3)
    snapshots.assert_same(snapshots.of_run(output, newest.name[len("run_"):]),
                          snapshots.whole(source.with_name("undisturbed")))


# --- All of them ----------------------------------------------------------------------------


def test_runs_are_listed_and_old_ones_deleted(own):
    source, output = own  # with a run that was broken off
    for second in (1, 2, 3):
        kills.ends(source, output, "--part-rows", "5", "--timestamp", f"20250201_00000{second}",
                   code=3)
    listed = verger("runs", output).stdout.splitlines()[1:]
    assert [line.split()[:2] for line in listed] == [
        [TS, "unfinished"], *[[f"20250201_00000{i}", "complete"] for i in (1, 2, 3)]]
    assert all(line.split()[2] == "12" for line in listed)
    assert [line.split()[3] for line in listed[1:]] == ["3/3"] * 3

    # Of a run that goes: it stays.
    assert verger("neighbours", output, "-k", 2, "--timestamp", "20240101_000000").returncode == 0
    before = snapshots.raw(output)
    done = verger("runs", output, "--keep", 2, "--dry-run")
    assert done.stdout.count("would be deleted") == 2 and snapshots.raw(output) == before
    done = verger("runs", output, "--keep", 2)
    assert done.returncode == 0, done.stderr
    left = {timestamp for name in files_below(output)
            for timestamp in re.findall(r"\d{8}_\d{6}", name)}
    assert left == {"20240101_000000", "20250201_000002", "20250201_000003"}
    assert verger("runs", output, "--keep", 2).stdout == ""
    kills.ends(source, output, "--part-rows", "5", "--resume", code=3)


def test_an_output_without_runs(tmp_path):
    done = verger("runs", tmp_path)
    assert (done.returncode, done.stdout) == (1, "") and "holds no runs" in done.stderr


def test_one_run_and_the_newest_tables(fruits, tmp_path):
    output = tmp_path / "out"
    for ts in ("20250101_000000", "20250102_000000"):
        run(fruits, output, "--timestamp", ts, "-k", 2)
    shown = verger("runs", output, "--show", "20250101_000000")
    assert shown.returncode == 0 and shown.stdout.startswith("input"), shown.stderr
    assert "components       2\n" in shown.stdout and "model            seeded:7\n" in shown.stdout
    rows = [row.split() for row in shown.stdout.split("\n\n")[1].splitlines()]
    assert {row[-1] for row in rows} >= {"pca/csv/pca_20250101_000000", "_verger/run_20250101_000000"}
    assert all(row[0] == "complete" for row in rows)
    (output / "pca/csv/pca_20250101_000000/_SUCCESS").unlink()
    assert "unfinished" in verger("runs", output, "--show", "20250101_000000").stdout
    assert verger("runs", output, "--show", "20250103_000000").returncode == 1

    def latest(name):
        done = verger("runs", output, "--latest", name)
        return done.stdout.strip().removeprefix(f"{output}/") if done.returncode == 0 else None

    def pointer():
        return json.loads((output / "_verger" / "latest.json").read_text())

    assert latest("pca") == "pca/parquet/pca_20250102_000000" == pointer()["pca/parquet"]
    assert latest("features/csv") == "features/csv/features_20250102_000000"
    assert latest("pca_file") == "model_info/pca_20250102_000000" == pointer()["pca_file"]
    # A run of an older timestamp is not the newest; a PCA again may be.
    run(fruits, output, "--timestamp", "20241231_000000", "-k", 2)
    assert verger("pca", output, output, "-k", 1, "--timestamp", "20250104_000000").returncode == 0
    assert pointer()["features/csv"] == "features/csv/features_20250102_000000"
    assert latest("pca") == "pca/parquet/pca_20250104_000000" == pointer()["pca/parquet"]
    # What is deleted is not named any more; what is not complete, not found.
    run(fruits, output, "--timestamp", "20250105_000000", "-k", 0, "--format", "csv")
    assert verger("runs", output, "--keep", 1).returncode == 0
    assert pointer()["features/csv"] == "features/csv/features_20250105_000000"
    assert "features/parquet" not in pointer() and latest("features/parquet") is None
    (output / "pca/parquet/pca_20250104_000000/_SUCCESS").unlink()
    assert latest("pca") == "pca/csv/pca_20250104_000000"
    (output / "_verger" / "latest.json").write_text("{]")
    run(fruits, output, "--timestamp", "20250106_000000", "-k", 0, "--format", "csv")
    assert pointer() == {"features/csv": "features/csv/features_20250106_000000",
                         "metadata": "metadata/metadata_20250106_000000"}
    assert verger("runs", output, "--latest", "what").returncode == 1
    assert verger("runs", output, "--latest", "pca", "--keep", 1).returncode == 2


def test_others_follow_the_pointer(fruits, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    run(fruits, tmp_path, "-k", 2)
    duckdb.sql(f"SET VARIABLE pca = (SELECT \"pca/parquet\" FROM '{tmp_path}/_verger/latest.json')")
    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{tmp_path}/' || getvariable('pca') || "
                      "'/*.parquet')").fetchall() == [(24,)]
