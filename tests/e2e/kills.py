"""The command, killed at any moment: before its n-th change to the disk, or after a while."""

import os
import pathlib
import signal
import subprocess

from conftest import BUILD

LIBRARY = BUILD / "libkill_at.so"
WORDS = ["--model", "seeded:7", "--progress", "none", "-k", "3", "--threads", "1"]


def words(source, output, *arguments, program="verger"):
    return [str(BUILD / program), "run", str(source), str(output), *WORDS, *map(str, arguments)]


def environment(output, kill_at=0, count=None):
    more = {"LD_PRELOAD": str(LIBRARY), "VERGER_KILL_AT": str(kill_at),
            "VERGER_KILL_BELOW": str(pathlib.Path(output).absolute())}
    return {**os.environ, **more, **({"VERGER_KILL_COUNT": str(count)} if count else {})}


def changes(source, output, *arguments, **program):
    """How often a run changes the disk; it runs to its end."""
    count = pathlib.Path(f"{output}.count")
    done = subprocess.run(words(source, output, *arguments, **program), capture_output=True, text=True,
                          env=environment(output, count=count), timeout=120)
    assert done.returncode in (0, 3), done.stderr
    return int(count.read_text())


def killed_at(number, source, output, *arguments, **program):
    """Whether the run came as far as its change of that number, and was killed there."""
    done = subprocess.run(words(source, output, *arguments, **program), capture_output=True, text=True,
                          env=environment(output, number), timeout=120)
    assert done.returncode in (0, 3, -signal.SIGKILL), done.stderr
    return done.returncode == -signal.SIGKILL


def killed_after(seconds, source, output, *arguments, env=None):
    """The same for a run that is killed after so many seconds."""
    process = subprocess.Popen(words(source, output, *arguments), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env=env)
    try:
        _, messages = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    assert process.returncode in (0, 3), messages
    return False


def ends(source, output, *arguments, code=0, env=None):
    """A run that nobody disturbs."""
    done = subprocess.run(words(source, output, *arguments), capture_output=True, text=True,
                          timeout=120, env=env)
    assert done.returncode == code, done.stderr
    return done
