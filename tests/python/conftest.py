"""The package of the source tree, over the library of the build under test."""

import io
import os
import pathlib
import sys

import numpy
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
os.environ["VERGER_LIBRARY"] = str(BUILD / "libverger.so")
sys.path.insert(0, str(ROOT / "python"))


def jpeg(seed):
    coarse = numpy.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=numpy.uint8)
    data = io.BytesIO()
    Image.fromarray(coarse).resize((100, 100), Image.BICUBIC).save(data, "JPEG", quality=90)
    return data.getvalue()


@pytest.fixture(scope="session")
def fruits(tmp_path_factory):
    """Training/<class>/<n>.jpg: 3 classes of 30 images, one of which is cut short."""
    folder = tmp_path_factory.mktemp("fruits")
    for seed in range(90):
        path = folder / "Training" / f"Apple {seed // 30}" / f"{seed}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed) if seed != 40 else jpeg(seed)[:300])
    return folder


@pytest.fixture(scope="session")
def paths(fruits):
    return sorted(fruits.glob("Training/*/*.jpg"))
