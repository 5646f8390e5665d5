"""Servers of a test as processes that leave nothing behind."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

LAST_LINES = 40
POLL = 0.05  # seconds


def wait_for(condition, what, seconds, process=None):
    """The first true value of condition(); a process that ends meanwhile is a failure."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert process is None or process.poll() is None, f"{process} ended before {what}"
        assert time.monotonic() < deadline, f"no {what} within {seconds} s: {process or ''}"
        time.sleep(POLL)


def last_lines(text):
    return "\n".join(text.splitlines()[-LAST_LINES:])


def processes_in(folder):
    """Whose working directory is the folder or lies below it. A cluster's processes start
    sessions and groups of their own and outlive their parents, but keep their folders."""
    folder = str(pathlib.Path(folder).resolve())
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or is a zombie
            where = os.readlink(entry / "cwd").removesuffix(" (deleted)")
            if where == folder or where.startswith(folder + "/"):
                found.append(int(entry.name))
    return found


def end_all_in(folder, seconds=30):
    """Kills until none is left: one that is being killed may still start another."""
    def is_empty():
        found = processes_in(folder)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found
    wait_for(is_empty, f"end of the processes in {folder}", seconds)


class Daemon:
    """A process in a folder of its own, which holds its log."""

    def __init__(self, folder, command, environment):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def poll(self):
        return self.process.poll()

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, condition, what, seconds=60):
        return wait_for(condition, what, seconds, self)

    def kill(self):
        """With all that it started, as a machine that dies does."""
        end_all_in(self.folder)
        self.process.wait()

    def __str__(self):
        return f"{self.log}, which ends with\n{last_lines(self.text())}"
