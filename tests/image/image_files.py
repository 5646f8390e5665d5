"""Images of every kind that Verger decodes, as (name, bytes), made from a seed."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageFile

# Pillow writes small progressive files only with a larger buffer.
ImageFile.MAXBLOCK = 1 << 22

SIZES = [(1, 1), (2, 3), (3, 2), (8, 8), (9, 5), (17, 33), (1000, 7), (7, 1000), (225, 223)]
APP0, APP1, APP14, SCAN = 0xE0, 0xE1, 0xEE, 0xDA
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# First column and row, then the steps, of each pass of Adam7.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]

random = np.random.default_rng(20240501)


# --- JPEG ---------------------------------------------------------------------


def picture(mode, width, height):
    """Waves and noise: smooth areas and sharp edges both."""
    down, right = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(right / (7 + 3 * c) + down / (11 + c)) for c in range(4)]
    noisy = np.stack(planes, -1) + random.normal(0, 12, (height, width, 4))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    if mode == "L":
        return Image.fromarray(pixels[:, :, 0])
    if mode == "RGB":
        return Image.fromarray(pixels[:, :, :3])
    return Image.fromarray(pixels, "CMYK")


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def without_markers(data, *markers):
    kept, at = data[:2], 2
    while data[at + 1] != SCAN:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] not in markers:
            kept += data[at:end]
        at = end
    return kept + data[at:]


def with_segment(data, marker, body):
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


def with_adobe_transform(data, transform):
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1:]


def with_sampling(data, sampling, width, height):
    """Another sampling of the first component. The bytes stay a valid JPEG where the
    blocks of an MCU and the count of MCUs stay the same; the picture does not."""
    changed = bytearray(data)
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    struct.pack_into(">HH", changed, frame + 5, height, width)
    changed[frame + 11] = sampling
    return bytes(changed)


def jpegs():
    for width, height in SIZES:
        grey, rgb, cmyk = (picture(mode, width, height) for mode in ("L", "RGB", "CMYK"))
        for progressive in (False, True):
            kind = f"{width}x{height} {'progressive' if progressive else 'baseline'}"
            p = {"progressive": progressive}
            for quality in (30, 95):
                yield f"grey {kind} q{quality}", jpeg(grey, quality=quality, **p)
                for sampling in (0, 1, 2):
                    options = {"quality": quality, "subsampling": sampling, **p}
                    yield f"rgb {kind} q{quality} s{sampling}", jpeg(rgb, **options)
                    yield f"cmyk {kind} q{quality} s{sampling}", jpeg(cmyk, **options)
            yield f"restart {kind}", jpeg(rgb, restart_marker_blocks=1, **p)
            yield f"unmarked ycc {kind}", without_markers(jpeg(rgb, **p), APP0, APP14)
            kept = jpeg(rgb, keep_rgb=True, **p)
            yield f"unmarked rgb {kind}", without_markers(kept, APP0, APP14)
            yield f"unmarked cmyk {kind}", without_markers(jpeg(cmyk, **p), APP0, APP14)
            for transform in (0, 1, 2):
                yield f"adobe rgb {transform} {kind}", with_adobe_transform(kept, transform)
                changed = with_adobe_transform(jpeg(cmyk, **p), transform)
                yield f"adobe cmyk {transform} {kind}", changed
    for progressive in (False, True):
        for sampling, name, width, height in [(1, 0x12, 48, 64), (1, 0x12, 41, 50),
                                              (2, 0x41, 128, 24), (2, 0x14, 32, 96)]:
            data = jpeg(picture("RGB", 64, 48), subsampling=sampling, progressive=progressive)
            yield (f"sampling {name:x} {width}x{height} progressive {progressive}",
                   with_sampling(data, name, width, height))


# --- PNG ----------------------------------------------------------------------


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def random_rows(width, height, bits, interlaced):
    """Any bytes are filtered rows, so random ones try every filter on every row."""
    rows = []
    for x, y, step_x, step_y in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns = (width - x + step_x - 1) // step_x
        for _ in range(y, height, step_y) if columns > 0 else ():
            rows.append(bytes([random.integers(5)]) + random.bytes((columns * bits + 7) // 8))
    return b"".join(rows)


def png(width, height, depth, colour, interlaced=0, before=b"", after=b"", rows=None):
    if rows is None:
        rows = random_rows(width, height, depth * PNG_CHANNELS[colour], interlaced)
    packed = zlib.compress(rows)
    half = len(packed) // 2
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"".join([PNG_SIGNATURE, chunk(b"IHDR", header), before, chunk(b"IDAT", packed[:half]),
                     chunk(b"IDAT", b""), chunk(b"IDAT", packed[half:]), after,
                     chunk(b"IEND", b"")])


def rgb_png(width, height):
    """Bytes of an image whose pixels are the same whoever decodes them."""
    return png(width, height, 8, 2, rows=b"".join(b"\0" + random.bytes(3 * width)
                                                  for _ in range(height)))


def pngs():
    for width, height in SIZES:
        for interlaced in (0, 1):
            for colour, depths in PNG_DEPTHS.items():
                for depth in depths:
                    kind = f"{width}x{height} interlaced {interlaced} colour {colour} depth {depth}"
                    yield from pngs_of_kind(kind, width, height, depth, colour, interlaced)


def pngs_of_kind(kind, *header):
    depth, colour = header[2], header[3]
    palette = chunk(b"PLTE", random.bytes(3 * 2 ** min(depth, 8)))
    if colour == 3:
        yield kind, png(*header, before=palette)
        yield kind + " tRNS", png(*header, before=palette + chunk(b"tRNS", random.bytes(2)))
        yield kind + " one clear", png(*header, before=palette + chunk(b"tRNS", b"\xff\0"))
        # Indices past the palette are black.
        yield kind + " short", png(*header, before=chunk(b"PLTE", random.bytes(3)))
        return
    yield kind, png(*header)
    if colour in (0, 2):
        clear = chunk(b"tRNS", b"\0\1" * PNG_CHANNELS[colour])
        yield kind + " tRNS", png(*header, before=clear)
    if colour == 2:
        yield kind + " palette", png(*header, before=palette)
        others = chunk(b"gAMA", b"\0\0\x60\0") + chunk(b"sRGB", b"\0") + chunk(b"sBIT", b"\5\6\5")
        yield kind + " gamma", png(*header, before=others, after=chunk(b"tEXt", b"key\0text"))


# --- EXIF ---------------------------------------------------------------------


def exif(orientation, order="<", kind=3, count=1, before=()):
    """A TIFF structure with the orientation as a value of a kind (TIFF type)."""
    codes = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i", 13: "I", 77: "I"}
    value = struct.pack(order + codes[kind], orientation)
    entries = [*before, (0x0112, kind, count, value)]
    body = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IH", 8, len(entries)) + body + bytes(4)


def oriented():
    """Images with EXIF, sound and damaged."""
    base = jpeg(picture("RGB", 13, 7))
    structures = [(f"{orientation} {order} type {kind} x {count}",
                   exif(orientation, order, kind, count))
                  for orientation in range(10) for order in "<>"
                  for kind in (1, 3, 4, 6, 8, 9, 13, 77) for count in (0, 1, 2, 3)]
    # An entry whose value lies past the end, one within, one of no known type.
    for kind, offset in ((2, 20000), (2, 8), (99, 20000)):
        structures.append((f"after a type {kind} at {offset}",
                           exif(6, before=[(270, kind, 50, struct.pack("<I", offset))])))
    for name, structure in structures:
        yield "jpeg " + name, with_segment(base, APP1, b"Exif\0\0" + structure)
        yield "png " + name, png(13, 7, 8, 2, before=chunk(b"eXIf", structure))
        yield "png at the end " + name, png(13, 7, 8, 2, after=chunk(b"eXIf", structure))
    upper = with_segment(base, APP1, b"Exif\0\0" + exif(3))
    yield "jpeg with two", with_segment(upper, APP1, b"Exif\0\0" + exif(6))
    yield "jpeg with an empty one first", with_segment(upper, APP1, b"Exif\0\0")
    cut = 11
    parts = with_segment(base, APP1, b"Exif\0\0" + exif(6)[cut:])
    yield "jpeg in two parts", with_segment(parts, APP1, b"Exif\0\0" + exif(6)[:cut])
    yield "jpeg after fill bytes", base[:2] + b"\xff" * 9 + upper[2:]
    yield "jpeg after the scan", base + upper[2:]
    yield "jpeg with XMP", with_segment(base, APP1, b'http://ns.adobe.com/xap/1.0/\0'
                                        b'<x tiff:Orientation="6"/>')


def described():
    """PNGs whose orientation is in a text."""
    def profile(structure, head="\nexif\n      34\n", width=72):
        digits = structure.hex()
        lines = [digits[i:i + width] for i in range(0, len(digits), width)]
        return (head + "\n".join(lines) + "\n").encode()

    def xmp(orientation, kind="attribute"):
        value = (f'<rdf:Description tiff:Orientation="{orientation}"/>' if kind == "attribute" else
                 f"<tiff:Orientation>{orientation}</tiff:Orientation>")
        return f'<?xpacket begin=""?><x:xmpmeta>{value}</x:xmpmeta>'.encode()

    def text(key, value):
        return chunk(b"tEXt", key + b"\0" + value)

    def packed(key, value):
        return chunk(b"zTXt", key + b"\0\0" + zlib.compress(value))

    def international(key, value, compressed=False):
        flags = b"\1\0" if compressed else b"\0\0"
        return chunk(b"iTXt", key + b"\0" + flags + b"en\0word\0"
                     + (zlib.compress(value) if compressed else value))

    key, name = b"Raw profile type exif", b"XML:com.adobe.xmp"
    with_prefix = b"Exif\0\0" + exif(6)
    chunks = {"profile": text(key, profile(with_prefix)),
              "packed profile": packed(key, profile(with_prefix)),
              "profile without prefix": packed(key, profile(exif(8))),
              "international profile": international(key, profile(with_prefix), True),
              "profile in one line": packed(key, profile(with_prefix, width=1000)),
              "XMP": international(name, xmp(6)), "packed XMP": international(name, xmp(8), True),
              "XMP as an element": international(name, xmp(3, "element")),
              "XMP as a text": text(name, xmp(5)), "XMP of 9": international(name, xmp(9)),
              "XMP after a 0": international(name, xmp(0) + xmp(6)),
              "XMP and EXIF": international(name, xmp(6)) + chunk(b"eXIf", exif(3)),
              "XMP and EXIF of none": international(name, xmp(6)) + chunk(b"eXIf", exif(3, count=0)),
              "XMP and EXIF of 9": international(name, xmp(6)) + chunk(b"eXIf", exif(9)),
              "profile and EXIF": text(key, profile(with_prefix)) + chunk(b"eXIf", exif(3)),
              "two of XMP": international(name, xmp(6)) + international(name, xmp(3)),
              "XMP with spaces": international(name, b'tiff:Orientation = "6"')}
    for label, block in chunks.items():
        yield "png " + label, png(13, 7, 8, 2, before=block)
        yield f"png {label} at the end", png(13, 7, 8, 2, after=block)


def cut_exif():
    base, structure = jpeg(picture("RGB", 13, 7)), b"Exif\0\0" + exif(6)
    for size in range(len(structure)):
        yield f"jpeg exif of {size} bytes", with_segment(base, APP1, structure[:size])
