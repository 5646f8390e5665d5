"""The command under test and a few small images."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

VERGER = Path(os.environ["VERGER_BUILD"]) / "verger"


@pytest.fixture(scope="session")
def verger():
    return str(VERGER)


@pytest.fixture
def environment(tmp_path):
    """Nothing of the user's: no weights, no cache, no colours asked for."""
    kept = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS") or k == "PATH"}
    return {**kept, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "TERM": "xterm",
            "VERGER_MODEL": "seeded:7", "VERGER_MODEL_URL": "http://127.0.0.1:1/weights.h5"}


@pytest.fixture
def call(verger, environment):
    """Runs the command; its output as text in which '\\r' stays what it is."""
    def run(*words, **options):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        done = subprocess.run([verger, *map(str, words)], env=environment, timeout=60, **streams)
        done.stdout, done.stderr = ((data or b"").decode() for data in (done.stdout, done.stderr))
        return done
    return run


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Forty images of two classes, small enough to be quick."""
    folder = tmp_path_factory.mktemp("images")
    for label, hue in (("Apple Red 1", (200, 30, 30)), ("Banana", (220, 200, 40))):
        (folder / "Training" / label).mkdir(parents=True)
        for i in range(20):
            image = Image.new("RGB", (32, 32), hue)
            image.paste((255, 255, 255 - 10 * i), (i, i // 2, i + 8, i + 8))
            image.save(folder / "Training" / label / f"{i}_100.jpg")
    return folder


@pytest.fixture(scope="session")
def images_and_a_text(tmp_path_factory, images):
    """The same and a file that is no image, whose name holds an escape sequence."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(images / "Training", folder / "Training")
    (folder / "Training" / "Text").mkdir()
    (folder / "Training" / "Text" / "\033[31mred.jpg").write_text("not an image\n")
    return folder
