"""Updates that take over the parts of the run before: the same bytes, and nothing written twice."""

import errno
import json
import math
import os
import pathlib
import random
import shutil
import subprocess

import kills
import pytest
import snapshots
from conftest import BUILD, verger
from damages import SEED, in_turn

# The command with features drawn from a hash of the file (tests/scale): parts that are taken over
# have many images.
STANDIN = {"program": "verger_standin"}
WORDS = ["--model", "seeded:7", "-k", 3, "--progress", "json", "--part-rows", 64]
BASE, NEXT, LAST = "20250101_000000", "20250102_000000", "20250103_000000"
FOLDERS, IMAGES = 8, 60


def put(path, text=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or f"in place of {path.name} of {path.parent.name}\n")


def image(source, folder, number):
    return source / f"Kind {folder}" / f"{number:03}.jpg"


def run(source, output, *arguments, code=0, env=None):
    """The end event, and what was logged."""
    command = [BUILD / "verger_standin", "run", source, output, *WORDS, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, env=env)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code, events
    return events[-1], [e["message"] for e in events if "message" in e]


def update(source, output, *arguments, timestamp=NEXT, **more):
    return run(source, output, "--update", "--timestamp", timestamp, *arguments, **more)


def state(output, timestamp):
    return output / "_verger" / f"run_{timestamp}"


def records(output, timestamp):
    return [json.loads(path.read_text()) for path in sorted(state(output, timestamp).glob("part-*.json"))]


def shared_parts(output, timestamp, before=BASE):
    """How many parts have their files in common with the run before, all or those of tables."""
    nodes = {path.stat().st_ino for path in output.rglob("part-*") if before in str(path)}
    whole = tables = 0
    for record in records(output, timestamp):
        shared = [(output / file["path"]).stat().st_ino in nodes for file in record["files"]]
        whole += all(shared)
        tables += all(is_shared for is_shared, file in zip(shared, record["files"])
                      if file["path"].startswith(("features", "metadata")))
    return whole, tables


def assert_from_nothing(source, output, *arguments, timestamp=NEXT, code=0):
    """Bit for bit a run that had no other to build on."""
    other = output.with_name("from-nothing")
    shutil.rmtree(other, ignore_errors=True)
    run(source, other, "--timestamp", timestamp, *arguments, code=code)
    snapshots.assert_same(snapshots.of_run(output, timestamp), snapshots.whole(other))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "in"
    for kind in range(FOLDERS):
        for number in range(IMAGES):
            put(image(folder, kind, number))
    return folder


@pytest.fixture
def base(images, tmp_path):
    """A copy of the images, and a run over them."""
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(images, source)
    run(source, output, "--timestamp", BASE)
    assert 5 <= len(records(output, BASE)) <= 12
    return source, output


# --- What is taken over -------------------------------------------------------------------


def test_one_image_more_writes_one_part(base):
    source, output = base
    parts = len(records(output, BASE))
    before = snapshots.of_run(output, BASE)
    put(image(source, 3, 900))
    event, _ = update(source, output)
    assert (event["kept"], event["added"]) == (FOLDERS * IMAGES, 1)
    whole, _ = shared_parts(output, NEXT)
    assert parts - 2 <= whole < parts
    assert snapshots.of_run(output, BASE) == before
    assert_from_nothing(source, output)


def test_without_the_run_before_the_new_one_is_whole(base):
    source, output = base
    put(image(source, 3, 900))
    update(source, output)
    whole = snapshots.of_run(output, NEXT)
    assert verger("runs", output, "--keep", 1).returncode == 0
    assert snapshots.of_run(output, NEXT) == whole and not state(output, BASE).exists()
    put(image(source, 4, 900))
    event, _ = update(source, output, timestamp=LAST)
    assert event["kept"] == FOLDERS * IMAGES + 1
    assert_from_nothing(source, output, timestamp=LAST)


def test_updates_of_updates(base):
    source, output = base
    draw = random.Random(3)
    days = [BASE, *(f"202501{day:02}_000000" for day in range(2, 7))]
    for before, timestamp in zip(days, days[1:]):
        put(image(source, draw.randrange(FOLDERS), draw.randrange(100, 900)))
        victim = draw.choice(sorted(source.rglob("*.jpg")))
        victim.unlink()
        update(source, output, timestamp=timestamp)
        assert shared_parts(output, timestamp, before)[0] > 0
    assert_from_nothing(source, output, timestamp=timestamp)


@pytest.mark.parametrize("arguments, is_taken", [
    (["-k", 5, "--threads", 1], True), (["--center"], True), (["--format", "csv"], False),
    (["--part-rows", 80], None)])
