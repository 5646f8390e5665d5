"""Images of the formats beside JPEG and PNG, as (name, bytes), made from a seed."""

import io
import struct

import numpy as np
from image_files import SIZES, exif, picture, random
from PIL import Image


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_alpha(width, height):
    image = picture("RGB", width, height)
    image.putalpha(Image.fromarray(random.integers(0, 256, (height, width), np.uint8)))
    return image


# --- WebP ---------------------------------------------------------------------


def webps():
    for width, height in SIZES:
        kind = f"{width}x{height}"
        for name, image in (("rgb", picture("RGB", width, height)),
                            ("rgba", with_alpha(width, height))):
            for quality in (10, 80):
                yield f"{name} {kind} q{quality}", encoded(image, "WEBP", quality=quality)
            yield f"{name} {kind} lossless", encoded(image, "WEBP", lossless=True)
            yield f"{name} {kind} exact", encoded(image, "WEBP", lossless=True, exact=True)
            few = image.convert("RGB").quantize(5).convert("RGB")
            yield f"{name} {kind} five colours", encoded(few, "WEBP", lossless=True)
    frames = [with_alpha(40, 30), picture("RGB", 40, 30).convert("RGBA")]
    frames[0].paste((0, 0, 0, 0), (0, 0, 17, 30))
    for lossless in (False, True):
        yield f"animated {lossless}", encoded(frames[0], "WEBP", save_all=True, lossless=lossless,
                                              append_images=frames[1:], background=(9, 8, 7, 255))
    for orientation in (1, 3, 6):
        yield f"exif {orientation}", encoded(frames[1], "WEBP", exif=exif(orientation))
        yield f"exif {orientation} with prefix", encoded(frames[1], "WEBP",
                                                         exif=b"Exif\0\0" + exif(orientation))


# --- GIF ----------------------------------------------------------------------


def lzw(indices, bits):
    """Codes of a dictionary that is cleared before it grows: each is a pixel."""
    clear, width, out, have, count = 1 << bits, bits + 1, 0, 0, 0
    codes = []
    for index in indices:
        if count % ((1 << bits) - 2 if bits > 2 else 2) == 0:
            codes.append(clear)
        codes.append(index)
        count += 1
    codes.append(clear + 1)
    for code in codes:
        out |= code << have
        have += width
    data = out.to_bytes((have + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255]
                      for i in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def gif(screen, box, indices, bits=3, global_colours=None, local_colours=None, interlaced=False,
        before=b"", background=0):
    def table(colours):
        return 0 if colours is None else 0x80 | (len(colours) // 3).bit_length() - 2
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, table(global_colours), background, 0)
    frame = b"," + struct.pack("<HHHHB", *box, table(local_colours) | (0x40 if interlaced else 0))
    return (head + (global_colours or b"") + before + frame + (local_colours or b"")
            + lzw(indices, bits) + b";")


def gifs():
    for width, height in SIZES:
        image = picture("RGB", width, height)
        for colours in (2, 5, 256):
            for interlaced in (0, 1):
                yield (f"{width}x{height} {colours} colours, interlaced {interlaced}",
                       encoded(image.quantize(colours), "GIF", interlace=interlaced))
        yield f"{width}x{height} grey", encoded(image.convert("L"), "GIF")
        yield f"{width}x{height} bits", encoded(image.convert("1"), "GIF")
        yield f"{width}x{height} clear", encoded(image.quantize(9), "GIF", transparency=3)
    frames = [picture("RGB", 30, 20).quantize(17), picture("RGB", 30, 20).rotate(9).quantize(50)]
    yield "animated", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0)
    colours, others = random.bytes(24), random.bytes(24)
    ramp = bytes(i for i in range(8) for _ in range(3))
    control = b"!\xf9\x04\x01\0\0\x05\0"
    pixels = [int(index) for index in random.integers(0, 8, 35)]
    places = {"whole": (0, 0, 7, 5), "inside": (2, 3, 7, 5), "beyond": (6, 6, 7, 5)}
    for name, box in places.items():
        for interlaced in (False, True):
            for kind, tables in (("global", {"global_colours": colours}),
                                 ("local", {"local_colours": others}),
                                 ("both", {"global_colours": colours, "local_colours": others}),
                                 ("none", {}), ("ramp", {"global_colours": ramp}),
                                 ("a local ramp", {"global_colours": colours, "local_colours": ramp}),
                                 ("two colours", {"global_colours": colours[:6]})):
                screen = (7, 5) if name == "whole" else (10, 9)
                for how, before in (("", b""), (", clear", control),
                                    (", comment", b"!\xfe\x03abc\0" + control)):
                    yield (f"frame {name}, {kind}, interlaced {interlaced}{how}",
                           gif(screen, box, pixels, interlaced=interlaced, before=before, **tables))
    yield "ends within the frame", gif((7, 5), (0, 0, 7, 5), pixels[:18], global_colours=colours)


