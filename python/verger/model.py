"""The network's weights: where they are, and the opened model."""

from __future__ import annotations

import os
from ctypes import byref
from pathlib import Path
from typing import Optional, Union

from verger._library import Handle, ModelOptions, call, library

MODEL_FILE = "mobilenet_v2_1.0_224.safetensors"

PathLike = Union[str, "os.PathLike[str]"]


def cached_model() -> Path:
    """Where `verger model` keeps the weights that it fetched."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return folder / "verger" / MODEL_FILE


def find_model(model: Optional[PathLike] = None) -> str:
    """The weights to take: `model`, $VERGER_MODEL or the user's cache, in the order of the
    command. FileNotFoundError says where it looked.

    A model is a safetensors file, a file of `Model.save_packed`, or "seeded:N" for weights drawn
    from the seed N.
    """
    for name, who in ((model, "the model"), (os.environ.get("VERGER_MODEL"), "$VERGER_MODEL")):
        if not name:
            continue
        if str(name).startswith("seeded:") or Path(name).is_file():
            return os.fspath(name)
        raise FileNotFoundError(f"{who} names {name}, which is not a file: name a .safetensors file")
    cached = cached_model()
    if cached.is_file():
        return str(cached)
    raise FileNotFoundError(f"no weights at {cached}: give a model, set VERGER_MODEL, or run "
                            "`verger model fetch`")


class Model(Handle):
    """Weights packed for this CPU. Read-only: threads may share it."""

    closer = "vg_model_close"

    def __init__(self, model: Optional[PathLike] = None, *, kernels: Optional[str] = None) -> None:
        """model: as of `find_model`. kernels: "ref", "avx2", ...; None takes $VERGER_CPU or
        the best of this CPU."""
        super().__init__()
        self.source = find_model(model)
        options = ModelOptions(kernels.encode() if kernels else None)
        self._open("vg_model_open", os.fsencode(self.source), byref(options))

    @property
    def kernels(self) -> str:
        """The kernel set it was packed for."""
        return library().vg_model_kernels(self._pointer).decode()

    def save_packed(self, path: PathLike) -> None:
        """Writes the weights as they lie in memory. A model opened from that file maps it: all
        processes of a machine share its 9 MB. It is for kernel sets with panels as wide as
        this one's, and may be written by several processes at once."""
        call("vg_model_save_packed", self._pointer, os.fsencode(path))
