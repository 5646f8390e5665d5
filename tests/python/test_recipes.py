"""Every recipe of docs/recipes.md, run as it stands there."""

import os
import re
import subprocess
import sys

import pytest
from conftest import BUILD, ROOT
from pictures import encoded, photograph

PAGE = (ROOT / "docs" / "recipes.md").read_text()
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", PAGE, re.MULTILINE))


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(("apples", "pears")):
        for number in range(4):
            path = tmp_path / "photographs" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(photograph(10 * i + number, (60, 40))))
    return tmp_path


def blocks(section):
    """(kind, name of the file or "", text) of each code block."""
    return BLOCK.findall(SECTIONS[section])


def test_every_block_is_run():
    assert set(SECTIONS) == {"Own photographs", "A CSV of labels", "A notebook", "scikit-learn",
                             "A moved folder"}
    assert sum(len(blocks(section)) for section in SECTIONS) == PAGE.count("\n```\n") >= 12
    assert {kind for section in SECTIONS for kind, _, _ in blocks(section)} == {"sh", "python", "csv"}


@pytest.mark.parametrize("section", SECTIONS)
def test_recipe(folder, section):
    environment = {**os.environ, "VERGER_MODEL": "seeded:7", "PYTHONPATH": str(ROOT / "python"),
                   "PATH": f"{BUILD}:{os.environ['PATH']}"}
    for kind, name, text in blocks(section):
        if kind == "csv":
            (folder / name).write_text(text)
            continue
        command = ["bash", "-euo", "pipefail", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
