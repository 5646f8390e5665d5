"""The real command and the real library, as the tests of the weights call them."""

import ctypes
import os
import pathlib
import subprocess

import numpy as np

BUILD = pathlib.Path(os.environ["VERGER_BUILD"])
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"
SHARED_WEIGHTS = SHARED / "models" / "mobilenet_v2_1.0_224.safetensors"
FILE_NAME = SHARED_WEIGHTS.name
OWN_VARIABLES = ("VERGER_MODEL", "VERGER_MODEL_URL", "XDG_CACHE_HOME", "VERGER_CPU")


class Home:
    """A machine without weights: its own home, cache and working folder."""

    def __init__(self, folder):
        self.work = folder / "work" / "project"
        self.work.mkdir(parents=True)
        self.cache = folder / "home" / ".cache" / "verger"
        self.cached = self.cache / FILE_NAME
        self.environment = {k: v for k, v in os.environ.items() if k not in OWN_VARIABLES}
        self.environment.update(HOME=str(folder / "home"), no_proxy="127.0.0.1", LC_ALL="C")

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen(
            [BUILD / "verger", *map(str, arguments)],
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


def features(weights, rgb):
    """The library's features of images [n][224][224][3]."""
    library = ctypes.CDLL(str(BUILD / "libverger.so"))
    message = ctypes.create_string_buffer(512)
    model, extractor = ctypes.c_void_p(), ctypes.c_void_p()
    rgb = np.ascontiguousarray(rgb, np.uint8)
    result = np.zeros((len(rgb), 1280), np.float32)

    def check(status):
        assert status == 0, message.value.decode()

    check(library.vg_model_open(ctypes.byref(model), str(weights).encode(), None, message))
    try:
        check(library.vg_extractor_open(ctypes.byref(extractor), model, None, message))
        check(
            library.vg_extractor_forward(
                extractor,
                ctypes.c_size_t(len(rgb)),
                rgb.ctypes.data_as(ctypes.c_void_p),
                result.ctypes.data_as(ctypes.c_void_p),
                message,
            )
        )
    finally:
        library.vg_extractor_close(ctypes.byref(extractor))
        library.vg_model_close(ctypes.byref(model))
    return result


def relative_l2(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)
