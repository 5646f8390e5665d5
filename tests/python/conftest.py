"""The package of the source tree, over the library of the build under test."""

import os
import pathlib
import sys

import pytest

from pictures import with_a_cut_image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
os.environ["VERGER_LIBRARY"] = str(BUILD / "libverger.so")
sys.path.insert(0, str(ROOT / "python"))


@pytest.fixture(scope="session")
def fruits(tmp_path_factory):
    """90 images of 3 classes, one of which is cut short."""
    return with_a_cut_image(tmp_path_factory.mktemp("fruits"))


@pytest.fixture(scope="session")
def paths(fruits):
    return sorted(fruits.glob("Training/*/*.jpg"))
