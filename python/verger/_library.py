"""libverger over ctypes: where it lies, its functions, its errors.

The library has no Python in it, so one build serves every Python.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import os
from ctypes import POINTER, byref, c_char, c_char_p, c_double, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Optional, TypeVar, Union

ABI_VERSION = 2  # VG_ABI_VERSION of verger.h
FEATURE_COUNT = 1280  # VG_FEATURE_COUNT
IMAGE_BYTES = 224 * 224 * 3  # of the network's input, VG_IMAGE_SIZE on a side

BAD_DATA = 4  # VG_EFORMAT
MOST_INT = 2**31 - 1
MOST_THREADS = 1024  # of an extractor, and of a team: more is a slip

Self = TypeVar("Self", bound="Handle")

STATUS_NAMES = ("ok", "invalid argument", "out of memory", "input/output error", "bad data",
                "limit exceeded", "not found", "exists already", "not supported", "cancelled")


class VergerError(Exception):
    """What the library reports. `status` is a number of vg_status, `status_name` its name."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def status_name(self) -> str:
        known = 0 <= self.status < len(STATUS_NAMES)
        return STATUS_NAMES[self.status] if known else "unknown status"

    def __reduce__(self) -> tuple[type[VergerError], tuple[int, str]]:
        return type(self), (self.status, str(self))


class Error(ctypes.Structure):
    """vg_error"""

    _fields_ = [("message", c_char * 512)]


class ModelOptions(ctypes.Structure):
    """vg_model_options"""

    _fields_ = [("kernels", c_char_p), ("reserved", c_uint64 * 7)]


class ImageOptions(ctypes.Structure):
    """vg_image_options"""

    _fields_ = [("max_pixels", c_uint64), ("exif_orient", c_int), ("max_seconds", c_double),
                ("is_cancelled", c_void_p), ("cancel_context", c_void_p), ("budget", c_void_p),
                ("reserved", c_uint64 * 8)]


class ExtractorOptions(ctypes.Structure):
    """vg_extractor_options"""

    _fields_ = [("image", ImageOptions), ("threads", c_int), ("quality", c_int),
                ("reserved", c_uint64 * 8)]


class Image(ctypes.Structure):
    """vg_image"""

    _fields_ = [("rgb", c_void_p), ("width", c_int), ("height", c_int), ("capacity", c_size_t)]


class EncodedImage(ctypes.Structure):
    """vg_encoded_image"""

    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class ImageResult(ctypes.Structure):
    """vg_image_result"""

    _fields_ = [("status", c_int), ("error", Error)]


NEIGHBOURS_PROGRESS = ctypes.CFUNCTYPE(c_int, c_void_p, c_double)


class NeighboursOptions(ctypes.Structure):
    """vg_neighbours_options"""

    _fields_ = [("metric", c_int), ("threads", c_int), ("kernels", c_char_p),
                ("progress", NEIGHBOURS_PROGRESS), ("context", c_void_p),
                ("reserved", c_uint64 * 8)]


class IndexOptions(ctypes.Structure):
    """vg_index_options"""

    _fields_ = [("metric", c_int), ("threads", c_int), ("kernels", c_char_p), ("sketch", c_int),
                ("reserved", c_uint64 * 8)]


class ExtractorTimes(ctypes.Structure):
    """vg_extractor_times"""

    _fields_ = [("decode", c_double), ("resize", c_double), ("network", c_double)]


