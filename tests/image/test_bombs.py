"""Small files that ask for much: time and memory of each are bounded."""

import io
import os
import random
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from PIL import Image

BUILD = Path(os.environ["VERGER_BUILD"])
OK, LIMIT = 0, 5  # vg_status
MAX_SIDE = 9459  # squared, the default of --max-pixels
MEBIBYTE = 1 << 20

# An image of 89 million pixels is 256 MiB, and 256 MiB of coefficients if it is a
# progressive JPEG. The times are those of a slow machine, not what to expect.
MAX_BYTES = 640 * MEBIBYTE
MAX_SECONDS = 30


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


def many_scans(width, height, count):
    """A progressive JPEG whose last scan, which refines nothing, is there `count` times.
    Its blocks are one run of end-of-band after the other (ITU T.81, G.1.2.3): 32,767
    blocks in two bytes."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "JPEG", progressive=True)
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
    refine = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\x10" + coded
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


HIDDEN = zeros(64 * MEBIBYTE)
BOMBS = {
    "header alone": (png(65535, 65535, 8, 2, 1000), LIMIT),
    "one long row": (png(89_000_000, 1, 16, 6, 1000), LIMIT),
    "one long row, interlaced": (png(89_000_000, 1, 16, 6, 1000, 1), LIMIT),
    "all zeros": (png(MAX_SIDE, MAX_SIDE, 8, 2, 270_000_000), OK),
    "16 bits, alpha, interlaced": (png(MAX_SIDE, MAX_SIDE, 16, 6, 720_000_000, 1), OK),
    "more data than rows": (png(10, 10, 8, 2, 256 * MEBIBYTE), OK),
    "text": (png(10, 10, 8, 2, 400, before=chunk(b"zTXt", b"k\0\0" + HIDDEN) * 8), OK),
    "international text": (png(10, 10, 8, 2, 400, before=chunk(b"iTXt", b"k\0\1\0\0\0" + HIDDEN)), OK),
    "colour profile": (png(10, 10, 8, 2, 400, before=chunk(b"iCCP", b"k\0\0" + HIDDEN)), OK),
    "many chunks": (png(10, 10, 8, 2, 400, before=chunk(b"tEXt", b"k\0v") * 500_000), OK),
    "many scans": (many_scans(MAX_SIDE, MAX_SIDE, 499), LIMIT),
    "many small scans": (many_scans(1000, 1000, 499), OK),
    "scans as many as may be": (many_scans(MAX_SIDE, MAX_SIDE, 32), OK),
    "arithmetic": (arithmetic(MAX_SIDE, MAX_SIDE, 1), OK),
    "arithmetic, many scans": (arithmetic(MAX_SIDE, MAX_SIDE, 32), LIMIT),
    "arithmetic, many small scans": (arithmetic(1000, 1000, 400), LIMIT),
    "many segments": (many_segments(250_000, b""), OK),
    "many segments of EXIF": (many_segments(100_000, b"Exif\0\0" + bytes(40)), OK),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_bounded(name, tmp_path):
    data, expected = BOMBS[name]
    (tmp_path / "in").write_bytes(struct.pack("=I", len(data)) + data)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as result:
        process = subprocess.Popen([BUILD / "dump_rgb", "--orient", "--resize", "224", "224"],
                                   stdin=source, stdout=result)
        _, process.returncode, used = os.wait4(process.pid, 0)
    assert process.returncode == 0
    answer = (tmp_path / "out").read_bytes()
    assert struct.unpack_from("=I", answer)[0] == expected, answer[16:200]
    assert used.ru_maxrss * 1024 < MAX_BYTES + len(data)
    assert used.ru_utime + used.ru_stime < MAX_SECONDS
