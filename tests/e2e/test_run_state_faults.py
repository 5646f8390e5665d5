"""What befalls a run between its beginning and its end, and the folder where it keeps itself:
each fault has a clear message, and nothing that was written whole is lost."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import kills
import pytest
import snapshots
from conftest import TS, fill, files_below, leftovers, table_folder
from damages import DAMAGES, garbage, in_turn

WORDS = ["--part-rows", "5", "--timestamp", TS]
STATE = pathlib.Path("_verger") / f"run_{TS}"


@pytest.fixture(scope="module")
def dozen(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("dozen"), per_class=4)


@pytest.fixture(scope="module")
def expected(dozen, tmp_path_factory):
    """What a run writes that nothing befalls."""
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    kills.ends(dozen, output, *WORDS)
    return snapshots.whole(output)


@pytest.fixture(scope="module")
def broken_off(dozen, tmp_path_factory):
    """A run that was killed in its third part; tests must not write there."""
    output = tmp_path_factory.mktemp("broken-off") / "out"
    count = kills.changes(dozen, output.with_name("whole"), *WORDS)
    assert kills.killed_at(count // 2, dozen, output, *WORDS)
    assert (output / STATE / "part-00001.json").exists()
    return output


@pytest.fixture
def output(broken_off, tmp_path):
    """A copy to damage."""
    return pathlib.Path(shutil.copytree(broken_off, tmp_path / "out"))


# --- Damage between a kill and the next call ------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_parts_that_are_damaged_are_extracted_again(dozen, output, expected, damage):
    """Another file of each of two parts: features and metadata."""
    hurt = [next(table_folder(output, "features", "parquet").glob("part-00000-*")),
            next(table_folder(output, "metadata").glob("part-00001-*"))]
    for part in hurt:
        damage(part)
    done = kills.ends(dozen, output, "--resume", *WORDS)
    for number, part in enumerate(hurt):
        assert f"part {number} is extracted again" in done.stderr and part.name in done.stderr
    snapshots.assert_same(snapshots.whole(output), expected)


def updated(source, output):
    """The newest run, after the line for cron."""
    kills.ends(source, output, "--resume", "--update", "--part-rows", 5)
    newest = sorted((output / "_verger").glob("run_*/_SUCCESS"))[-1].parent.name
    return snapshots.of_run(output, newest.removeprefix("run_"))


@pytest.mark.parametrize("pattern, damage", in_turn(["run.json", "part-00000.json", "part-00001-*"]))
def test_the_state_is_damaged(dozen, output, expected, pattern, damage):
    """Either the run goes on and is whole, or it is refused in plain words; an update works
    in any case."""
    damage(next((output / STATE).glob(pattern)))
    before = snapshots.raw(output)
    done = subprocess.run(kills.words(dozen, output, "--resume", *WORDS), capture_output=True,
                          text=True, timeout=120)
    if done.returncode == 1:
        assert "--update" in done.stderr or "exists already" in done.stderr, done.stderr
        assert {**before, "_verger/lock": None} == {**snapshots.raw(output), "_verger/lock": None}
        found = updated(dozen, output)
    else:
        assert done.returncode == 0, done.stderr
        found = snapshots.whole(output)
    snapshots.assert_same(found, expected)


@pytest.mark.parametrize("key", ["quality", "part_rows", "verger"])
def test_a_plan_with_a_name_that_is_unknown(dozen, output, key):
    """It may be an option of a later version, or what was one before a bit of it turned."""
    plan = output / STATE / "run.json"
    plan.write_bytes(plan.read_bytes().replace(f'"{key}"'.encode(), f'"{key[:-1]}_"'.encode()))
    done = subprocess.run(kills.words(dozen, output, "--resume", *WORDS), capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 1 and "damaged" in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["run_zzzzzzzzzzzzzzz", "run_20261399_000000", "run_"])
def test_a_folder_that_is_no_run(dozen, output, name):
    """A stranger's folder beside the states of runs is passed over, and left."""
    strange = output / "_verger" / name
    strange.mkdir()
    (strange / "run.json").write_text("{}")
    kills.ends(dozen, output, "--resume", *WORDS)
    kills.ends(dozen, output)
    assert len(list((output / "_verger").glob("run_*/_SUCCESS"))) == 2
    assert (strange / "run.json").read_text() == "{}"


