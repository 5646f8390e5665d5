"""Decode, orientation and resize byte for byte as Pillow's, on images of every kind.

VERGER_SEED=N draws other damage; the default is always the same."""

import functools
import io
import os
import random
import struct
import subprocess
import tarfile
import warnings
from pathlib import Path

import image_files as images
import other_formats
import pytest
from PIL import Image, ImageOps

BUILD = Path(os.environ["VERGER_BUILD"])
SAMPLE = Path(__file__).resolve().parents[3] / "shared/fruits-360/fruits-360-sample.tar"
SEED = int(os.environ.get("VERGER_SEED", "1"))
KERNELS = ["ref", "avx2", "avx512", "neon"]
OK, EFORMAT, ELIMIT = 0, 4, 5

pytestmark = pytest.mark.filterwarnings("ignore")


# --- Both sides ---------------------------------------------------------------


def verger(data, *options):
    """(status, width, height, RGB bytes or message) of each image."""
    program = BUILD / "dump_rgb"
    stdin = b"".join(struct.pack("=I", len(encoded)) + encoded for encoded in data)
    done = subprocess.run([program, *map(str, options)], input=stdin, capture_output=True)
    assert done.returncode == 0, f"{program} {options}: {done.stderr.decode()[-4000:]}"
    answers, at = [], 0
    while at < len(done.stdout):
        *head, size = struct.unpack_from("=4I", done.stdout, at)
        answers.append((*head, done.stdout[at + 16:at + 16 + size]))
        at += 16 + size
    assert len(answers) == len(data)
    return answers


