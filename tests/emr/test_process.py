"""The real process under SIGINT, SIGTERM and SIGKILL at each stage of a run: whatever happens
to it, no cluster stays that would not end, and every cluster is found by its name.

AWS is in this process, behind a server; 300 seconds of the world are one.
"""

import functools
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
import world as worlds
from conftest import BUCKET, ROOT, Account, write_tables
from moto.server import ThreadedMotoServer

SPEED = 300  # as in slow_clock.py


@pytest.fixture
def served(aws, world, tmp_path, capsys, monkeypatch):
    """The account behind a server, and its world by the clock on the wall."""
    began = time.monotonic()
    world.clock = lambda: worlds.START + timedelta(seconds=SPEED * (time.monotonic() - began))
    monkeypatch.setenv("WORLD_BEGAN", str(began))
    account = Account(world, tmp_path, capsys, monkeypatch)
    account.fill()
    world.on_done = functools.partial(write_tables, account.s3)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    account.endpoint = "http://{}:{}".format(*server.get_host_and_port())
    yield account
    server.stop()


class Process:
    """verger-emr, and what it says."""

    def __init__(self, account, halt, *words):
        self.log = (account.folder / "said").open("w+")
        environment = {**os.environ, "AWS_ENDPOINT_URL": account.endpoint,
                       "VERGER_PYTHON_FOLDER": str(ROOT / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("slow_clock.py"), halt, *words],
            cwd=account.folder, env=environment, stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL)

    @property
    def text(self):
        self.log.flush()
        return Path(self.log.name).read_text()

    def wait_for(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def is_stopped(self):
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def end_with(self, number):
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        return self.process.wait(30)


# Before which request, or after which words, the signal comes.
STAGES = {"before the launch": ("RunJobFlow", None), "the first look": (None, "request DescribeCluster"),
          "while it starts": (None, "starting, STARTING"), "while it runs": (None, "running, RUNNING"),
          "uploading": ("PUT", None)}


CASES = [(stage, number) for stage in STAGES for number in (signal.SIGINT, signal.SIGKILL)]
CASES.append(("while it starts", signal.SIGTERM))


@pytest.mark.parametrize("stage, number", CASES,
                         ids=lambda value: getattr(value, "name", value).replace(" ", "-"))
def test_whatever_happens_to_the_process(served, world, stage, number):
    halt, words = STAGES[stage]
    process = Process(served, halt or "", "run", "mini", "--on", "ec2", "--yes", "--no-download")
    process.wait_for(lambda: process.is_stopped() if halt else words in process.text)
    code = process.end_with(number)
    assert code == (-number if number == signal.SIGKILL else 130), process.text
    if number != signal.SIGKILL:
        assert "interrupted" in process.text
    assert len(world.clusters) <= 1
    for cluster in world.clusters.values():
        assert not cluster.keeps and cluster.steps and cluster.steps[0].limit < worlds.FOREVER
        assert cluster.request["Name"].removeprefix("verger-") in process.text
    if stage != "uploading" and number != signal.SIGKILL and world.clusters:
        assert "ends by itself" in process.text
    # Nobody looks, and it ends.
    world.clock = lambda: worlds.START + timedelta(hours=4)
    assert not world.active()


def test_a_whole_run_as_a_process(served, world):
    process = Process(served, "", "run", "mini", "--yes")
    assert process.process.wait(60) == 0, process.text
    assert "3 images, 1 failed" in process.text and BUCKET in process.text
    assert len(world.job_runs) == 1
