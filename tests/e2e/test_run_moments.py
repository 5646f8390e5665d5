"""Moments that a run keeps of its parts: used where they are as they were written, else summed again,
and never another bit in a table."""

import json
import os
import random
import shutil
import subprocess

import kills
import pytest
import snapshots
from conftest import BUILD
from damages import DAMAGES, SEED, delete, flip

# The command with features drawn from a hash of the file (tests/scale): moments are kept of parts of
# thousands of images.
STANDIN = {"program": "verger_standin"}
WORDS = ["--model", "seeded:7", "-k", 3]
BASE, NEXT, LAST = "20250101_000000", "20250102_000000", "20250103_000000"
PARTS = ["--format", "parquet", "--part-rows", 2300]
CLASSES, IMAGES, CONTENTS = 10, 510, 50  # two parts of more than 2,048 images


def run(source, output, *arguments, code=0, env=None, timestamp=BASE):
    """What was logged."""
    command = [BUILD / "verger_standin", "run", source, output, *WORDS, *PARTS, "--progress", "json",
               "--timestamp", timestamp, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, env=env)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code, events
    return [e["message"] for e in events if "message" in e]


def update(source, output, *arguments, timestamp=NEXT, **more):
    return run(source, output, "--update", *arguments, timestamp=timestamp, **more)


def put_new(source, name="new.jpg"):
    path = source / "Test" / "Kind 9" / name
    path.write_text(f"in place of {name}\n")
    os.utime(path, (1.7e9, 1.7e9))


def state(output, timestamp):
    return output / "_verger" / f"run_{timestamp}"


def moments(output, timestamp=BASE):
    return sorted(state(output, timestamp).glob("*.moments"))


def shared(output, timestamp, before):
    """Files of moments that two runs have in common."""
    nodes = {path.stat().st_ino for path in moments(output, before)}
    return sum(path.stat().st_ino in nodes for path in moments(output, timestamp))


def assert_from_nothing(source, output, *arguments, timestamp=NEXT, code=0):
    """Tables and moments, bit for bit, of a run that had no other to build on."""
    other = output.with_name("from-nothing")
    shutil.rmtree(other, ignore_errors=True)
    run(source, other, *arguments, timestamp=timestamp, code=code)
    snapshots.assert_same(snapshots.of_run(output, timestamp), snapshots.whole(other))


def take_place(folder):
    """Links of the images where all tests have them."""
    shutil.rmtree(folder / "in", ignore_errors=True)
    return shutil.copytree(folder / "images", folder / "in", copy_function=os.link)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Images of two splits, a run over them, and one over images that had their names before."""
    folder = tmp_path_factory.mktemp("moments")
    contents = [folder / f"{i}" for i in range(CONTENTS)]
    for i, path in enumerate(contents):
        path.write_text(f"in place of image {i:2}\n")
    for kind in range(CLASSES):
        split = folder / "images" / ("Training" if kind < 5 else "Test") / f"Kind {kind}"
        split.mkdir(parents=True)
        for i in range(IMAGES):
            os.link(contents[(kind * 7 + i) % CONTENTS], split / f"{i:03}.jpg")
    take_place(folder)
    run(folder / "in", folder / "other")
    for i, path in enumerate(contents):
        times = path.stat()
        path.write_text(f"another text, of {i:5}\n")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    run(folder / "in", folder / "out")
    return folder


@pytest.fixture
def base(made, tmp_path):
    """The images, and a copy of the run over them, whose rows have that address."""
    source, output = take_place(made), tmp_path / "out"
    shutil.copytree(made / "out", output)
    assert len(moments(output)) == 2
    return source, output


@pytest.fixture(scope="module")
def grown(made):
    """What a run from nothing gives of the images and a new one."""
    put_new(take_place(made))
    run(made / "in", made / "grown", timestamp=NEXT)
    return snapshots.whole(made / "grown")


# --- What is kept -------------------------------------------------------------------------


def test_an_update_shares_the_moments_of_parts_that_stay(grown, base):
    source, output = base
    put_new(source)
    update(source, output)
    assert shared(output, NEXT, BASE) == 1
    snapshots.assert_same(snapshots.of_run(output, NEXT), grown)


def test_moments_that_are_kept_are_not_summed_again(grown, base, made):
    """Those of other images, in place of a part's: the components show them."""
    source, output = base
    theirs, ours = made / "other", output
    path = moments(ours)[0]
    for record in (state(ours, BASE) / "part-00000.json", state(theirs, BASE) / "part-00000.json"):
        assert json.loads(record.read_text())["files"][-1]["path"].endswith(".moments")
    other = json.loads((state(theirs, BASE) / "part-00000.json").read_text())["files"][-1]
    record = json.loads((state(ours, BASE) / "part-00000.json").read_text())
    shutil.copy2(theirs / other["path"], path)
    record["files"][-1].update(bytes=other["bytes"], sha256=other["sha256"], stamp=other["stamp"])
    (state(ours, BASE) / "part-00000.json").write_text(json.dumps(record))
    put_new(source)
    update(source, output)
    own = snapshots.of_run(output, NEXT)
    tables = {name.split("/")[0] for name in own if own[name] != grown[name] and "part-" in name}
    assert {"pca", "model_info"} <= tables and "features" not in tables