@functools.lru_cache(maxsize=None)
def pillow(encoded, orient=False, size=None):
    """As verger, with status None where Pillow raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(encoded))
            image = (ImageOps.exif_transpose(image) if orient else image).convert("RGB")
            image = image.resize(size) if size else image
            return OK, *image.size, image.tobytes()
    except Exception as error:  # Pillow raises nearly every kind for bad data
        return None, 0, 0, repr(error)


def difference(name, ours, theirs):
    if (ours[0] == OK) != (theirs[0] == OK):
        return f"{name}: Verger {ours[0]} {ours[3][:200] if ours[0] else ''}, Pillow " \
               f"{theirs[0]} {theirs[3][:200] if theirs[0] is None else ''}"
    if ours[0] == OK and ours != theirs:
        return f"{name}: {ours[1:3]} and {theirs[1:3]}, or other bytes"
    return None


def assert_same(cases, *options, orient=False, size=None):
    options += (("--orient",) if orient else ()) + (("--resize", *size) if size else ())
    answers = verger([data for _, data in cases], *options)
    found = [difference(name, ours, pillow(data, orient, size))
             for (name, data), ours in zip(cases, answers)]
    faults = [fault for fault in found if fault]
    assert not faults, f"{len(faults)} of {len(cases)} differ:\n" + "\n".join(faults[:20])


# --- Sound images -------------------------------------------------------------


def test_jpegs():
    assert_same(list(images.jpegs()))


def test_pngs():
    assert_same(list(images.pngs()))


@pytest.mark.parametrize("kind", ["webps", "gifs", "bmps", "pnms", "tiffs"])
def test_other_formats(kind):
    cases = list(getattr(other_formats, kind)())
    assert_same(cases)
    assert_same(cases, orient=True)


def test_orientation_is_applied_on_request():
    assert_same([*images.oriented(), *images.cut_exif(), *images.described()], orient=True)


def test_orientation_is_ignored_by_default():
    assert_same([*images.oriented(), *images.described()])


@pytest.fixture(scope="module")
def photographs():
    if not SAMPLE.is_file():
        pytest.skip(f"needs {SAMPLE}")
    with tarfile.open(SAMPLE) as tar:
        members = [member for member in tar.getmembers() if member.isfile()][::40]
        return [(member.name, tar.extractfile(member).read()) for member in members]


def test_photographs(photographs):
    assert_same(photographs)


@pytest.mark.parametrize("kernels", KERNELS)
def test_photographs_resized(photographs, kernels):
    skip_without(kernels)
    assert_same(photographs, "--kernels", kernels, size=(224, 224))


# --- Resize -------------------------------------------------------------------


def skip_without(kernels):
    done = subprocess.run([BUILD / "dump_rgb", "--kernels", kernels], input=b"",
                          capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"this CPU has no {kernels}")


@pytest.fixture(scope="module")
def sizes():
    chosen = [(1, 1), (2, 3), (1, 5), (5, 1), (1000, 7), (7, 1000), (224, 224), (225, 223),
              (100, 100), (224, 100), (100, 224), (448, 448), (1, 224), (640, 480), (20000, 1),
              (1, 20000), (65500, 1), (1, 65500)]
    draw = random.Random(SEED)
    chosen += [(draw.randint(1, 500), draw.randint(1, 500)) for _ in range(40)]
    return [(f"{width} x {height}", images.rgb_png(width, height)) for width, height in chosen]


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("size", [(224, 224), (1, 1), (3, 2), (10, 300), (223, 7)])
def test_resize(sizes, kernels, size):
    skip_without(kernels)
    assert_same(sizes, "--kernels", kernels, size=size)


# --- Damage -------------------------------------------------------------------


def small_images():
    rgb = images.picture("RGB", 20, 13)
    palette = images.chunk(b"PLTE", bytes(range(48)))
    return {"jpeg": images.jpeg(rgb), "grey": images.jpeg(rgb.convert("L")),
            "cmyk": images.jpeg(rgb.convert("CMYK")),
            "restart": images.jpeg(rgb, restart_marker_blocks=1),
            "progressive": images.jpeg(rgb, progressive=True),
            "png": images.png(20, 13, 8, 2), "grey png": images.png(7, 5, 16, 0),
            "palette": images.png(20, 13, 4, 3, before=palette),
            "interlaced": images.png(20, 13, 8, 2, 1)}


@pytest.mark.parametrize("kind", small_images())
def test_every_length_of_a_cut_file(kind):
    data = small_images()[kind]
    cut = [data[:size] for size in range(len(data))]
    for size, (encoded, ours) in enumerate(zip(cut, verger(cut))):
        theirs = pillow(encoded)
        # A chunk cut after the last row fails in Pillow, but not one cut in its head.
        if theirs[0] is None and "Truncated File Read" in theirs[3] and ours[0] == OK:
            theirs = pillow(data)
        assert difference(f"{kind} cut to {size} of {len(data)}", ours, theirs) is None
        assert ours[0] in (OK, EFORMAT), ours


def damaged(data, draw):
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 5, 20))):
        at, way = draw.randrange(len(changed)), draw.randrange(5)
        if way < 2:
            changed[at] ^= 1 << draw.randrange(8)
        elif way == 2:
            changed[at] = draw.randrange(256)
        elif way == 3:
            del changed[at:at + draw.randrange(1, 9)]
        else:
            changed[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(changed)


@pytest.mark.parametrize("kind", small_images())
def test_damage_is_survived_as_pillow_does(kind):
    """What both decode is equal. Versions of libjpeg-turbo differ in how they smooth
    what is missing of a progressive image, and no bytes are compared there."""
    draw = random.Random(f"{SEED} {kind}")
    cases = [damaged(small_images()[kind], draw) for _ in range(500)]
    only_one = 0
    for number, (data, ours) in enumerate(zip(cases, verger(cases, "--max-pixels", 1 << 20))):
        theirs = pillow(data)
        if ours[0] == ELIMIT:
            continue
        only_one += (ours[0] == OK) != (theirs[0] == OK)
        if ours[0] == OK and theirs[0] == OK and kind != "progressive":
            assert ours == theirs, f"{kind}, damage {number} of seed {SEED}"
    # Pillow's own parsers refuse a few more, such as a broken chunk after the rows.
    assert only_one <= 15, f"{kind}, seed {SEED}: {only_one} decode on one side only"


def test_bytes_after_the_end_do_not_matter():
    cases = [(kind, data + b"\xff\xd8 and more") for kind, data in small_images().items()]
    assert_same(cases)


def test_checksums():
    """Pillow checks those before the image data only."""
    data = small_images()["png"]
    for name, status in ((b"IHDR", EFORMAT), (b"IDAT", OK), (b"IEND", OK)):
        at = data.index(name) - 4
        end = at + 12 + struct.unpack_from(">I", data, at)[0]
        changed = data[:end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]
        assert_same([(name, changed)])
        assert verger([changed])[0][0] == status