# name: (result, arguments); where the result is `status`, the last argument is the vg_error
# that `call` gives.
status = "status"
HANDLE = c_void_p
FUNCTIONS = {
    "vg_version": (c_char_p, []),
    "vg_libraries": (c_char_p, []),
    "vg_usable_cpus": (c_int, []),
    "vg_kernel_set": (c_char_p, [c_size_t]),
    "vg_image_format": (c_char_p, [c_size_t]),
    "vg_model_open": (status, [POINTER(HANDLE), c_char_p, POINTER(ModelOptions)]),
    "vg_model_close": (None, [POINTER(HANDLE)]),
    "vg_model_kernels": (c_char_p, [HANDLE]),
    "vg_model_save_packed": (status, [HANDLE, c_char_p]),
    "vg_extractor_options_default": (None, [POINTER(ExtractorOptions)]),
    "vg_extractor_open": (status, [POINTER(HANDLE), HANDLE, POINTER(ExtractorOptions)]),
    "vg_extractor_close": (None, [POINTER(HANDLE)]),
    "vg_extractor_get_times": (None, [HANDLE, POINTER(ExtractorTimes)]),
    "vg_extract": (status, [HANDLE, c_size_t, POINTER(EncodedImage), c_void_p,
                            POINTER(ImageResult)]),
    "vg_extractor_resize": (status, [HANDLE, POINTER(Image), c_void_p]),
    "vg_extractor_forward": (status, [HANDLE, c_size_t, c_void_p, c_void_p]),
    "vg_moments_open": (status, [POINTER(HANDLE), c_int]),
    "vg_moments_close": (None, [POINTER(HANDLE)]),
    "vg_moments_merge": (status, [HANDLE, HANDLE]),
    "vg_moments_set_threads": (status, [HANDLE, c_int]),
    "vg_moments_dims": (c_int, [HANDLE]),
    "vg_moments_count": (c_uint64, [HANDLE]),
    "vg_moments_mean": (POINTER(c_double), [HANDLE]),
    "vg_moments_serialized_size": (c_size_t, [HANDLE]),
    "vg_moments_serialize": (None, [HANDLE, c_void_p]),
    "vg_moments_deserialize": (status, [POINTER(HANDLE), c_char_p, c_size_t]),
    "vg_moments_add_arrow": (status, [HANDLE, c_void_p, c_void_p]),
    "vg_class_moments_open": (status, [POINTER(HANDLE), c_int, c_int]),
    "vg_class_moments_close": (None, [POINTER(HANDLE)]),
    "vg_class_moments_add": (status, [HANDLE, c_size_t, c_void_p, c_void_p]),
    "vg_class_moments_merge": (status, [HANDLE, HANDLE]),
    "vg_class_moments_dims": (c_int, [HANDLE]),
    "vg_class_moments_classes": (c_int, [HANDLE]),
    "vg_class_moments_count": (c_uint64, [HANDLE, c_int]),
    "vg_class_moments_mean": (POINTER(c_double), [HANDLE, c_int]),
    "vg_class_moments_all": (HANDLE, [HANDLE]),
    "vg_class_moments_add_fourth_powers": (status, [HANDLE, c_size_t, c_void_p, c_void_p,
                                                    POINTER(c_double)]),
    "vg_class_moments_shrinkage_of": (status, [HANDLE, c_double, POINTER(c_double)]),
    "vg_class_moments_serialized_size": (c_size_t, [HANDLE]),
    "vg_class_moments_serialize": (None, [HANDLE, c_void_p]),
    "vg_class_moments_deserialize": (status, [POINTER(HANDLE), c_char_p, c_size_t]),
    "vg_lda_fit": (status, [HANDLE, c_double, c_void_p, c_void_p]),
    "vg_pca_open": (status, [POINTER(HANDLE), c_int, c_int, POINTER(c_double), POINTER(c_double)]),
    "vg_pca_fit": (status, [POINTER(HANDLE), HANDLE, c_int]),
    "vg_pca_close": (None, [POINTER(HANDLE)]),
    "vg_pca_dims": (c_int, [HANDLE]),
    "vg_pca_components": (c_int, [HANDLE]),
    "vg_pca_matrix": (POINTER(c_double), [HANDLE]),
    "vg_pca_explained_variance": (POINTER(c_double), [HANDLE]),
    "vg_neighbours": (status, [c_void_p, c_size_t, c_int, c_int, POINTER(NeighboursOptions),
                               c_void_p, c_void_p]),
    "vg_index_open": (status, [POINTER(HANDLE), c_void_p, c_size_t, c_int, POINTER(IndexOptions)]),
    "vg_index_close": (None, [POINTER(HANDLE)]),
    "vg_index_search": (status, [HANDLE, c_size_t, c_void_p, c_int, c_void_p, c_void_p, c_void_p]),
    "vg_pca_project": (status, [HANDLE, c_size_t, c_void_p, c_void_p]),
    "vg_pca_project_arrow": (status, [HANDLE, c_void_p, c_void_p, c_void_p, c_void_p]),
}


