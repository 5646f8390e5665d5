"""Memory and open files do not grow with the number of paths."""

import os
from pathlib import Path

import pytest
from harness import make_tree, measure

VERGER = Path(os.environ["VERGER_BUILD"]) / "verger_standin"
FEW, MANY = 4_000, 16_000

# Parts that both sizes have many of, so that the tables are not what is seen.
MODEL = ["--model", "seeded:1", "-k", 5]
TABLES = ["--format", "parquet", "--part-rows", 512]

# Megabytes by which runs of one size differ, the more the busier the machine. Features of
# 12,000 paths, kept, would be 60.
CHANCE = {"metadata": 4, "plan": 4, "run": 32, "pca": 32}


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """{command: its cost for few paths and for many}."""
    costs = {command: [] for command in CHANCE}
    for count in (FEW, MANY):
        folder = tmp_path_factory.mktemp(f"{count}")
        images, out = make_tree(folder, count), folder / "out"
        costs["metadata"].append(measure(VERGER, "metadata", images, out))
        costs["plan"].append(measure(VERGER, "run", images, out, *MODEL, "--dry-run"))
        costs["run"].append(measure(VERGER, "run", images, out, *MODEL, *TABLES))
        costs["pca"].append(measure(VERGER, "pca", out, out / "again", "-k", 5, *TABLES[:2]))
    return costs


@pytest.mark.parametrize("command, megabytes", CHANCE.items())
def test_memory_is_bounded(costs, command, megabytes):
    few, many = costs[command]
    assert many.peak_megabytes <= few.peak_megabytes + megabytes


@pytest.mark.parametrize("command", CHANCE)
def test_open_files_are_few(costs, command):
    assert all(cost.open_files < 32 for cost in costs[command])


def test_every_path_is_taken(costs):
    for command, key in [("metadata", "images"), ("plan", "selected"), ("run", "extracted"),
                         ("pca", "rows")]:
        assert [cost.end[key] for cost in costs[command]] == [FEW, MANY]