def test_what_files_are_made_of_decides(base, arguments, is_taken):
    source, output = base
    event, _ = update(source, output, *arguments)
    assert event["kept"] == FOLDERS * IMAGES
    assert is_taken in (None, shared_parts(output, NEXT)[0] > 0)  # parts may end at the same images
    assert_from_nothing(source, output, *arguments)


def test_another_place_of_the_input(base):
    """Rows have addresses: features are copied, files are not."""
    source, output = base
    moved = source.rename(source.with_name("elsewhere"))
    event, _ = update(moved, output)
    assert event["kept"] == FOLDERS * IMAGES and shared_parts(output, NEXT) == (0, 0)
    assert_from_nothing(moved, output)


def test_labels_and_columns_are_part_of_rows(base, tmp_path):
    source, output = base
    names = [path.relative_to(source) for path in sorted(source.rglob("*.jpg"))]
    listed = tmp_path / "list.csv"

    def write(changed):
        listed.write_text("path,label,farm\n" + "".join(
            f"{name},{'other' if i in changed else 'a'},f{i}\n" for i, name in enumerate(names)))
    words = ["--files-from", listed, "--keep-columns", "farm"]
    write([])
    update(source, output, *words)
    assert shared_parts(output, NEXT) == (0, 0)
    write([7])
    update(source, output, *words, timestamp=LAST)
    whole, _ = shared_parts(output, LAST, NEXT)
    assert whole == len(records(output, NEXT)) - 1
    assert_from_nothing(source, output, *words, timestamp=LAST)


def test_images_that_failed_are_tried_again(base):
    """A part with failures is taken over where they stay, and made anew where one is mended."""
    source, output = base
    for kind in (1, 5):
        image(source, kind, 7).unlink()
        image(source, kind, 7).symlink_to("nowhere")
    event, _ = update(source, output, code=3)
    assert event["failed"] == 2
    put(image(source, 7, 900))
    event, said = update(source, output, timestamp=LAST, code=3)
    assert (event["failed"], event["failed_before"], event["added"]) == (2, 2, 1)
    assert len([s for s in said if "007.jpg: cannot read" in s]) == 2
    whole, tables = shared_parts(output, LAST, NEXT)
    assert tables == whole + 2
    assert_from_nothing(source, output, timestamp=LAST, code=3)
    image(source, 1, 7).unlink()
    put(image(source, 1, 7))
    mended = "20250104_000000"
    event, said = update(source, output, timestamp=mended, code=3)
    assert (event["failed"], event["failed_before"]) == (1, 2)
    assert len([s for s in said if "007.jpg: cannot read" in s]) == 1
    assert shared_parts(output, mended, LAST)[1] == len(records(output, LAST)) - 1
    assert_from_nothing(source, output, timestamp=mended, code=3)


def test_checksums_look_at_contents(base):
    source, output = base
    times = image(source, 2, 3).stat()
    put(image(source, 2, 3), "in place of 003.jpg of Kind X\n")  # behind size and time
    os.utime(image(source, 2, 3), ns=(times.st_atime_ns, times.st_mtime_ns))
    os.utime(image(source, 6, 3), (2e9, 2e9))
    event, _ = update(source, output, "--checksum")
    assert (event["kept"], event["changed"]) == (FOLDERS * IMAGES - 1, 1)
    whole, tables = shared_parts(output, NEXT)
    assert tables == len(records(output, BASE)) - 1
    assert_from_nothing(source, output)


# --- Faults -------------------------------------------------------------------------------


@pytest.mark.parametrize("table, damage", in_turn(["features/csv", "features/parquet", "metadata"]))
def test_a_file_of_the_run_before_is_damaged(base, table, damage):
    source, output = base
    damage(next(path for path in (output / table).rglob("part-00002-*")))
    put(image(source, 7, 900))
    event, _ = update(source, output)
    assert event["failed"] == 0
    assert shared_parts(output, NEXT)[0] < len(records(output, BASE)) - 1
    assert_from_nothing(source, output)


def test_times_that_a_copy_has_lost(base):
    """Contents are compared where times tell nothing."""
    source, output = base
    for path in output.rglob("part-*"):
        os.utime(path, (1.7e9, 1.7e9))
    put(image(source, 7, 900))
    update(source, output)
    assert shared_parts(output, NEXT)[0] >= len(records(output, BASE)) - 2
    assert_from_nothing(source, output)


