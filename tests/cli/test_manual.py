"""The manual page says all that the command can do, and formats without complaint."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from test_completion import COMMANDS, options

PAGE = Path(__file__).parents[2] / "docs" / "verger.1"


def section(command):
    """The source of the part on one command."""
    found = re.search(rf"^\.Ss verger {command}\n(.*?)^\.S[hs] ", PAGE.read_text(), re.M | re.S)
    assert found, f"{PAGE} has no part on {command}"
    return found[1].replace("\\\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_described(call, command):
    items = [line for line in section(command).splitlines() if line.startswith(".It ")]
    described = re.findall(r"Fl (-?[\w-]+)(?: Ar (\S+))?", "\n".join(items))
    names = {name: argument for name, argument in described}
    expected = set()
    for letter, name, argument in options(call, command):
        if name == "help":
            continue
        expected |= {f"-{name}"} | ({letter} if letter else set())
        assert names.get(f"-{name}") == argument, f"--{name} {argument}"
    assert set(names) == expected


def test_every_command_is_described(call):
    listed = call("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (\w+)", listed, re.M) == COMMANDS
    for command in COMMANDS:
        assert section(command).strip()
        assert f".Cm {command}" in PAGE.read_text().partition(".Sh DESCRIPTION")[0]


def test_every_variable_is_described():
    source = Path(__file__).parents[2] / "src"
    used = {name for path in source.rglob("*.[ch]*")
            for name in re.findall(r'"(VERGER_[A-Z_]+|XDG_CACHE_HOME|NO_COLOR)"', path.read_text())}
    described = set(re.findall(r"^\.It Ev (\w+)", PAGE.read_text(), re.M))
    assert used <= described, used - described


def test_it_formats_without_warnings():
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE],
                              capture_output=True, text=True)
        assert done.stdout + done.stderr == ""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-mdoc", "-Tutf8", "-ww", "-z", PAGE], capture_output=True,
                          text=True)
    assert (done.returncode, done.stderr) == (0, "")