# --- BMP ----------------------------------------------------------------------


def bmp(width, height, bits, rows, palette=b"", compression=0, header=40, masks=b"", colours=0,
        offset=None, after=b""):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIIIII", header, width, height, 1, bits, compression, len(rows),
                           2835, 2835, colours, 0)
        info += (masks + bytes(header))[:header - 40] if header > 40 else masks
    start = 14 + len(info) + len(palette) if offset is None else offset
    return (b"BM" + struct.pack("<IHHI", 14 + len(info) + len(palette) + len(rows), 0, 0, start)
            + info + palette + rows + after)


def bmp_rows(width, height, bits):
    return random.bytes((width * bits + 31) // 32 * 4 * height)


def bmps():
    def grey(count, entry=4):
        step = 255 if count == 2 else 1
        return b"".join(bytes([i * step] * 3) + bytes(entry - 3) for i in range(count))

    layouts = {16: [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF)],
               24: [(0xFF0000, 0xFF00, 0xFF)],
               32: [(0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0),
                    (0xFF000000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
                    (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
                    (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0), (1, 2, 3, 4)]}
    for width, height in SIZES:
        kind = f"{width}x{height}"
        for bits in (1, 4, 8):
            rows = bmp_rows(width, height, bits)
            for count in {2, 1 << bits, 5}:
                palette = random.bytes(4 * count)
                yield (f"{kind} {bits} bits, {count} colours",
                       bmp(width, height, bits, rows, palette, colours=count))
                yield (f"{kind} {bits} bits, {count} greys",
                       bmp(width, height, bits, rows, grey(count), colours=count))
            full = random.bytes(4 << bits)
            yield f"{kind} {bits} bits, from the top", bmp(width, -height, bits, rows, full)
            yield f"{kind} {bits} bits, OS/2", bmp(width, height, bits, rows,
                                                   random.bytes(3 << bits), header=12)
            yield f"{kind} {bits} bits, OS/2, grey", bmp(width, height, bits, rows,
                                                         grey(1 << bits, 3), header=12)
            yield f"{kind} {bits} bits, offset behind the header", bmp(width, height, bits, rows,
                                                                       full, offset=54)
            yield f"{kind} {bits} bits, no offset", bmp(width, height, bits, rows, full, offset=0)
        for bits in (16, 24, 32):
            rows = bmp_rows(width, height, bits)
            yield f"{kind} {bits} bits", bmp(width, height, bits, rows)
            yield f"{kind} {bits} bits, no padding", bmp(width, height, bits, rows)[:-1]
            yield f"{kind} {bits} bits, from the top", bmp(width, -height, bits, rows)
            for masks in layouts[bits]:
                for header in (40, 52, 56, 64, 108, 124):
                    packed = struct.pack(f"<{len(masks)}I", *masks)
                    if header == 40:
                        packed = packed[:12]
                    yield (f"{kind} {bits} bits, masks {masks}, header {header}",
                           bmp(width, height, bits, rows, masks=packed, header=header,
                               compression=3))
    yield "3 bits", bmp(3, 3, 3, bytes(99), bytes(32))
    yield "compressed as a JPEG", bmp(3, 3, 24, bytes(99), compression=4)
    yield "no width", bmp(0, 3, 24, bytes(99))
    yield "a header of 41", bmp(3, 3, 24, bytes(99), header=41)
    yield "300 colours", bmp(3, 3, 8, bytes(99), random.bytes(1200), colours=300)
    yield from run_bmps()


def run_bmps():
    palette = random.bytes(64)
    streams = {
        "runs": bytes([7, 1, 0, 0, 7, 2, 0, 0, 7, 0x35, 0, 1]),
        "literals": bytes([0, 7, *range(7), 0, 0, 0, 0, 6, *range(6), 1, 9, 7, 7]),
        "a long run": bytes([200, 3, 200, 4, 200, 5]),
        "delta": bytes([3, 1, 0, 2, 2, 1, 4, 2, 0, 0, 7, 2, 0, 1]),
        "short": bytes([7, 1, 0, 0, 3, 2, 0, 1]),
        "cut": bytes([7, 1, 0, 0, 7]),
        "literal past the row": bytes([0, 10, *range(10), 4, 2, 0, 0, 7, 7, 7, 1, 7, 2, 7, 3]),
        "odd literal": bytes([2, 1, 0, 5, 1, 2, 3, 4, 5, 6, 0, 0, 7, 2, 7, 3, 7, 4]),
    }
    for name, stream in streams.items():
        for bits, compression in ((8, 1), (4, 2), (8, 2)):
            for height in (3, -3):
                data = bmp(7, height, bits, stream, palette, compression, colours=16)
                yield f"RLE {bits}, {compression}, {name}, {height}", data
                yield f"RLE {bits}, {compression}, {name}, {height}, odd", bmp(
                    7, height, bits, b"\0" + stream, palette, compression, colours=16,
                    offset=54 + 64 + 1)


# --- PNM ----------------------------------------------------------------------


def pnms():
    for width, height in SIZES[:6]:  # Pillow takes its time
        kind = f"{width} {height}".encode()
        pixels = width * height
        for name, magic, maxval, size in (
                ("bits", b"P4", None, (width + 7) // 8 * height), ("grey", b"P5", 255, pixels),
                ("grey of 100", b"P5", 100, pixels), ("grey of 1", b"P5", 1, pixels),
                ("grey of 65535", b"P5", 65535, 2 * pixels), ("grey of 999", b"P5", 999, 2 * pixels),
                ("colour", b"P6", 255, 3 * pixels), ("colour of 77", b"P6", 77, 3 * pixels),
                ("colour of 65535", b"P6", 65535, 6 * pixels),
                ("colour of 1000", b"P6", 1000, 6 * pixels)):
            head = magic + b"\n# a comment\n" + kind + b"\n"
            if maxval:
                head += b"%d\n" % maxval
            yield f"{name} {width}x{height}", head + random.bytes(size)
            yield f"{name} {width}x{height}, cut", head + random.bytes(size - 1)
        for magic, maxval, samples in ((b"P1", None, pixels), (b"P2", 255, pixels),
                                       (b"P2", 1000, pixels), (b"P3", 255, 3 * pixels),
                                       (b"P3", 31, 3 * pixels), (b"P3", 60000, 3 * pixels)):
            values = random.integers(0, (maxval or 1) + 1, samples)
            text = b" ".join(b"%d" % value for value in values)
            head = magic + b" " + kind + (b" %d\n" % maxval if maxval else b"\n")
            yield f"{magic.decode()} of {maxval} {width}x{height}", head + text + b"\n"
            yield f"{magic.decode()} of {maxval} {width}x{height}, no end", head + text
        for scale, order in ((b"-1.0", "<"), (b"1.0", ">"), (b"-0.5", "<")):
            values = random.normal(100, 120, pixels)
            yield (f"floats {scale.decode()} {width}x{height}",
                   b"Pf\n" + kind + b"\n" + scale + b"\n" + struct.pack(f"{order}{pixels}f", *values))
    plain = b"P2 2 2 9 1 2 3 "
    for name, data in (("comment within", plain[:9] + b"#x\n" + plain[9:] + b"4"),
                       ("bits without spaces", b"P1 4 2\n0101#1\n 1100"),
                       ("a value too large", plain + b"10"), ("a word", plain + b"x"),
                       ("negative", plain + b"-1"), ("too few", plain), ("a bit of 2", b"P1 2 1 12"),
                       ("long number", plain + b"00000000001"), ("no maximum", b"P5 2 2 0 1234"),
                       ("maximum too large", b"P5 2 2 65536 12345678"), ("no width", b"P5 0 2 255 "),
                       ("cut in the header", b"P5 2 2"), ("magic", b"P5")):
        yield name, data


# --- TIFF ---------------------------------------------------------------------

TIFF_TYPES = {1: "B", 3: "H", 4: "I", 7: "B"}


def tiff(width, height, bits, photometric, data, order="<", samples=1, extra=(), colours=None,
         sample_format=None, planar=1, fill=1, orientation=None, rows_per_strip=None, more=()):
    """Uncompressed. `data` is the bytes of all strips."""
    rows = rows_per_strip or max(height, 1)
    row_bytes = len(data) // height if height else 0
    strips = [data[y * row_bytes:(y + rows) * row_bytes] for y in range(0, height, rows)] or [b""]
    if planar == 2:
        size = len(data) // samples
        strips = [data[i * size:(i + 1) * size] for i in range(samples)]
    at, offsets = 8, []
    for strip in strips:
        offsets.append(at)
        at += len(strip)
    at += at % 2
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [1]),
            (262, 3, [photometric]), (266, 3, [fill]), (273, 4, offsets), (277, 3, [samples]),
            (278, 4, [rows]), (279, 4, [len(strip) for strip in strips]), (284, 3, [planar])]
    if orientation is not None:
        tags.append((274, 3, [orientation]))
    if colours is not None:
        tags.append((320, 3, list(colours)))
    if extra:
        tags.append((338, 3, list(extra)))
    if sample_format:
        tags.append((339, 3, [sample_format] * samples))
    tags = sorted([*tags, *more])
    body, entries, after = b"".join(strips), [], at + 2 + 12 * len(tags) + 4
    body += bytes(at - 8 - len(body))
    outside = b""
    for tag, kind, values in tags:
        packed = struct.pack(f"{order}{len(values)}{TIFF_TYPES[kind]}", *values)
        if len(packed) > 4:
            place = struct.pack(order + "I", after + len(outside))
            outside += packed + bytes(len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries.append(struct.pack(order + "HHI", tag, kind, len(values)) + place)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return (magic + struct.pack(order + "I", at) + body + struct.pack(order + "H", len(tags))
            + b"".join(entries) + bytes(4) + outside)


def raw_tiffs():
    kinds = [(photo, bits, 1, (), fmt) for photo in (0, 1) for bits in (1, 2, 4, 8, 12, 16, 32)
             for fmt in (None, 1, 2, 3)]
    kinds += [(1, 8, 2, (2,), None), (1, 8, 2, (0,), None), (1, 8, 2, (), None)]
    for bits in (8, 16):
        kinds += [(2, bits, 3, (), None), (2, bits, 4, (), None)]
        kinds += [(2, bits, 3 + len(extra), extra, None) for extra in
                  ((0,), (1,), (2,), (999,), (0, 0), (1, 0), (2, 0), (0, 0, 0), (1, 0, 0))]
        kinds += [(5, bits, 4, (), None), (5, bits, 5, (0,), None), (5, bits, 6, (0, 0), None)]
    kinds += [(3, bits, 1, (), None) for bits in (1, 2, 4, 8)]
    kinds += [(3, 8, 2, (0,), None), (3, 8, 2, (2,), None)]
    for width, height in SIZES[:7]:
        for photo, bits, samples, extra, fmt in kinds:
            data = random.bytes((width * samples * bits + 7) // 8 * height)
            if bits == 32 and fmt == 3:
                data = random.normal(100, 150, width * height).astype("<f4").tobytes()
            colours = random.integers(0, 65536, 3 << bits) if photo == 3 else None
            # Verger reads two more than Pillow.
            if (bits, extra) == (16, (999,)):
                continue
            for order in "<" if (photo, extra) == (3, (0,)) else "<>":
                yield (f"{width}x{height} photometric {photo} {samples} x {bits} bits "
                       f"extra {extra} format {fmt} {order}",
                       tiff(width, height, bits, photo, data, order, samples, extra, colours, fmt,
                            rows_per_strip=3))


def odd_tiffs():
    data = random.bytes(9 * 5 * 4)
    for orientation in range(10):
        yield f"orientation {orientation}", tiff(9, 5, 8, 2, data[:135], samples=3,
                                                 orientation=orientation)
    for bits in (1, 2, 4, 8, 16):
        size = (9 * bits + 7) // 8 * 5
        yield f"filled from the right {bits}", tiff(9, 5, bits, 1, data[:size], fill=2)
    for samples, photo, extra in ((3, 2, ()), (4, 2, (2,))):
        yield (f"planes of {samples} extra {extra}",
               tiff(9, 5, 8, photo, data[:45 * samples], samples=samples, extra=extra, planar=2))
    yield "no rows", tiff(9, 0, 8, 1, b"")
    yield "LAB", tiff(9, 5, 8, 32844, data[:135], samples=3)
    yield "64 bits", tiff(2, 2, 64, 1, data[:32])
    whole = tiff(9, 5, 8, 2, data[:135], samples=3)
    for size in range(0, len(whole), 7):
        yield f"cut to {size}", whole[:size]


def compressed_tiffs():
    modes = ("1", "L", "RGB", "CMYK", "I;16", "P", "LA", "RGBA", "F")
    for width, height in SIZES:
        for mode in modes:
            image = with_alpha(width, height)
            if mode == "P":
                image = image.convert("RGB").quantize(20)
            elif mode == "I;16":
                image = Image.fromarray(random.integers(0, 600, (height, width), np.uint16))
            else:
                image = image.convert("RGB").convert(mode) if mode != "RGBA" else image
            for how in ("raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits",
                        "group3", "group4", "jpeg", "lzma", "zstd"):
                if how.startswith("group") != (mode == "1") or (
                        how == "jpeg" and mode not in ("L", "RGB", "CMYK")):
                    continue
                try:
                    data = encoded(image, "TIFF", compression=how)
                except OSError:  # libtiff writes no such image
                    continue
                yield f"{width}x{height} {mode} {how}", data
    ycc = picture("RGB", 40, 30).convert("YCbCr")
    for how in ("tiff_lzw", "jpeg"):  # uncompressed YCbCr is four bytes a pixel to Pillow
        yield f"YCbCr {how}", encoded(ycc, "TIFF", compression=how)
    pages = [picture("RGB", 20, 10), picture("RGB", 30, 7)]
    yield "two pages", encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def tiffs():
    yield from raw_tiffs()
    yield from odd_tiffs()
    yield from compressed_tiffs()
