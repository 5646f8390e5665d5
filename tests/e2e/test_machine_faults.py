"""What a machine does that a run can't help: folders that can't be listed, disks that go,
locks and renames that a file system lacks."""

import subprocess
import time

import pytest
from conftest import BUILD, SEEDED, TS, features, files_below, model_info, successes
from failing_machine import ended, environment, run, without_rights

CLASS = "Training/Apple 2"


# --- Folders that can't be listed ------------------------------------------------------------

def check_left_out(done, output, folder, images):
    assert f"cannot list {folder}" in done.stderr and "images are left out" in done.stderr
    assert "1 folder that could not be listed" in done.stdout
    assert len(features(output)) == images


def test_an_output_that_is_a_file(own_fruits, tmp_path):
    (tmp_path / "out").touch()
    done = run(own_fruits, tmp_path / "out", code=1)
    assert f"{tmp_path / 'out'} is a file, not a folder" in done.stderr.splitlines()[-1]


def test_folder_without_permission(own_fruits, tmp_path):
    folder = own_fruits / CLASS
    folder.chmod(0)
    done = run(own_fruits, tmp_path / "out", code=3, wrap=without_rights)
    check_left_out(done, tmp_path / "out", folder, 16)
    assert "permission denied" in done.stderr
    done = ended("metadata", own_fruits, tmp_path / "out", code=3, wrap=without_rights)
    assert f"cannot list {folder}" in done.stderr
    # Whose names may be read, but not what they lead to.
    folder.chmod(0o600)
    done = run(own_fruits, tmp_path / "again", code=3, wrap=without_rights)
    check_left_out(done, tmp_path / "again", folder, 16)
    folder.chmod(0o700)


def test_folder_that_goes(own_fruits, tmp_path):
    done = run(own_fruits, tmp_path / "out", code=3,
               env=environment("list", "ENOENT", below=CLASS))
    check_left_out(done, tmp_path / "out", own_fruits / CLASS, 16)


def test_folders_too_deep_for_a_name(own_fruits, tmp_path):
    import os
    start = os.getcwd()
    try:
        os.chdir(own_fruits)
        for _ in range(300):
            os.mkdir("twenty letters a name")
            os.chdir("twenty letters a name")
    finally:
        os.chdir(start)
    done = run(own_fruits, tmp_path / "out", code=3)
    assert "name is too long" in done.stderr
    assert len(features(tmp_path / "out")) == 24


@pytest.mark.parametrize("name,words", [("lost+found", []), (".Trash-1000", []),
                                        ("attic", ["--exclude", "**/attic"])])
def test_folders_that_hold_no_image_of_the_run(own_fruits, tmp_path, name, words):
    (own_fruits / "Training" / name).mkdir(mode=0)
    done = run(own_fruits, tmp_path / "out", *words, wrap=without_rights)
    assert "cannot list" not in done.stderr


def test_input_without_permission(own_fruits, tmp_path):
    own_fruits.chmod(0)
    done = run(own_fruits, tmp_path / "out", code=1, wrap=without_rights)
    assert "permission denied" in done.stderr
    own_fruits.chmod(0o700)
    done = run(own_fruits, tmp_path / "out", code=1,
               env=environment("list", "EIO", below=CLASS))
    assert "the device reports an error" in done.stderr
    assert not (tmp_path / "out").exists()


# --- Disks and shares that go -------------------------------------------------------------------

@pytest.mark.parametrize("error,says", [("EIO", "the device reports an error"),
                                        ("ESTALE", "network share has changed"),
                                        ("ENOTCONN", "mount it again")])
def test_disk_that_goes(own_fruits, tmp_path, error, says):
    done = run(own_fruits, tmp_path / "out", "--part-rows", 8, "--threads", 1, code=1,
               env=environment("read", error, below=".jpg", first=13))
    assert says in done.stderr and done.stderr.rstrip().endswith("then --resume")
    assert successes(tmp_path / "out") == []
    run(own_fruits, tmp_path / "out", "--part-rows", 8, "--resume")
    run(own_fruits, tmp_path / "whole", "--part-rows", 8)
    assert features(tmp_path / "out").tobytes() == features(tmp_path / "whole").tobytes()


def test_no_image_that_is_one(own_fruits, tmp_path):
    """Tables without a row would hide the good ones of an earlier run."""
    good, bad = "20250101_000000", "20250102_000000"
    words = ["-k", 2, *SEEDED, "--timestamp"]
    ended("run", own_fruits, tmp_path / "out", *words, good)
    for path in own_fruits.rglob("*.jpg"):
        path.write_bytes(b"no picture")
    done = ended("run", own_fruits, tmp_path / "out", *words, bad, code=1)
    assert "none of 24 images gave features; most often: " in done.stderr
    assert all(bad not in path for path in successes(tmp_path / "out"))
    ended("pca", tmp_path / "out", tmp_path / "again", "-k", 2, "--timestamp", bad)
    assert good in model_info(tmp_path / "again", bad)["features"]


# --- File systems without locks, or without renames ------------------------------------------------

