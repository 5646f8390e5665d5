"""The real command, as the tests of the weights call it."""

import os
import pathlib
import subprocess

import numpy as np
import PIL.Image
import pyarrow.parquet

BUILD = pathlib.Path(os.environ["VERGER_BUILD"])
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"
SHARED_WEIGHTS = SHARED / "models" / "mobilenet_v2_1.0_224.safetensors"
FILE_NAME = SHARED_WEIGHTS.name
OWN_VARIABLES = ("VERGER_MODEL", "VERGER_MODEL_URL", "VERGER_MODEL_SHA256", "XDG_CACHE_HOME", "VERGER_CPU")


class Home:
    """A machine without weights: its own home, cache and working folder."""

    def __init__(self, folder):
        self.work = folder / "work" / "project"
        self.work.mkdir(parents=True)
        self.cache = folder / "home" / ".cache" / "verger"
        self.cached = self.cache / FILE_NAME
        self.environment = {k: v for k, v in os.environ.items() if k not in OWN_VARIABLES}
        self.environment.update(HOME=str(folder / "home"), no_proxy="127.0.0.1", LC_ALL="C")

    def start(self, *arguments, environment=None, program="verger", **options):
        return subprocess.Popen(
            [BUILD / program, *map(str, arguments)],
            cwd=self.work,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments, **options):
        process = self.start(*arguments, **options)
        process.output, process.messages = process.communicate(timeout=120)
        return process

    def cache_names(self):
        return sorted(path.name for path in self.cache.iterdir()) if self.cache.exists() else []


def features(home, weights, images):
    """The command's features of images of the network's own size, [n][224][224][3]."""
    folder = home.work / "photographs" / "Training" / "noise"
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        PIL.Image.fromarray(image).save(folder / f"{index}.png")
    tables = home.work / "tables"
    run = home.run("run", "photographs", tables, "--select", "**/*.png", "-k", "1",
                   "--format", "parquet", "--model", weights)
    assert run.returncode == 0, run.messages
    (table,) = (tables / "features" / "parquet").iterdir()
    rows = pyarrow.parquet.read_table(table).sort_by("path")
    return np.array(rows["features"].to_pylist(), np.float32)


def relative_l2(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)
