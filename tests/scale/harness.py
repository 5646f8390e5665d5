"""Trees of very many paths, and what a command takes for them: time, memory, open files."""

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PATHS_PER_CLASS = 1000
CONTENTS = 4096  # files of their own; ext4 lets 65,000 names share one
SECONDS_BETWEEN_SAMPLES = 0.02


def make_tree(folder, count):
    """`count` paths in the dataset's layout; most are further names of a few small files."""
    contents = [folder / "contents" / f"{i}" for i in range(min(count, CONTENTS))]
    contents[0].parent.mkdir(parents=True)
    for i, path in enumerate(contents):
        path.write_text(f"in place of image {i}\n")
    images = folder / "images"
    for first in range(0, count, PATHS_PER_CLASS):
        name = images / "Training" / f"Apple {first // PATHS_PER_CLASS}"
        name.mkdir(parents=True)
        for i in range(first, min(first + PATHS_PER_CLASS, count)):
            os.link(contents[i % len(contents)], name / f"{i % PATHS_PER_CLASS}_100.jpg")
    return images


def tree_bytes(folder):
    """Of all files below, as the file system rounds them; one of several names counts once."""
    files = {path.stat().st_ino: path.stat() for path in Path(folder).rglob("*") if path.is_file()}
    return sum(info.st_blocks * 512 for info in files.values())


@dataclass
class Cost:
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    open_files: int
    phases: dict  # seconds by phase
    end: dict     # the last event


class Events(threading.Thread):
    """Reads what `--progress json` tells, so that the command never waits for us."""

    def __init__(self, stream):
        super().__init__()
        self.stream, self.phases, self.last = stream, {}, {}
        self.start()

    def run(self):
        for line in self.stream:
            self.last = json.loads(line)
            if self.last["event"] == "progress":
                self.phases[self.last["phase"]] = self.last["seconds"]


def open_files(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:  # it has ended, or ends while we look
        return 0


def wait_and_sample(pid):
    """The end of a process: its status, its usage and the most files it had open."""
    most = 0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage, most
        most = max(most, open_files(pid))
        time.sleep(SECONDS_BETWEEN_SAMPLES)


def measure(*command, environment=None):
    """The cost of a command that must succeed.

    Linux counts this process as well into the child's peak, up to the exec: nothing large may
    be imported here."""
    start = time.monotonic()
    process = subprocess.Popen([*map(str, command), "--progress", "json", "--log-level", "error"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=environment)
    events = Events(process.stderr)
    process.returncode, usage, most = wait_and_sample(process.pid)
    seconds = time.monotonic() - start
    events.join()
    process.stderr.close()
    assert process.returncode == 0, f"{command}: {events.last}"
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, most,
                events.phases, events.last)
