"""Updates: the tables are those of a run from nothing, and only what is new is extracted."""

import json
import os
import random
import shutil

import kills
import pytest
import snapshots
from conftest import encoded, fill, photograph, table_folder, verger
from damages import DAMAGES, delete, flip, in_turn, truncate

WORDS = ["-k", 3, "--model", "seeded:7", "--progress", "json", "--part-rows", 7]
BASE, NEXT, LAST = "20250101_000000", "20250102_000000", "20250103_000000"


def run(source, output, *arguments, code=0, options=None):
    """The end event of verger run, and its warnings."""
    done = verger("run", source, output, *WORDS, *arguments, **(options or {}))
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code, events
    warnings = [e["message"] for e in events if e.get("level") == "warning"]
    return events[-1], [w for w in warnings if "drawn from a seed" not in w]


def update(source, output, *arguments, timestamp=NEXT, **more):
    return run(source, output, "--update", "--timestamp", timestamp, *arguments, **more)


def counts(event):
    return {key: event[key] for key in ("kept", "added", "changed", "failed_before", "vanished",
                                        "failed")}


def says(kept, added=0, changed=0, failed_before=0, vanished=0, failed=0):
    return dict(kept=kept, added=added, changed=changed, failed_before=failed_before,
                vanished=vanished, failed=failed)


def assert_from_nothing(source, output, *arguments, timestamp=NEXT, code=0):
    """The run of that timestamp is bit for bit one that had no other to build on."""
    other = output.with_name("from-nothing")
    shutil.rmtree(other, ignore_errors=True)
    run(source, other, "--timestamp", timestamp, *arguments, code=code)
    snapshots.assert_same(snapshots.of_run(output, timestamp), snapshots.whole(other))


def state(output, pattern, timestamp=BASE):
    return next((output / "_verger" / f"run_{timestamp}").glob(pattern))


def test_the_run_that_is_built_on_is_not_overwritten(base):
    source, output = base
    put(image(source, 77), 9)
    before = snapshots.whole(output)
    event, _ = update(source, output, "--overwrite", timestamp=BASE, code=1)
    assert "give another --timestamp" in event["error"], event
    snapshots.assert_same(snapshots.whole(output), before)


def test_a_moved_input_has_nothing_new(base):
    source, output = base
    moved = source.rename(source.with_name("elsewhere"))
    event, warnings = update(moved, output)
    assert (counts(event), warnings) == (says(24), [])
    assert_from_nothing(moved, output)


@pytest.fixture(scope="module")
def first(fruits, tmp_path_factory):
    """A run over 24 images; tests must not write there."""
    output = tmp_path_factory.mktemp("first") / "out"
    run(fruits, output, "--timestamp", BASE)
    return output


@pytest.fixture
def base(fruits, first, tmp_path):
    """Copies of the images and of that run, which takes the copies for its input."""
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(fruits, source)
    shutil.copytree(first, output)
    plan = state(output, "run.json")
    plan.write_text(plan.read_text().replace(str(fruits), str(source)))
    return source, output


def image(source, i, name="Apple 1"):
    return source / "Training" / name / f"r_{i}_100.jpg"


def put(path, seed, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(photograph(seed), **{"quality": 90, **options}))