@pytest.mark.parametrize("arguments", [["-k", 0], ["--part-rows", 1000], ["--fit-on", "Training"]])
def test_moments_are_kept_where_they_are_worth_it(base, tmp_path, arguments):
    """No PCA, parts that are smaller than their moments, parts of which few rows count."""
    source, _ = base
    run(source, tmp_path / "own", *arguments)
    kept = len(moments(tmp_path / "own"))
    assert kept == 0 if arguments[0] != "--fit-on" else kept == 1
    put_new(source)
    update(source, tmp_path / "own", *arguments)
    assert_from_nothing(source, tmp_path / "own", *arguments)


def test_rows_that_are_chosen_otherwise(base):
    """Moments of all rows are of no use to a PCA of one split, nor the other way round."""
    source, output = base
    update(source, output, "--fit-on", "Test")
    assert shared(output, NEXT, BASE) == 0 and len(moments(output, NEXT)) > 0
    assert_from_nothing(source, output, "--fit-on", "Test")
    put_new(source)
    update(source, output, timestamp=LAST)
    assert_from_nothing(source, output, timestamp=LAST)


def test_a_part_with_failures_keeps_its_moments(base):
    source, output = base
    image = source / "Training" / "Kind 1" / "007.jpg"
    image.unlink()
    image.symlink_to("nowhere")
    update(source, output, code=3)
    put_new(source)
    update(source, output, timestamp=LAST, code=3)
    assert shared(output, LAST, NEXT) == 1
    assert_from_nothing(source, output, timestamp=LAST, code=3)


# --- What is not as it was written ------------------------------------------------------------


@pytest.mark.parametrize("damage, keeps_time", [*((damage, False) for damage in DAMAGES), (flip, True)])
def test_damaged_moments_are_summed_again(grown, base, damage, keeps_time):
    """The new run has them as they should be, the one before as they are."""
    source, output = base
    path = moments(output)[0]
    times = path.stat()
    damage(path)
    if keeps_time and path.exists():
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    before = snapshots.of_run(output, BASE)
    put_new(source)
    update(source, output)
    assert snapshots.of_run(output, BASE) == before
    snapshots.assert_same(snapshots.of_run(output, NEXT), grown)


def forget(output, timestamp):
    """Leaves a run as versions wrote it that kept no moments."""
    for path in state(output, timestamp).glob("part-*.json"):
        record = json.loads(path.read_text())
        record["files"] = [file for file in record["files"] if not file["path"].endswith(".moments")]
        path.write_text(json.dumps(record))
    for path in moments(output, timestamp):
        path.unlink()


