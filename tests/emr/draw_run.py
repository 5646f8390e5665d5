"""Draws docs/emr-run.svg: a run as it looks in a terminal, against the AWS of the tests.

    .deps/moto/bin/python tests/emr/draw_run.py docs/emr-run.svg
"""

import contextlib
import functools
import io
import os
import random
import sys
import tempfile
from html import escape
from pathlib import Path

import pytest
import world as worlds
from conftest import Account, mock_aws, write_tables

from verger.emr import identity, runner
from verger.emr.command_line import main
from verger.emr.cost import FRUITS
from verger.emr.images_in import Images

WIDTH, LINE, SIZE, COLUMNS = 7.83, 19, 13, 104
BROKEN = ("Traceback (most recent call last):\n  File \"job.py\", line 1\nverger.VergerError: x\n"
          "verger: error: s3://fruits-of-ours/artifacts/6f1c/weights.safetensors is damaged: it ends "
          "after 12 of 14 tensors\n")
SCRIPT = (("run", "full", "--on", "ec2", "--nodes", "6", "--max-cost", "1"),
          ("cost", "last"), ("run", "mini", "--max-cost", "0.10"))


def say(world, words):
    """What a command line prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        main(list(words), now=world.now, sleep=world.sleep)
    return said.getvalue()


def transcript():
    """Of the script: a run that does well, its cost, and one whose weights are damaged."""
    world = worlds.World()
    world.new_application()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.chdir(folder)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "none")
        dice = random.Random(7)
        patch.setattr(identity.random, "SystemRandom", lambda: dice)
        patch.setattr(runner, "count_images", lambda aws, address, mode, options=(): Images(
            FRUITS[mode], FRUITS[mode] * 5_600))
        worlds.install(world, patch.setattr)
        account = Account(world, Path(folder), None, patch)
        account.fill()
        world.put_log = account.put_log
        world.on_done = functools.partial(write_tables, account.s3, images=FRUITS["full"], failed=0)
        world.lives = [worlds.Life(work=95), worlds.Life(
            outcome="FAILED", reason="Job failed", logs={"SPARK_DRIVER/stderr": BROKEN})]
        # The first upload of the three artifacts is no part of the picture.
        say(world, ("upload",))
        return "".join(f"$ verger-emr {' '.join(words)}\n{say(world, words)}" for words in SCRIPT)


def wrapped(text):
    for line in text.splitlines():
        while len(line) > COLUMNS:
            cut = line.rfind(" ", 0, COLUMNS)
            yield line[:cut]
            line = "    " + line[cut + 1:]
        yield line


def svg(text):
    """A dark window with the lines in it."""
    lines = list(wrapped(text))
    height = (len(lines) + 2) * LINE
    rows = []
    for number, line in enumerate(lines):
        kind = ' class="c"' if line.startswith("$") else ' class="e"' if line.startswith(
            "verger-emr:") else ""
        rows.append(f'<text x="16" y="{(number + 1.6) * LINE:.0f}"{kind}>{escape(line)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH + 32:.0f}" '
            f'height="{height}" role="img" aria-label="A run of verger-emr in a terminal">\n'
            f"<style>text{{font:{SIZE}px monospace;fill:#d8dee9;white-space:pre}}"
            ".c{fill:#a3be8c}.e{fill:#ebcb8b}</style>\n"
            f'<rect width="100%" height="100%" rx="8" fill="#2e3440"/>\n' + "\n".join(rows)
            + "\n</svg>\n")


if __name__ == "__main__":
    target = Path(os.path.abspath(sys.argv[1]))
    text = transcript()
    target.write_text(svg(text))
    print(text)