def test_records_of_earlier_versions(base):
    """They say neither rows nor times: features are copied, as those versions did."""
    source, output = base
    for path in state(output, BASE).glob("part-*.json"):
        record = json.loads(path.read_text())
        del record["rows_sha256"]
        for file in record["files"]:
            del file["stamp"]
        path.write_text(json.dumps(record))
    plan = json.loads((state(output, BASE) / "run.json").read_text())
    parts = plan.pop("parts")
    del plan["part_ends"]
    plan["part_rows"] = math.ceil(FOLDERS * IMAGES / parts)
    (state(output, BASE) / "run.json").write_text(json.dumps(plan))
    event, _ = update(source, output)
    assert event["kept"] == FOLDERS * IMAGES and shared_parts(output, NEXT) == (0, 0)
    assert_from_nothing(source, output)


@pytest.mark.parametrize("call", ["link", "copy"])
def test_file_systems_without_links(base, call):
    """Files are copied there, where the kernel does not do that through memory."""
    source, output = base
    put(image(source, 7, 900))
    library = BUILD / "libmachine_fault.so"
    if not library.exists():
        pytest.skip("not with a sanitizer")
    event, _ = update(source, output, env={
        **os.environ, "LD_PRELOAD": str(library), "VERGER_FAULT_CALL": call,
        "VERGER_FAULT_ERRNO": str(errno.EXDEV)})
    assert event["kept"] == FOLDERS * IMAGES and shared_parts(output, NEXT) == (0, 0)
    assert_from_nothing(source, output)


# --- Kills --------------------------------------------------------------------------------


def test_kills_of_an_update_that_takes_over(base, tmp_path):
    """Killed at moments all over it, others each time, each resumed."""
    source, output = base
    put(image(source, 5, 900))
    words = ["--part-rows", 64, "--timestamp", NEXT, "--update"]
    counted = tmp_path / "count"
    shutil.copytree(output, counted)
    changes = kills.changes(source, counted, *words, **STANDIN)
    expected, before = snapshots.of_run(counted, NEXT), snapshots.of_run(output, BASE)
    step = max(1, changes // 6)
    for point in range(1 + SEED % step, changes + 1, step):
        print(f"seed {SEED}: killed at {point} of {changes}")
        own = tmp_path / f"{point}"
        shutil.copytree(output, own)
        assert kills.killed_at(point, source, own, *words, **STANDIN)
        run(source, own, "--resume", "--update", "--timestamp", NEXT)
        snapshots.assert_same(snapshots.of_run(own, NEXT), expected)
        assert snapshots.of_run(own, BASE) == before
        shutil.rmtree(own)


def test_a_killed_update_goes_on_without_the_run_before(base):
    source, output = base
    put(image(source, 5, 900))
    words = ["--part-rows", 64, "--timestamp", NEXT, "--update"]
    counted = output.with_name("count")
    shutil.copytree(output, counted)
    changes = kills.changes(source, counted, *words, **STANDIN)
    assert kills.killed_at(changes // 3, source, output, *words, **STANDIN)
    for folder in [*output.glob(f"*/*_{BASE}"), *output.glob(f"*/*/*_{BASE}")]:
        shutil.rmtree(folder)
    event, _ = run(source, output, "--resume", "--timestamp", NEXT)
    assert event["extracted"] == FOLDERS * IMAGES + 1
    assert_from_nothing(source, output)


# --- Buckets --------------------------------------------------------------------------------


def test_a_bucket_copies(images, gateway, tmp_path):
    """The server does, and only what it has as it was written."""
    source = pathlib.Path(shutil.copytree(images, tmp_path / "in"))
    folder, env = gateway.bucket("taken-tables"), gateway.environment()
    run(source, "s3://taken-tables/t", "--timestamp", BASE, env=env)
    damaged = next((folder / "t" / "features" / "csv").rglob("part-00003-*"))
    data = damaged.read_bytes()
    subprocess.run([str(BUILD / "io_tool"), "put", "s3://taken-tables/t", str(
        damaged.relative_to(folder / "t"))], input=data[:-9], env=env, check=True)
    put(image(source, 7, 900))
    event, said = run(source, "s3://taken-tables/t", "--update", "--timestamp", NEXT, "--log-level",
                      "debug", env=env)
    assert event["kept"] == FOLDERS * IMAGES
    written = [s for s in said if "instead of being taken over" in s]
    assert len(written) == 1 and "part 3 " in written[0], written
    run(source, tmp_path / "local", "--timestamp", NEXT)
    ours = snapshots.of_run(folder / "t", NEXT)
    for name, content in snapshots.whole(tmp_path / "local").items():
        if not name.endswith((".json", ".txt")):
            assert ours[name] == content, name
