"""The job, killed again and again: all of it, the command that leads it, or the command of a task.
Whatever is killed, another call goes on, and the tables are those of the command, byte for byte."""

import contextlib
import itertools
import os
import pathlib
import signal

import pytest
from conftest import MODEL, command, settings
from spark.clusters import Cluster, start
from spark.processes import processes_in, wait_for
from spark.spark_tables import TS, assert_same

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("VERGER_JOB_KILLS", "3"))
WORDS = ["-k", 5, "--part-rows", 5]
LEADER, TASK = b"--hand-out", b"--parts"


@pytest.fixture(scope="module")
def expected(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("command")
    command(fruits, output, *WORDS, code=3)
    return output


def records(output):
    return len(list(output.glob(f"_verger/run_{TS}/part-*.json")))


def commands(job, option):
    """Processes of the command in this job that were given the option."""
    for pid in processes_in(job.folder):
        with contextlib.suppress(OSError):  # it has ended
            if option in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                yield pid


def kill(job, victim):
    """Whether there was one."""
    if victim is None:
        job.daemon.kill()
        return True
    for pid in commands(job, victim):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def kill_after(job, output, parts, victim):
    """When the job has extracted so many parts more. Whether it was killed, and not complete before."""
    job.wait_for_output(r"verger: list")
    wanted = records(output) + parts

    def has_ended():
        return job.daemon.poll() is not None

    def is_time():
        return has_ended() or records(output) >= wanted and (victim is None or any(commands(job, victim)))

    wait_for(is_time, "part of the job", 120)
    return not has_ended() and kill(job, victim)


def test_a_job_that_is_killed_again_and_again(spark3, fruits, expected, tmp_path):
    cluster = Cluster(tmp_path / "spark", spark3, "local[2,4]")  # a task is tried four times
    killed = 0
    victims = itertools.cycle([None, LEADER, TASK])
    for number in itertools.count():
        output, ended = tmp_path / f"out-{number}", None
        while ended not in (0, 3):
            victim, parts = next(victims), killed % 4
            with start(cluster, "verger.spark", fruits, output, *WORDS, "--model", MODEL, "--timestamp", TS,
                       "--resume", **settings()) as job:
                killed += killed < KILLS and kill_after(job, output, parts, victim)
                result = job.wait()
            ended = result.code
            assert ended in (0, 3, 1, -signal.SIGKILL), result
            if ended == 1:  # the leader was killed
                assert "Traceback" not in result.output, result
        assert_same(output, expected)
        if killed >= KILLS:
            return
