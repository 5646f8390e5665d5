"""The network's weights: where they are, and the opened model."""

from __future__ import annotations

import hashlib
import os
from ctypes import byref
from pathlib import Path
from typing import Any, Optional, Union

from verger._command import fetch_weights
from verger._library import (Handle, ModelOptions, Resource, call, file_name, library,
                             short_text)

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
    raise NoWeights(f"no weights at {cached}: give a model, set VERGER_MODEL, or run "
                    "`verger model fetch`")


class NoWeights(FileNotFoundError):
    """None are named, and none are in the cache."""


def find_or_fetch_model(model: Optional[PathLike] = None) -> str:
    """Fetches the weights into the cache where none are named or there, as the command does."""
    try:
        return find_model(model)
    except NoWeights:
        fetch_weights()
        return find_model(model)


class Model(Handle):
    """Weights packed for this CPU. Read-only: threads and forked processes may share it. It can
    be pickled: what travels is the name of the file, which is opened again there and has to
    hold the same weights."""

    _kind = "model"

    def __init__(self, model: Optional[PathLike] = None, *, kernels: Optional[str] = None) -> None:
        """model: as of `find_model`; where it finds none, the official weights are fetched into
        the cache. kernels: "ref", "avx2", ...; None takes $VERGER_CPU or
        the best of this CPU."""
        self.source: str = find_or_fetch_model(model)
        self._asked_kernels: Optional[str] = kernels
        options = ModelOptions(None if kernels is None else short_text(kernels, "kernels"))
        self._owned = Resource("vg_model_open", "vg_model_close", file_name(self.source),
                               byref(options))

    @property
    def kernels(self) -> str:
        """The kernel set it was packed for."""
        resource = self._resource()
        return str(library().vg_model_kernels(resource.pointer).decode())

    def save_packed(self, path: PathLike) -> None:
        """Writes the weights as they lie in memory. A model opened from that file maps it: all
        processes of a machine share its 9 MB. It is for kernel sets with panels as wide as
        this one's, and may be written by several processes at once."""
        resource = self._resource()
        call("vg_model_save_packed", resource.pointer, file_name(path))

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"kernels {self.kernels!r}"
        return f"<verger.Model {self.source!r}, {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._resource()
        source = self.source
        if not source.startswith("seeded:"):
            source = os.path.abspath(source)
        return reopen_model, (source, self._asked_kernels, weights_digest(source))


def weights_digest(source: str) -> Optional[str]:
    if source.startswith("seeded:"):
        return None
    with open(source, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def reopen_model(source: str, kernels: Optional[str], digest: Optional[str]) -> Model:
    """A pickled model. Other weights of the same name would mix two networks' features."""
    if weights_digest(source) != digest:
        raise ValueError(f"{source} holds other weights than those that were pickled")
    return Model(source, kernels=kernels)