def set_times(path, times):
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def change_behind_its_time_and_size(path):
    """One bit in the middle of the picture, with the time set back."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    middle = data.index(b"\xff\xda") + (len(data) - data.index(b"\xff\xda")) // 2
    data[middle] ^= 0x10
    path.write_bytes(data)
    set_times(path, times)


# --- What changes ------------------------------------------------------------------------


def test_images_come_and_go(base):
    source, output = base
    before = snapshots.of_run(output, BASE)
    put(image(source, 99), 100)
    put(source / "Training" / "Quince" / "a.jpg", 101)
    image(source, 3).unlink()
    shutil.rmtree(source / "Training" / "Pear 1")
    event, warnings = update(source, output)
    assert counts(event) == says(kept=15, added=2, vanished=9)
    assert warnings == []
    assert snapshots.of_run(output, BASE) == before
    assert_from_nothing(source, output)


def test_a_folder_is_renamed(base):
    source, output = base
    (source / "Training" / "Apple 1").rename(source / "Training" / "Zucchini")
    event, _ = update(source, output)
    assert counts(event) == says(kept=16, added=8, vanished=8)
    assert_from_nothing(source, output)


def test_size_or_time_tell_a_change(base):
    source, output = base
    times = image(source, 1).stat()
    put(image(source, 1), 50)
    set_times(image(source, 1), times)
    change_behind_its_time_and_size(image(source, 2))
    os.utime(image(source, 2), (2e9, 2e9))
    os.utime(image(source, 3), (2e9, 2e9))
    event, _ = update(source, output)
    assert counts(event) == says(kept=21, changed=3)
    assert_from_nothing(source, output)


def test_checksums_tell_more_and_less(base):
    """A content that changed behind size and time; a time without a change of content."""
    source, output = base
    change_behind_its_time_and_size(image(source, 2))
    os.utime(image(source, 3), (2e9, 2e9))
    event, _ = update(source, output, "--checksum")
    assert counts(event) == says(kept=23, changed=1)
    assert_from_nothing(source, output)


def test_a_change_that_only_checksums_tell_goes_unseen_without(base):
    source, output = base
    change_behind_its_time_and_size(image(source, 2))
    before = snapshots.raw(output)
    event, _ = run(source, output, "--update")
    assert event["timestamp"] == BASE and event["kept"] == 24
    assert snapshots.raw(output) == before


def test_a_broken_image_is_tried_again_and_repaired(base):
    source, output = base
    whole = image(source, 5).read_bytes()
    image(source, 5).write_bytes(whole[:200])
    event, _ = update(source, output, code=3)
    assert counts(event) == says(kept=23, changed=1, failed=1)
    assert_from_nothing(source, output, code=3)
    event, _ = update(source, output, timestamp="20250102_000001", code=3)
    assert counts(event) == says(kept=23, failed_before=1, failed=1)
    image(source, 5).write_bytes(whole)
    event, _ = update(source, output, timestamp=LAST)
    assert counts(event) == says(kept=23, failed_before=1)
    assert_from_nothing(source, output, timestamp=LAST)


def test_nothing_has_changed(base):
    source, output = base
    before = snapshots.raw(output)
    event, _ = run(source, output, "--update")
    assert (event["timestamp"], event["kept"], event["exit_code"]) == (BASE, 24, 0)
    assert snapshots.raw(output) == before


def test_names_that_are_no_text(base):
    source, output = base
    odd = os.fsencode(source) + b"/Training/Apple 1/caf\xe9 \xff.jpg"
    data = image(source, 1).read_bytes()
    with open(odd, "wb") as file:
        file.write(data)
    event, _ = update(source, output)
    assert counts(event) == says(kept=24, added=1)
    put(image(source, 60), 60)
    event, _ = update(source, output, timestamp=LAST)
    assert counts(event) == says(kept=25, added=1)
    assert_from_nothing(source, output, timestamp=LAST)


def test_ten_updates_do_not_drift(base):
    source, output = base
    draw = random.Random(7)
    for day in range(2, 12):
        images = sorted(source.rglob("*.jpg"))
        for i in range(draw.randint(1, 4)):
            put(image(source, draw.randint(100, 999), f"Kind {draw.randint(0, 3)}"), 1000 * day + i)
        draw.choice(images).unlink()
        timestamp = f"202501{day:02}_000000"
        event, warnings = update(source, output, timestamp=timestamp)
        assert event["kept"] + event["added"] + event["changed"] == event["selected"]
        assert event["kept"] == len(images) - 1 and warnings == []
    assert_from_nothing(source, output, timestamp=timestamp)


# --- Other ways to name images -------------------------------------------------------------


@pytest.mark.parametrize("arguments, kept, vanished", [
    (["--limit", 10], 10, 14),
    (["--select", "Training/Pear*/*.jpg"], 8, 16),
    (["--select", "**/r_[0-3]_*.jpg"], 12, 12),
    (["--mode", "apples"], 16, 8)])
def test_fewer_images_are_selected(base, arguments, kept, vanished):
    source, output = base
    event, _ = update(source, output, *arguments)
    assert counts(event) == says(kept=kept, vanished=vanished)
    assert_from_nothing(source, output, *arguments)


def test_a_list_of_files(base, tmp_path):
    source, output = base
    names = [str(p.relative_to(source)) for p in sorted(source.rglob("*.jpg"))[::-2]]
    put(source / "elsewhere" / "new.jpg", 70)
    (tmp_path / "list").write_text("\n".join([*names, "elsewhere/new.jpg", "gone.jpg"]))
    event, _ = update(source, output, "--files-from", tmp_path / "list", code=3)
    assert counts(event) == says(kept=12, added=2, vanished=12, failed=1)
    assert_from_nothing(source, output, "--files-from", tmp_path / "list", code=3)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_base_has_one_format(fruits, tmp_path, kind):
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(fruits, source)
    run(source, output, "--timestamp", BASE, "--format", kind)
    put(image(source, 80), 80)
    event, _ = update(source, output)
    assert counts(event) == says(kept=24, added=1)
    assert_from_nothing(source, output)


@pytest.mark.parametrize("arguments", [["-k", 9], ["--part-rows", 5], ["--format", "csv"]])
def test_other_options_that_leave_the_features(base, arguments):
    source, output = base
    event, _ = update(source, output, *arguments)
    assert counts(event) == says(kept=24)
    assert_from_nothing(source, output, *arguments)


@pytest.mark.parametrize("arguments, reason", [
    (["--model", "seeded:8"], "the model was seeded:7 and is seeded:8 now"),
    (["--exif-orient"], "--exif-orient was 0 and is 1 now"),
    (["--max-pixels", 20000], "--max-pixels was"),
    (["--max-file-size", "1000000"], "--max-file-size was")])
def test_other_features_are_refused(base, arguments, reason):
    source, output = base
    before = snapshots.raw(output)
    event, _ = update(source, output, *arguments, code=1)
    assert reason in event["error"] and "--update" in event["error"]
    assert snapshots.raw(output) == before


# --- Damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which, damage", in_turn(["features", "images", "record"]))
def test_a_part_of_the_base_is_damaged(base, which, damage):
    source, output = base
    put(image(source, 90, "Zebra"), 90)
    part = {"features": next(table_folder(output, "features", "parquet", BASE).glob("part-00001-*")),
            "images": state(output, "part-00001-*"),
            "record": state(output, "part-00001.json")}[which]
    damage(part)
    event, warnings = update(source, output)
    assert event["kept"] in (17, 24)
    assert counts(event) == says(kept=event["kept"], added=25 - event["kept"])
    if (which, damage) not in (("record", delete), ("record", flip)):
        assert event["kept"] == 17
        assert any("part 1 of the run" in w and part.name.split("-")[0] in w for w in warnings)
    assert_from_nothing(source, output)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_plan_of_the_base_is_damaged(base, damage):
    source, output = base
    put(image(source, 90), 90)
    damage(state(output, "run.json"))
    event, warnings = update(source, output)
    assert event["kept"] in (0, 24)
    if damage is not flip and damage is not delete:
        assert any("run.json" in w for w in warnings), warnings
    assert_from_nothing(source, output)


@pytest.mark.parametrize("damage", [delete, truncate])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_complete_run_that_lost_a_part_is_made_again(base, kind, damage):
    source, output = base
    damage(next(table_folder(output, "features", kind, BASE).glob("part-00002-*")))
    event, warnings = update(source, output)
    assert event["kept"] == (24 if kind == "csv" else 17)
    assert any("damaged" in w for w in warnings)
    assert_from_nothing(source, output)


# --- Updates that are broken off -----------------------------------------------------------------


def test_an_unfinished_run_is_updated(fruits, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(fruits, source)
    words = ["--part-rows", 7, "--timestamp", BASE]
    changes = kills.changes(source, tmp_path / "count", *words)
    assert kills.killed_at(changes // 2, source, output, *words)
    parts = len(list((output / "_verger" / f"run_{BASE}").glob("part-*.json")))
    assert parts > 0
    put(image(source, 90, "Zebra"), 90)
    event, _ = update(source, output)
    assert counts(event) == says(kept=7 * parts, added=25 - 7 * parts)
    assert_from_nothing(source, output)


def test_a_killed_update_goes_on(base):
    source, output = base
    put(image(source, 90), 90)
    image(source, 2).unlink()
    words = ["--part-rows", 7, "--timestamp", NEXT]
    shutil.copytree(output, output.with_name("count"))
    changes = kills.changes(source, output.with_name("count"), "--update", *words)
    whole = snapshots.of_run(output.with_name("count"), NEXT)
    for i in range(1, 6):
        kills.killed_at(i * changes // 8, source, output, "--update", *words, *["--resume"][:i - 1])
    before = snapshots.of_run(output, BASE)
    event, _ = run(source, output, "--resume", "--timestamp", NEXT)
    assert event["kept"] >= 23 and event["extracted"] == 24
    assert snapshots.of_run(output, BASE) == before
    snapshots.assert_same(snapshots.of_run(output, NEXT), whole)


@pytest.mark.parametrize("replace", [False, True])
def test_a_killed_update_goes_on_without_its_base(base, replace):
    """The base is deleted, or replaced by the features of another model."""
    source, output = base
    put(image(source, 90), 90)
    words = ["--part-rows", 7, "--timestamp", NEXT]
    shutil.copytree(output, output.with_name("count"))
    changes = kills.changes(source, output.with_name("count"), "--update", *words)
    assert kills.killed_at(changes // 3, source, output, "--update", *words)
    if replace:
        run(source, output, "--timestamp", BASE, "--overwrite", "--model", "seeded:8")
    else:
        shutil.rmtree(output / "_verger" / f"run_{BASE}")
    event, warnings = run(source, output, "--resume", "--timestamp", NEXT)
    assert event["kept"] < 25
    assert any(BASE in w and "extracted" in w for w in warnings)
    assert_from_nothing(source, output)
