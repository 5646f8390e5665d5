"""The command on a machine that fails: system calls that say what those of other machines say."""

import errno
import os
import subprocess

from conftest import BUILD, SEEDED, TS

LIBRARY = BUILD / "libmachine_fault.so"


def environment(call=None, error="EIO", below=None, first=1, times=None, log=None):
    wanted = {"CALL": call, "ERRNO": getattr(errno, error), "BELOW": below, "FIRST": first,
              "TIMES": times, "LOG": log}
    return {**os.environ, "LD_PRELOAD": str(LIBRARY),
            **{f"VERGER_FAULT_{name}": str(value) for name, value in wanted.items()
               if value is not None}}


def without_rights(command):
    """The superuser may read everything, but for one that has given that away."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]


def ended(*arguments, code=0, wrap=lambda command: command, timeout=120, **options):
    """A command of verger that ends with `code`."""
    command = wrap([str(BUILD / "verger"), *map(str, arguments)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert done.returncode == code, done.stderr
    return done


def run(source, output, *arguments, **options):
    return ended("run", source, output, "-k", 2, *SEEDED, "--timestamp", TS, *arguments, **options)