@pytest.mark.parametrize("error", ["ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL"])
def test_without_locks_there_is_a_lease(fruits, tmp_path, error):
    done = run(fruits, tmp_path / "out", env=environment("flock", error))
    assert "the file system has no locks: a lease is kept" in done.stderr
    assert not (tmp_path / "out/_verger/lock").exists()


def test_a_lock_that_a_signal_interrupts(fruits, tmp_path):
    done = run(fruits, tmp_path / "out", env=environment("flock", "EINTR", times=1))
    assert "lease" not in done.stderr


def started(source, output, timestamp):
    """A slow run under a lease, once it has it."""
    env = {**environment("flock", "ENOLCK"), "VERGER_FAULT_SLOW": ".slow.jpg"}
    words = [str(BUILD / "verger"), "run", str(source), str(output), "-k", "2", *SEEDED, "--timestamp",
             timestamp, "--part-rows", "1", "--threads", "1"]
    process = subprocess.Popen(words, env=env, text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    lock = output / "_verger/lock"
    while not (output / f"_verger/run_{timestamp}/part-00000.json").exists():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
    assert timestamp in lock.read_text()
    return process, lock


@pytest.fixture
def slow_images(own_fruits):
    """Which take half a second each: a run of 24 outlives two beats of its lease."""
    for path in own_fruits.rglob("*.jpg"):
        path.rename(path.with_suffix(".slow.jpg"))
    return own_fruits


def test_a_lease_whose_holder_lives(slow_images, tmp_path):
    holder, lock = started(slow_images, tmp_path / "out", TS)
    first = lock.read_text()
    deadline = time.monotonic() + 30
    while lock.read_text() == first:  # one beat
        assert time.monotonic() < deadline
        time.sleep(0.05)
    start = time.monotonic()
    done = run(slow_images, tmp_path / "out", "--timestamp", "20250201_000000", code=1,
               env=environment("flock", "ENOLCK"))
    assert "another run is writing to" in done.stderr and TS in done.stderr
    assert time.monotonic() - start < 25  # and not only once it would have counted as dead
    assert holder.wait(timeout=60) == 0
    assert not any("20250201" in name for name in files_below(tmp_path / "out"))


def test_a_run_that_lost_its_lease_writes_no_further_part(slow_images, tmp_path):
    holder, lock = started(slow_images, tmp_path / "out", TS)
    other = "0f252213-583b-4d37-a045-94204efd85a3 elsewhere 1 7 the run of somebody else"
    # As a rename does it: the holder may be about to write its own name.
    (lock.parent / "other").write_text(other)
    (lock.parent / "other").rename(lock)
    _, messages = holder.communicate(timeout=60)
    assert holder.returncode == 1 and "another run has taken over" in messages, messages
    assert lock.read_text() == other
    assert successes(tmp_path / "out") == []
    records = [name for name in files_below(tmp_path / "out") if name.endswith(".json")]
    assert len(records) < 24


@pytest.mark.parametrize("exists, call, error", [
    (True, "rename", "ENOSYS"), (False, "rename", "ENOSYS"), (True, "fsync", "EINVAL"),
    (False, "fsync", "EINVAL"), (False, "fsync", "ENOSYS"), (True, "truncate", "EPERM"),
    (False, "truncate", "EPERM")])
def test_of_a_mounted_bucket_the_bucket_itself_is_asked_for(fruits, tmp_path, exists, call, error):
    if exists:
        (tmp_path / "out").mkdir()
    done = run(fruits, tmp_path / "out", code=1, env=environment(call, error))
    assert "give the bucket: s3://..." in done.stderr
    assert ("selected" in done.stderr) != exists  # told before the input is listed
    assert leftovers_of(tmp_path / "out") == []


def leftovers_of(output):
    return [name for name in files_below(output) if name != "_verger/lock"]


# --- What is on the disk after a power cut ----------------------------------------------------------

def test_every_file_is_on_the_disk_before_it_has_its_name(fruits, tmp_path):
    """A killed process leaves the page cache whole, so only the order of the calls tells. Threads give
    names side by side; what says that something is complete comes after all of them."""
    log, output = tmp_path / "log", tmp_path / "out"
    run(fruits, output, "--part-rows", 10, env=environment(log=log))
    unsynced, waiting, renamed = set(), set(), []
    for line in log.read_text().splitlines():
        call, path, to = line.split("\t")
        if not path.startswith(str(output)):
            continue
        if call == "write":
            unsynced.add(path)
        elif call == "fsync":
            unsynced.discard(path)
            waiting.discard(path)
        else:
            assert path not in unsynced, f"{path} has its name before it is on the disk"
            if to.endswith(("_SUCCESS", ".json")):
                assert not waiting, f"{waiting} have new names that are not on the disk"
            waiting.add(to.rsplit("/", 1)[0])
            renamed.append(to)
    assert not waiting and not {path for path in unsynced if not path.endswith("/lock")}
    assert sum(path.endswith(".parquet") for path in renamed) >= 7
    assert sum(path.endswith("_SUCCESS") for path in renamed) >= 7


# --- Addresses that readers misread -------------------------------------------------------------------

def test_an_output_that_readers_take_for_a_partition(fruits, tmp_path):
    done = run(fruits, tmp_path / "label=apples" / "out")
    assert 'take "label=apples" in the address' in done.stderr
