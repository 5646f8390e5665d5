"""Small files that ask for much. As a program: time and memory of each beside its bound.

usage: bombs.py BUILD [NAME...]
"""

import io
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

from other_formats import bmp, encoded, tiff
from PIL import Image

OK, LIMIT = 0, 5  # vg_status
MEBIBYTE = 1 << 20
DEFAULT_PIXELS = 178956970  # of --max-pixels

# Times are those of a slow machine, not what to expect. Beside the image, libraries and
# the resizer take some.
MAX_SECONDS = 30
BYTES_PER_PIXEL = 9
OTHER_BYTES = 96 * MEBIBYTE


def zeros(count):
    """Compressed a thousandfold."""
    deflate = zlib.compressobj(9)
    block = bytes(MEBIBYTE)
    return b"".join(deflate.compress(block) for _ in range(count // MEBIBYTE + 1)) + deflate.flush()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, colour, raw, interlaced=0, before=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zeros(raw))
            + chunk(b"IEND", b""))


def many_scans(width, height, count, mode="RGB"):
    """A progressive JPEG whose last scan, which refines nothing, is there `count` times.
    Its blocks are one run of end-of-band after the other (ITU T.81, G.1.2.3): 32,767
    blocks in two bytes."""
    stream = io.BytesIO()
    Image.new(mode, (16, 16)).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    frame = data.index(b"\xff\xc2")
    data = data[:frame + 5] + struct.pack(">HH", height, width) + data[frame + 9:]
    head = data[:data.index(b"\xff\xda")]
    # One code of one bit each: DC no difference, AC end-of-band run of 14 bits.
    tables = b"".join(b"\xff\xc4\0\x14" + bytes([kind, 1]) + bytes(15) + symbol
                      for kind, symbol in [(0x00, b"\0"), (0x10, b"\xe0")])
    runs = (width + 7) // 8 * ((height + 7) // 8) // 32767 + 1
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    component = data[frame + 10:frame + 11]
    refine = b"\xff\xda\0\x08\x01" + component + b"\0\x01\x3f\x10" + coded
    return head + tables + refine * count + b"\xff\xd9"


def arithmetic(width, height, scans, seed=1):
    """Arithmetic-coded, of one component: any bytes are blocks, and a decoder goes on with
    zeros where they end (ITU T.81, D.2.6). Each scan walks over all of them."""
    def segment(marker, body):
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    coded = random.Random(seed).randbytes(20_000).replace(b"\xff", b"\0")
    progressive = scans > 1
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    data = (b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64))
            + segment(0xCA if progressive else 0xC9, frame))
    for scan in range(scans):
        spectrum = (b"\0\x3f\0" if not progressive else b"\0\0\0" if scan == 0
                    else b"\1\x3f\0")
        data += segment(0xDA, b"\1\1\0" + spectrum) + coded
    return data + b"\xff\xd9"


def many_segments(count, body):
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), (90, 120, 60)).save(stream, "JPEG")
    data = stream.getvalue()
    segment = struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body
    return data[:2] + segment * count + data[2:]


