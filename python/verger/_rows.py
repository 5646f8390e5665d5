"""Whatever holds images, as rows: a name, a label, and where the pixels come from."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Optional, Union

import pyarrow as pa

from verger._arrow import is_pil
from verger._library import image_formats

# Names that columns and keys have in other people's tables. The first that is there counts.
CONTENTS = ("content", "bytes", "image_bytes", "image", "img", "picture")
PATHS = ("path", "image", "file", "filename", "file_name", "filepath", "image_path")
LABELS = ("label", "class", "category")

# As the command takes them (src/selection): those of the formats that the library reads.
ENDINGS = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png",), "WebP": (".webp",),
           "GIF": (".gif",), "BMP": (".bmp", ".dib"), "TIFF": (".tif", ".tiff"),
           "PNM": (".pnm", ".ppm", ".pgm", ".pbm"), "HEIC": (".heic", ".heif"),
           "AVIF": (".avif",)}
SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found")


class Encoded(NamedTuple):
    """The bytes of an image file."""

    content: pa.Buffer


class File(NamedTuple):
    """An image file, not read yet."""

    name: Union[str, bytes]


class Pixels(NamedTuple):
    """RGB, [height][width][3] of uint8."""

    rgb: pa.Buffer
    width: int
    height: int


class Failed(NamedTuple):
    """No image, and why."""

    reason: str


Source = Union[Encoded, File, Pixels, Failed]


class Row(NamedTuple):
    path: Optional[str]
    label: Optional[str]
    source: Source
    others: Mapping[str, Any] = {}


# --- Names ---------------------------------------------------------------------------------


def name_text(name: Union[str, bytes, os.PathLike[Any]]) -> str:
    """The name of a file as text, as the command's tables have it: a byte that belongs to no
    character is \\xNN, and so is a backslash that would look like one of these."""
    raw = re.sub(rb"\\(?=x[0-9a-f]{2})", rb"\\x5c", os.fsencode(name))
    return raw.decode("utf-8", "backslashreplace")


def name_bytes(text: str) -> bytes:
    """The name that name_text made text of."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]),
                  os.fsencode(text))


def label_of(path: Union[str, bytes, os.PathLike[Any]]) -> str:
    """The name of the folder that holds the image."""
    return PurePath(os.fsdecode(path)).parent.name


def image_endings() -> tuple[str, ...]:
    return tuple(ending for name in image_formats() for ending in ENDINGS.get(name, ()))


def file_row(path: Union[str, bytes, os.PathLike[Any]]) -> Row:
    name = os.fsdecode(path)
    return Row(name_text(name), name_text(label_of(name)), File(name))


def images_below(folder: Union[str, bytes, os.PathLike[Any]]) -> list[str]:
    """The images in a folder and those in it, in byte order of their paths, as the command
    takes them: by their endings, none that is hidden or of the system's own folders."""
    root, found, endings = os.fsdecode(folder), [], image_endings()
    for parent, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders
                      if not name.startswith(".") and name not in SYSTEM_FOLDERS]
        found += [os.path.join(parent, name) for name in names
                  if not name.startswith(".") and name.lower().endswith(endings)]
    return sorted(found, key=lambda name: os.fsencode(os.path.relpath(name, root)))


def file_rows(path: Union[str, os.PathLike[Any]]) -> Iterator[Row]:
    """A file, or all images of a folder."""
    if not os.path.isdir(path):
        yield file_row(path)
        return
    below = images_below(path)
    if not below:
        yield Row(name_text(path), None, Failed("the folder holds no image whose name ends in "
                                                + ", ".join(image_endings())))
    yield from map(file_row, below)


# --- Single images ---------------------------------------------------------------------------


def is_array(image: Any) -> bool:
    return any(hasattr(image, name) for name in ("__array__", "__array_interface__", "__dlpack__"))