@pytest.mark.parametrize("has_failed", [False, True])
def test_runs_of_earlier_versions(base, has_failed):
    """Their moments are summed, and kept from then on."""
    source, output = base
    code = 0
    if has_failed:
        (source / "Training" / "Kind 1" / "007.jpg").unlink()
        (source / "Training" / "Kind 1" / "007.jpg").symlink_to("nowhere")
        update(source, output, timestamp=NEXT, code=3)
        shutil.rmtree(state(output, BASE))
        code = 3
    newest = NEXT if has_failed else BASE
    forget(output, newest)
    put_new(source)
    update(source, output, timestamp=LAST, code=code)
    assert len(moments(output, LAST)) == 2
    assert_from_nothing(source, output, timestamp=LAST, code=code)


# --- Kills, and parts of others ---------------------------------------------------------------


def test_a_killed_update_goes_on(grown, base, tmp_path):
    """Killed all over, each resumed."""
    source, output = base
    put_new(source)
    words = [*PARTS, "--timestamp", NEXT, "--update"]
    shutil.copytree(output, tmp_path / "counted")
    changes = kills.changes(source, tmp_path / "counted", *words, **STANDIN)
    snapshots.assert_same(snapshots.of_run(tmp_path / "counted", NEXT), grown)
    for point in range(random.Random(SEED).randrange(1, 9), changes + 1, max(1, changes // 5)):
        own = tmp_path / f"{point}"
        shutil.copytree(output, own)
        assert kills.killed_at(point, source, own, *words, **STANDIN)
        run(source, own, "--resume", "--update", timestamp=NEXT)
        snapshots.assert_same(snapshots.of_run(own, NEXT), grown)
        shutil.rmtree(own)


@pytest.mark.parametrize("damage", [None, delete, flip])
def test_a_run_that_goes_on_reads_them(grown, base, tmp_path, damage):
    """It is stopped behind its first parts, of which one is damaged then."""
    source, _ = base
    output = tmp_path / "own"
    words = [*PARTS, "--timestamp", NEXT]
    put_new(source)
    changes = kills.changes(source, tmp_path / "counted", *words, **STANDIN)
    assert kills.killed_at(changes * 2 // 3, source, output, *words, **STANDIN)
    assert len(moments(output, NEXT)) > 0
    if damage is not None:
        damage(moments(output, NEXT)[0])
    run(source, output, "--resume", timestamp=NEXT)
    ours = snapshots.of_run(output, NEXT)
    for name, content in grown.items():
        assert name.endswith(".moments") or ours[name] == content, name


def test_others_hand_in_moments(base, tmp_path):
    source, _ = base
    output = tmp_path / "handed"
    command = [BUILD / "verger_standin", "run", source, output, *WORDS, *PARTS, "--progress", "none",
               "--timestamp", BASE]
    with subprocess.Popen([*map(str, command), "--hand-out", "1"], stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE) as leader:
        wanted = json.loads(leader.stdout.readline())["parts"]
        subprocess.run([*map(str, command), "--parts", ",".join(map(str, wanted))], check=True)
        times = {path: path.stat().st_mtime_ns for path in moments(output)}
        assert len(times) == 2
        leader.communicate("done\n", timeout=60)
    assert leader.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in moments(output)} == times
    run(source, tmp_path / "alone")
    snapshots.assert_same(snapshots.whole(output), snapshots.whole(tmp_path / "alone"))


# --- Buckets ----------------------------------------------------------------------------------


def test_a_bucket_has_them_too(grown, base, gateway):
    source, _ = base
    folder, env = gateway.bucket("moments-tables"), gateway.environment()
    run(source, "s3://moments-tables/t", env=env)
    put_new(source)
    update(source, "s3://moments-tables/t", env=env)
    ours = snapshots.of_run(folder / "t", NEXT)
    assert ours.keys() == grown.keys()
    assert len([name for name in ours if name.endswith(".moments")]) == 2
    for name, content in grown.items():
        assert name.endswith((".json", ".txt")) or ours[name] == content, name