def test_a_run_of_the_last_second(dozen, output):
    """No timestamp comes after it: that is what the message says."""
    last = output / "_verger" / "run_99991231_235959"
    last.mkdir()
    (last / "run.json").write_text("{}")
    done = subprocess.run(kills.words(dozen, output), capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 1
    assert "there is a run 99991231_235959, and no timestamp comes after it" in done.stderr


def test_tables_of_the_same_second_are_gone_around(dozen, output):
    """Of another command, which has no run: the next free second names the run."""
    now = datetime.now(timezone.utc)
    taken = [(now + timedelta(seconds=i)).strftime("%Y%m%d_%H%M%S") for i in range(30)]
    for timestamp in taken:
        folder = output / "metadata" / f"metadata_{timestamp}"
        folder.mkdir(parents=True)
        (folder / "part-00000-other.csv").write_text("path,label\n")
    kills.ends(dozen, output)
    newest = max(path.name for path in (output / "_verger").glob("run_*"))
    assert newest.removeprefix("run_") > taken[-1]
    assert all(len(list((output / "metadata" / f"metadata_{t}").iterdir())) == 1 for t in taken)


def test_the_lock_file_is_garbage(dozen, output, expected):
    garbage(output / "_verger" / "lock")
    kills.ends(dozen, output, "--resume", *WORDS)
    snapshots.assert_same(snapshots.whole(output), expected)


# --- Disks -----------------------------------------------------------------------------------


def test_space_is_freed_and_the_run_goes_on(dozen, expected, small_disk):
    """The disk is full earlier and earlier: what is left of it is filled beforehand."""
    failed = 0
    for taken in range(300, 1000, 60):
        output, ballast = small_disk / "out", small_disk / "ballast"
        ballast.write_bytes(bytes(taken * 1024))
        done = subprocess.run(kills.words(dozen, output, *WORDS), capture_output=True, text=True)
        if done.returncode != 0:
            assert done.returncode == 1 and "no space left" in done.stderr.lower()
            failed += 1
        assert leftovers(output) == []
        ballast.unlink()
        kills.ends(dozen, output, "--resume", *WORDS)
        snapshots.assert_same(snapshots.whole(output), expected)
        shutil.rmtree(output)
    assert failed > 3


def test_an_output_becomes_read_only(dozen, expected, broken_off, small_disk):
    output = pathlib.Path(shutil.copytree(broken_off, small_disk / "out"))
    before = snapshots.raw(output)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = kills.ends(dozen, output, "--resume", *WORDS, code=1)
    assert "read-only" in done.stderr.lower() and str(output) in done.stderr
    assert snapshots.raw(output) == before
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    kills.ends(dozen, output, "--resume", *WORDS)
    snapshots.assert_same(snapshots.whole(output), expected)


# --- Limits ------------------------------------------------------------------------------------


def limited(which, size, source, output, *arguments, codes=(0, 1)):
    """Ends by itself, whatever the limit: an exit code, no signal."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(which, (size, size))
    done = subprocess.run(kills.words(source, output, *arguments), capture_output=True, text=True,
                          timeout=60, preexec_fn=limit)
    assert done.returncode in codes, (size, done.returncode, done.stderr)
    return done


# With less the libraries that the command links, codecs of HEIC and OpenBLAS among them, cannot
# be loaded: then it ends before its first line.
@pytest.mark.parametrize("megabytes", [200, 240, 280, 320, 360, 420, 600])
def test_memory_runs_out(dozen, expected, tmp_path, megabytes):
    output = tmp_path / "out"
    done = limited(resource.RLIMIT_AS, megabytes << 20, dozen, output, *WORDS)
    if done.returncode != 0:
        assert any(words in done.stderr.lower() for words in
                   ("cannot allocate", "out of memory", "no thread could be started")), done.stderr
    kills.ends(dozen, output, "--resume", *WORDS)
    snapshots.assert_same(snapshots.whole(output), expected)


@pytest.mark.parametrize("files", [64, 32, 16, 12, 10, 9, 8, 7])
def test_few_files_may_be_open(dozen, expected, tmp_path, files):
    """With too few either the run ends, or images that could not be opened are its errors."""
    output = tmp_path / "out"
    done = limited(resource.RLIMIT_NOFILE, files, dozen, output, *WORDS, codes=(0, 1, 3))
    assert done.returncode == 0 or files < 16
    if done.returncode != 0:
        assert "too many open files" in done.stderr and "ulimit -n" in done.stderr
    snapshots.assert_same(updated(dozen, output), expected)


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 30000, 60000])
def test_files_may_not_grow(dozen, expected, tmp_path, size):
    output = tmp_path / "out"
    done = limited(resource.RLIMIT_FSIZE, size, dozen, output, *WORDS)
    assert done.returncode == 1 and "ulimit -f" in done.stderr
    assert leftovers(output) == []
    kills.ends(dozen, output, "--resume", *WORDS)
    snapshots.assert_same(snapshots.whole(output), expected)


@pytest.fixture(scope="module")
def long_list(dozen, tmp_path_factory):
    """More paths than are sorted in memory."""
    path = tmp_path_factory.mktemp("list") / "list"
    with open(path, "w") as file:
        for i in range(150_000):
            file.write(f"Training/{'x' * 100}/{i}.jpg\n")
    return path


def with_temporary_folder(folder, source, output, *arguments, code):
    return kills.ends(source, output, *arguments, code=code,
                      env={**os.environ, "TMPDIR": str(folder)})


def test_there_is_no_temporary_folder(dozen, long_list, tmp_path):
    words = [dozen, tmp_path / "out", "--files-from", long_list, "--dry-run"]
    done = with_temporary_folder(tmp_path / "missing", *words, code=1)
    assert str(tmp_path / "missing") in done.stderr and "TMPDIR" in done.stderr
    with_temporary_folder(tmp_path, *words, code=0)
    assert os.listdir(tmp_path) == []
    # Few paths need none.
    with_temporary_folder(tmp_path / "missing", dozen, tmp_path / "out", *WORDS, code=0)


def test_the_temporary_folder_is_full(dozen, long_list, tmp_path, small_disk):
    done = with_temporary_folder(small_disk, dozen, tmp_path / "out", "--files-from", long_list,
                                 "--dry-run", code=1)
    assert "no space left" in done.stderr.lower() and "TMPDIR" in done.stderr
    assert os.listdir(small_disk) == []


# --- Time and company ----------------------------------------------------------------------------


def test_a_clock_that_went_back(dozen, tmp_path):
    """As the second run sees it: the first is of tomorrow. The newest is always the last."""
    output = tmp_path / "out"
    kills.ends(dozen, output, "--part-rows", 5, "--timestamp", "29990228_235959")
    done = kills.ends(dozen, output, "--part-rows", 5)
    assert "the clock says" in done.stderr
    assert (output / "_verger" / "run_29990301_000000" / "_SUCCESS").exists()
    kills.ends(dozen, output, "--part-rows", 4, "--update")
    assert (output / "_verger" / "run_29990301_000001" / "_SUCCESS").exists()
    done = kills.ends(dozen, output, "--part-rows", 4, "--resume", "--update")
    assert len(list((output / "_verger").glob("run_*"))) == 3


@pytest.fixture
def many(dozen, tmp_path):
    """More images than a run gets through while another asks."""
    images = sorted(dozen.rglob("*.jpg"))
    (tmp_path / "many").mkdir()
    for i in range(600):
        os.link(images[i % len(images)], tmp_path / "many" / f"{i}.jpg")
    return tmp_path / "many"


def start(source, output, timestamp, *arguments):
    return subprocess.Popen(
        kills.words(source, output, "--timestamp", timestamp, *arguments), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_two_runs_into_one_output(many, tmp_path):
    """Both wait for the end of their lists, so that they ask for the lock at once."""
    output, names = tmp_path / "out", os.listdir(many)
    runs = {ts: start(many, output, ts, "--files-from", "-")
            for ts in ("20250101_000000", "20250102_000000")}
    for process in runs.values():
        process.stdin.write("\n".join(names))
        process.stdin.flush()
    for process in runs.values():
        process.stdin.close()
        process.stdin = None
    messages = {ts: process.communicate(timeout=120)[1] for ts, process in runs.items()}
    codes = {ts: process.returncode for ts, process in runs.items()}
    assert sorted(codes.values()) == [0, 1], messages
    winner, loser = sorted(codes, key=codes.get)
    assert "another run is writing" in messages[loser]
    assert winner in messages[loser] and str(runs[winner].pid) in messages[loser]
    assert not any(loser in name for name in files_below(output))
    assert not (output / "_verger" / "lock").exists()


def wait_for(path, process):
    """Polls for a file that another process is about to make."""
    while not path.exists():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)


def test_the_lock_of_a_killed_run_holds_nobody_up(many, tmp_path):
    output = tmp_path / "out"
    words = ["--select", "*.jpg", "--part-rows", 5]
    process = start(many, output, TS, *words)
    wait_for(output / STATE / "part-00000.json", process)
    done = kills.ends(many, output, *words, code=1)
    assert "another run is writing" in done.stderr and str(process.pid) in done.stderr
    done = kills.ends(many, output, *words, "--resume", code=1)
    assert "another run is writing" in done.stderr
    process.kill()
    process.communicate()
    kills.ends(many, output, *words, "--resume")
    assert (output / STATE / "_SUCCESS").exists()
    assert not (output / "_verger" / "lock").exists()