def library_paths() -> list[Path]:
    """Where the library may lie, the first that exists is taken."""
    package = Path(__file__).resolve().parent
    named = os.environ.get("VERGER_LIBRARY")
    if named:
        return [Path(named)]
    return [package / "lib" / "libverger.so", package.parents[1] / "build" / "libverger.so"]


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """The library, loaded at the first call. ImportError says what to do."""
    paths = library_paths()
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        looked = " or ".join(map(str, paths))
        raise ImportError(f"libverger is not at {looked}: install a wheel of verger for this "
                          "machine, or run `make`, or set VERGER_LIBRARY to the path of "
                          "libverger.so")
    loaded = ctypes.CDLL(str(found))
    loaded.vg_abi_version.restype = c_int
    version = loaded.vg_abi_version()
    if version != ABI_VERSION:
        raise ImportError(f"{found} has ABI version {version}, this package needs {ABI_VERSION}: "
                          "install library and package from the same release")
    for name, (result, arguments) in FUNCTIONS.items():
        declare(loaded, found, name, result, arguments)
    return loaded


def declare(loaded: ctypes.CDLL, path: Path, name: str, result: Any, arguments: Any) -> None:
    function = getattr(loaded, name, None)
    if function is None:
        raise ImportError(f"{path} has no {name}: it is older than this package; install library "
                          "and package from the same release")
    if result is status:
        result, arguments = c_int, [*arguments, POINTER(Error)]
    function.restype = result
    function.argtypes = arguments


def call(name: str, *arguments: Any) -> None:
    """A function that returns a vg_status; VergerError where that is not VG_OK."""
    error = Error()
    code = getattr(library(), name)(*arguments, byref(error))
    if code != 0:
        raise VergerError(code, text_of(error))


def text_of(error: Error) -> str:
    return str(error.message.decode("utf-8", "replace"))


def names_of(function: str) -> list[str]:
    """What a function gives by number, up to its NULL."""
    names: list[str] = []
    while True:
        name = getattr(library(), function)(len(names))
        if name is None:
            return names
        names.append(name.decode())


def kernel_sets() -> list[str]:
    """The kernel sets that this CPU can run, plainest first."""
    return names_of("vg_kernel_set")


def image_formats() -> list[str]:
    """The formats of images that the library reads, such as "JPEG"."""
    return names_of("vg_image_format")


class Resource:
    """An object of the library, which lives as long as somebody refers to it: what uses one
    holds it, so closing the owner pulls nothing away from under a call that is under way."""

    def __init__(self, opener: str, closer: str, *arguments: Any) -> None:
        """opener: vg_X_open, which gives the object through its first argument."""
        self.pointer = HANDLE()
        self._close = getattr(library(), closer)
        call(opener, byref(self.pointer), *arguments)

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self._close(byref(self.pointer))


class Handle:
    """Owns an object of the library. After `close` every use is a ValueError, as with files."""

    _kind: str  # "model", as messages name it
    _owned: Optional[Resource] = None

    def _resource(self) -> Resource:
        """The object, to hold while it is used."""
        owned = self._owned
        if owned is None:
            raise ValueError(f"the {self._kind} is closed")
        return owned

    @property
    def closed(self) -> bool:
        return self._owned is None

    def close(self) -> None:
        """Gives up the object, which is freed when nothing uses it any more. Closing twice is
        harmless; any other use afterwards is a ValueError."""
        self._owned = None

    def __enter__(self: Self) -> Self:
        self._resource()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def whole_number(value: Any, name: str, least: int, most: int) -> int:
    """An integer that C holds. TypeError for what is none, ValueError out of range: ctypes
    would cut it to its low bits in silence."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is an integer, not {type(value).__name__}") from None
    if not least <= number <= most:
        raise ValueError(f"{name} is {number}: from {least} to {most} are possible")
    return number


def threads_of(threads: Optional[int]) -> int:
    """One for each CPU of this process where it is None."""
    if threads is None:
        return int(library().vg_usable_cpus())
    return whole_number(threads, "threads", 1, MOST_THREADS)


def file_name(path: Union[str, bytes, os.PathLike[Any]]) -> bytes:
    """The bytes of a path for C, which would end it at a NUL."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError(f"the path {os.fsdecode(name)!r} holds a NUL")
    return name


def short_text(value: str, name: str) -> bytes:
    """Text for C, which would end it at a NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{name} holds a NUL: {value!r}")
    return value.encode()
