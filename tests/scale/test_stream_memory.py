"""verger predict - --stream takes the same memory for many frames as for few."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import make_tree

VERGER = Path(os.environ["VERGER_BUILD"]) / "verger_standin"
FEW, MANY = 2_000, 100_000
FRAMES_A_WRITE = 1_000
MODEL = ["--model", "seeded:1"]
MEGABYTES = 2  # by which runs differ by chance; a hundred bytes kept of each frame would be 10


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    images = make_tree(folder, 2000)
    for words in (["run", images, folder / "out", *MODEL, "-k", "2"],
                  ["classify", "train", folder / "out", folder / "c", "--method", "lda", "--folds", "0"]):
        done = subprocess.run([VERGER, *words, "--progress", "none"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder / "c"


def frame(number):
    """What is cut as a JPEG, of which the stand-in decodes nothing."""
    size = 50 + number * 37 % 3000
    return b"\xff\xd8\xff\xda\x00\x02" + bytes([number % 251]) * size + b"\xff\xd9"


def peak(classifier, count, *options):
    """Megabytes, and the figures told at the end."""
    command = [VERGER, "predict", classifier, "-", "--stream", "mjpeg", *MODEL, "--threads", "1", *options]
    block = b"".join(map(frame, range(FRAMES_A_WRITE)))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    for _ in range(count // FRAMES_A_WRITE):
        process.stdin.write(block)
    process.stdin.close()
    told = process.stderr.read().decode()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told
    return usage.ru_maxrss / 1024, told


@pytest.mark.parametrize("options", [[], ["--drop"]])
def test_memory_does_not_grow_with_the_frames(classifier, options):
    few, _ = peak(classifier, FEW, *options)
    many, told = peak(classifier, MANY, *options)
    images, dropped = re.search(r"(\d+) images, 0 failed(?:, (\d+) dropped)?", told).groups()
    assert int(images) + int(dropped or 0) == MANY
    assert many <= few + MEGABYTES