def webp(width, height):
    """A lossless image of one colour: its pixels have no bits at all."""
    data = bytearray(encoded(Image.new("RGB", (16, 16), (1, 2, 3)), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[at:at + 4], "little") >> 28 << 28
    data[at:at + 4] = (bits | height - 1 << 14 | width - 1).to_bytes(4, "little")
    return bytes(data)


def bombs(max_pixels):
    """name: (what makes the file, status with this limit of pixels)"""
    side = math.isqrt(max_pixels)
    return {
        "header alone": (lambda: png(65535, 65535, 8, 2, 1000), LIMIT),
        "one long row": (lambda: png(40_000_000, 1, 16, 6, 1000), LIMIT),
        "one long row, interlaced": (lambda: png(40_000_000, 1, 16, 6, 1000, 1), LIMIT),
        "all zeros": (lambda: png(side, side, 8, 2, 3 * max_pixels + side), OK),
        "16 bits, alpha, interlaced": (lambda: png(side, side, 16, 6, 8 * max_pixels + 2 * side, 1), OK),
        "more data than rows": (lambda: png(10, 10, 8, 2, 256 * MEBIBYTE), OK),
        "text": (lambda: png(10, 10, 8, 2, 400, before=chunk(b"zTXt", b"k\0\0" + zeros(64 * MEBIBYTE)) * 8), OK),
        "international text": (lambda: png(10, 10, 8, 2, 400,
                                   before=chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(64 * MEBIBYTE))), OK),
        "colour profile": (lambda: png(10, 10, 8, 2, 400, before=chunk(b"iCCP", b"k\0\0" + zeros(64 * MEBIBYTE))), OK),
        "many chunks": (lambda: png(10, 10, 8, 2, 400, before=chunk(b"tEXt", b"k\0v") * 500_000), OK),
        "many scans": (lambda: many_scans(side, side, 499), LIMIT),
        "many small scans": (lambda: many_scans(1000, 1000, 499), OK),
        "scans as many as may be": (lambda: many_scans(side, side, 23), OK),
        "progressive CMYK": (lambda: many_scans(side, side, 10, "CMYK"), LIMIT),
        "progressive CMYK, smaller": (lambda: many_scans(side * 4 // 5, side, 10, "CMYK"), OK),
        "arithmetic": (lambda: arithmetic(9459, 9459, 1), OK if side >= 9459 else LIMIT),
        "arithmetic, many scans": (lambda: arithmetic(side, side, 32), LIMIT),
        "arithmetic, many small scans": (lambda: arithmetic(1000, 1000, 400), LIMIT),
        "WebP": (lambda: webp(side, side), OK),
        "WebP, header alone": (lambda: webp(16384, 16384), LIMIT),
        "GIF": (lambda: encoded(Image.new("L", (side, side)), "GIF"), OK),
        "GIF, header alone": (lambda: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2", LIMIT),
        "BMP of runs": (lambda: bmp(side, side, 8, (b"\xff\1" * (side // 255 + 1) + b"\0\0") * side, bytes(1024), 1),
                        OK),
        "BMP, header alone": (lambda: bmp(65535, 65535, 24, b""), LIMIT),
        "PNM, header alone": (lambda: b"P6 65535 65535 255 ", LIMIT),
        "TIFF": (lambda: encoded(Image.new("RGB", (side, side)), "TIFF", compression="tiff_deflate"), OK),
        "TIFF, header alone": (lambda: tiff(65535, 65535, 8, 1, b"", rows_per_strip=65535), LIMIT),
        "TIFF, one huge tile": (lambda: tiff(1, 1, 8, 1, b"x", more=[
            (322, 4, [65520]), (323, 4, [65520]), (324, 4, [8]), (325, 4, [1])]), LIMIT),
        "many segments": (lambda: many_segments(250_000, b""), OK),
        "many segments of EXIF": (lambda: many_segments(100_000, b"Exif\0\0" + bytes(40)), OK),
    }


class Cost(NamedTuple):
    status: int
    message: str
    seconds: float
    bytes: int
    most_bytes: int
    size: int  # of the file


def make(maker, path):
    """Makes the file in a process of its own: what this one has taken would count as taken by
    those that it starts."""
    child = os.fork()
    if child == 0:
        data = maker()
        path.write_bytes(struct.pack("=I", len(data)) + data)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the file could not be made"
    return path.stat().st_size - 4


def cost(build, maker, max_pixels, folder):
    """What decoding, turning and resizing takes in a process of its own."""
    size = make(maker, folder / "in")
    with open(folder / "in", "rb") as source, open(folder / "out", "wb") as result:
        process = subprocess.Popen([build / "dump_rgb", "--orient", "--max-pixels", str(max_pixels),
                                    "--resize", "224", "224"], stdin=source, stdout=result)
        _, process.returncode, used = os.wait4(process.pid, 0)
    assert process.returncode == 0
    answer = (folder / "out").read_bytes()
    status = struct.unpack_from("=I", answer)[0]
    return Cost(status, answer[16:].decode() if status else "", used.ru_utime + used.ru_stime,
                used.ru_maxrss * 1024, BYTES_PER_PIXEL * max_pixels + OTHER_BYTES + size, size)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, wanted = Path(sys.argv[1]), sys.argv[2:]
    is_bounded = True
    print(f"{'file':32}{'bytes':>12}{'seconds':>10}{'bound':>8}{'MiB':>8}{'bound':>8}  answer")
    for name, (maker, expected) in bombs(DEFAULT_PIXELS).items():
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            used = cost(build, maker, DEFAULT_PIXELS, Path(folder))
        is_bounded &= (used.status == expected and used.seconds < MAX_SECONDS and used.bytes < used.most_bytes)
        print(f"{name:32}{used.size:12,}{used.seconds:10.2f}{MAX_SECONDS:8}"
              f"{used.bytes // MEBIBYTE:8}{used.most_bytes // MEBIBYTE:8}  {used.message or 'an image'}",
              flush=True)
    sys.exit(0 if is_bounded else "bombs.py: not all as they should be")


if __name__ == "__main__":
    main()