class Reader:
    """Rows from images of all kinds. Pictures of Pillow are turned as files are."""

    def __init__(self, exif_orient: bool = False) -> None:
        self.exif_orient = exif_orient

    def rows(self, images: Any) -> Iterator[Row]:
        """Those of one image or of many."""
        if isinstance(images, Mapping) and any(is_column(value) for value in images.values()):
            names = list(images)
            for values in zip(*images.values()):
                yield from self.item(dict(zip(names, values)))
        elif is_single(images):
            yield from self.item(images)
        elif isinstance(images, Iterable):
            for image in images:
                yield from self.item(image)
        else:
            raise TypeError(f"no images can be found in {described(images)}: give a path, a "
                            "folder, a table, bytes, a picture or a list of these")

    def item(self, image: Any) -> Iterator[Row]:
        if isinstance(image, (str, os.PathLike)):
            yield from file_rows(image)
        elif isinstance(image, Mapping):
            yield from self.mapping(image)
        elif is_array(image) and not is_pil(image) and not isinstance(image, memoryview):
            yield from (Row(None, None, source) for source in array_sources(image))
        else:
            path = getattr(image, "name", None) or getattr(image, "filename", None)
            source = self.source(image)
            if isinstance(path, (str, bytes)) and path:
                yield Row(name_text(path), name_text(label_of(path)), source)
            else:
                yield Row(None, None, source)

    def source(self, image: Any) -> Source:
        if image is None:
            return Failed("no content")
        if isinstance(image, (bytes, bytearray, memoryview)):
            return Encoded(pa.py_buffer(image))
        if is_pil(image):
            return self.pil_source(image)
        if hasattr(image, "read"):
            try:
                content = image.read()
            except OSError as error:
                return Failed(unreadable(error))
            if not isinstance(content, (bytes, bytearray)):
                raise TypeError("a file of images is opened for text: open it with 'rb'")
            return Encoded(pa.py_buffer(content))
        raise TypeError(f"no image can be read from {described(image)}")

    def pil_source(self, image: Any) -> Source:
        """The pixels that Pillow gives, an error of its decoder as a row."""
        try:
            if self.exif_orient:
                from PIL import ImageOps
                image = ImageOps.exif_transpose(image)
            rgb = image.convert("RGB")
            return Pixels(pa.py_buffer(rgb.tobytes()), *rgb.size)
        except (OSError, SyntaxError, ValueError) as error:
            return Failed(f"Pillow cannot decode the image: {error}")

    def mapping(self, image: Mapping[str, Any]) -> Iterator[Row]:
        """A dictionary such as {"image": ..., "label": ...} or {"bytes": ..., "path": ...}."""
        path_key = first(PATHS, image, lambda value: isinstance(value, (str, os.PathLike)))
        label_key = first(LABELS, image, lambda value: True)
        key = first(CONTENTS, image, lambda value: value is not None
                    and not isinstance(value, (str, os.PathLike))) or path_key
        key = key or first(CONTENTS + PATHS, image, lambda value: True)
        if key is None:
            raise TypeError("a dictionary of an image needs one of the keys "
                            f"{', '.join(dict.fromkeys(CONTENTS + PATHS))}, this one has "
                            f"{', '.join(map(repr, image))}")
        others = {name: value for name, value in image.items()
                  if name not in (key, path_key, label_key) and name not in CONTENTS[:3]}
        for row in self.item(image[key]):
            path = row.path if path_key in (None, key) else name_text(image[path_key])
            label = image[label_key] if label_key is not None else None
            label = row.label if label is None else str(label)
            if label is None and path is not None:
                label = label_of(path)
            yield Row(path, label, row.source, others)


def first(names: Iterable[str], image: Mapping[str, Any], wanted: Any) -> Optional[str]:
    return next((name for name in names if name in image and wanted(image[name])), None)


def is_column(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def is_single(images: Any) -> bool:
    if isinstance(images, (str, bytes, bytearray, memoryview, os.PathLike, Mapping)):
        return True
    if is_pil(images) or hasattr(images, "read"):
        return True
    # An array of objects or of text is a list of images; a Series has no pixels either.
    return is_array(images) and getattr(images, "ndim", 0) >= 2


def described(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__name__


def unreadable(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


# --- Arrays ----------------------------------------------------------------------------------


def array_sources(image: Any) -> Iterator[Source]:
    """[height][width], [height][width][1, 3 or 4] or a batch of those; of torch, whose images
    have their channels first, [3][height][width]."""
    import numpy

    channels_first = hasattr(image, "detach")
    if channels_first:
        image = image.detach().cpu().numpy()
    pixels = numpy.asarray(image)
    if pixels.dtype != numpy.uint8:
        raise TypeError(f"an array of {pixels.dtype} is not an image: bytes from 0 to 255 are needed, "
                        "such as (x * 255).round() of uint8 where x runs from 0 to 1")
    if pixels.ndim not in (2, 3, 4):
        raise ValueError(f"an array of {pixels.ndim} dimensions is not an image: [height][width][3] "
                         "or [n][height][width][3] is needed")
    if channels_first and pixels.ndim >= 3 and pixels.shape[-3] in (1, 3, 4):
        pixels = numpy.moveaxis(pixels, -3, -1)
    for one in pixels if pixels.ndim == 4 else [pixels]:
        yield array_source(numpy, one)


def array_source(numpy: Any, pixels: Any) -> Source:
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    height, width, channels = pixels.shape
    if channels not in (1, 3, 4):
        raise ValueError(f"an array of shape {pixels.shape} is not an image: the last dimension has to "
                         "be 1, 3 or 4 channels")
    if height == 0 or width == 0:
        return Failed("the image has no pixels")
    # As Pillow's convert("RGB"): grey three times, transparency left out.
    rgb = numpy.repeat(pixels, 3, axis=2) if channels == 1 else pixels[:, :, :3]
    return Pixels(pa.py_buffer(numpy.ascontiguousarray(rgb)), width, height)
