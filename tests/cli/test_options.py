"""Every option of every command has somebody who takes it."""
import re

import pytest


@pytest.mark.parametrize("command", ["run", "metadata", "pca", "model", "bench"])
def test_no_option_is_left_over(call, command):
    lines = call("help", command).stdout.splitlines()
    options = [found for line in lines
               if (found := re.match(r" +(?:-\w, )?--([\w-]+)(?:[ =](\S+))?", line))]
    assert options
    for option in options:
        # The value may be refused; the option must be known to the command's own code.
        words = [f"--{option[1]}", *(["1"] if option[2] else [])]
        done = call(command, *words, "--help")
        assert "fault of verger" not in done.stderr, words


def test_an_image_too_large_for_the_bench_is_refused(call, tmp_path):
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    done = call("bench", "--image", large)
    assert (done.returncode, done.stderr) == (
        1, f"verger: {large} is larger than 64 MiB: take a smaller image\n")
