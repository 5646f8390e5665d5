"""Makes the corpus of the fuzz targets: small files of every kind that is read.

usage: make_corpus.py FOLDER CORPUS_MOMENTS
"""

import io
import json
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def picture(mode, width, height):
    random = np.random.default_rng(width * 1000 + height)
    down, right = np.mgrid[0:height, 0:width]
    planes = np.stack([down * 9, right * 7, (down + right) * 5, down * right], -1)
    image = Image.fromarray((planes + random.integers(0, 20, planes.shape)).astype(np.uint8), "RGBA")
    return image.convert(mode)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def with_segments(jpeg, *bodies):
    return jpeg[:2] + b"".join(struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body
                               for body in bodies) + jpeg[2:]


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(header, *chunks):
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks)


def texts(*pairs):
    info = PngInfo()
    for key, value in pairs:
        info.add_text(key, value, zip=len(value) > 50)
    return info


def bmp(width, bits, compression, rows):
    header = struct.pack("<IiiHHIIIIII", 40, width, 4, 1, bits, compression, len(rows), 0, 0, 4, 0)
    palette = bytes(range(16)) if bits == 8 else b""
    start = 14 + len(header) + len(palette) + (12 if compression == 3 else 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, start) + header + palette + rows


def images():
    rgb, grey, cmyk = (picture(mode, 21, 18) for mode in ("RGB", "L", "CMYK"))
    rgba, grey_alpha = picture("RGBA", 17, 13), picture("LA", 17, 13)
    yield "grey.jpg", encoded(grey, "JPEG")
    yield "cmyk.jpg", encoded(cmyk, "JPEG")
    for sampling, name in enumerate(["444", "422", "420"]):
        yield f"{name}.jpg", encoded(rgb, "JPEG", subsampling=sampling)
    yield "progressive.jpg", encoded(rgb, "JPEG", progressive=True)
    yield "progressive-cmyk.jpg", encoded(cmyk, "JPEG", progressive=True)
    yield "restart.jpg", encoded(rgb, "JPEG", restart_marker_blocks=1)
    for orientation in (2, 6, 8):
        yield f"exif-{orientation}.jpg", encoded(rgb, "JPEG", exif=oriented(orientation))
    jpeg = encoded(rgb, "JPEG")
    tiff = oriented(6)
    yield "exif-empty-first.jpg", with_segments(jpeg, b"Exif\0\0", tiff)
    yield "exif-in-parts.jpg", with_segments(jpeg, tiff[:11], b"Exif\0\0" + tiff[11:])
    yield "many-segments.jpg", with_segments(jpeg, *[b"Exif\0\0"] * 300)
    # A value of eight bytes that is no signed one, in the entry behind the header.
    long8 = struct.pack(">2sHIHHHIIIQ", b"MM", 42, 8, 1, 0x0112, 16, 1, 26, 0, 2**63 + 6)
    yield "exif-long8.jpg", with_segments(jpeg, b"Exif\0\0" + long8)
    frame = jpeg.index(b"\xff\xc0")
    yield "arithmetic.jpg", jpeg[:frame + 1] + b"\xc9" + jpeg[frame + 2:]
    progressive = encoded(rgb, "JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    yield "many-scans.jpg", progressive[:scan] + progressive[scan:-2] * 40 + b"\xff\xd9"
    size_at = jpeg.index(b"\xff\xc0") + 5
    yield "huge.jpg", jpeg[:size_at] + b"\xff\xff\xff\xff" + jpeg[size_at + 4:]
    yield "tail.jpg", jpeg + b"what follows the end"

    yield "rgb.png", encoded(rgb, "PNG")
    yield "rgba.png", encoded(rgba, "PNG")
    yield "grey.png", encoded(grey, "PNG")
    yield "grey-alpha.png", encoded(grey_alpha, "PNG")
    yield "bits.png", encoded(grey.convert("1"), "PNG")
    yield "16-bit.png", encoded(Image.fromarray(np.arange(300, dtype=np.uint16).reshape(15, 20) * 211),
                                "PNG")
    for bits in (2, 4, 8):
        yield f"palette-{bits}.png", encoded(rgb.quantize(1 << bits), "PNG", bits=bits)
    yield "palette-transparent.png", encoded(rgb.quantize(16), "PNG", transparency=3)
    yield "exif.png", encoded(rgb, "PNG", exif=oriented(5))
    # Adam7 and 16-bit RGB, which Pillow does not write: first column, first row and
    # steps of the seven passes (PNG specification, 8.2), over 5 x 5 pixels.
    starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]
    rows = b""
    for x, y, step_x, step_y in starts:
        width, height = len(range(x, 5, step_x)), len(range(y, 5, step_y))
        if width:
            rows += b"".join(b"\0" + bytes(range(6 * width)) for _ in range(height))
    yield "interlaced.png", png(struct.pack(">IIBBBBB", 5, 5, 16, 2, 0, 0, 1),
                                png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b""))
    yield "huge.png", png(struct.pack(">IIBBBBB", 65535, 65535, 8, 2, 0, 0, 0),
                          png_chunk(b"IDAT", zlib.compress(b"\0" * 1000)), png_chunk(b"IEND", b""))
    yield "empty", b""
    yield "text.jpg", b"this is not an image\n"
    yield "gif.jpg", encoded(grey, "GIF")
    yield "interlaced.gif", encoded(rgb.quantize(9), "GIF", interlace=1, transparency=2)
    yield "two.gif", encoded(rgb.quantize(9), "GIF", save_all=True, append_images=[grey])
    yield "lossy.webp", encoded(rgba, "WEBP", exif=tiff)
    yield "lossless.webp", encoded(rgba, "WEBP", lossless=True)
    yield "two.webp", encoded(rgba, "WEBP", save_all=True, append_images=[grey.resize(rgba.size)])
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"{mode}.bmp", encoded(rgb.convert(mode), "BMP")
    yield "runs.bmp", bmp(4, 8, 1, bytes([4, 1, 0, 0, 0, 3, 1, 2, 3, 0, 1, 4, 0, 2, 0, 0, 1, 1, 0, 1]))
    yield "masks.bmp", bmp(4, 16, 3, struct.pack("<3I", 0xF800, 0x7E0, 0x1F) + bytes(range(32)))
    for mode in ("1", "L", "RGB"):
        yield f"{mode}.pnm", encoded(rgb.convert(mode), "PPM")
    yield "plain.pnm", b"P3 2 2 9 # nine\n1 2 3 4 5 6 7 8 9 0 1 2\n"
    yield "bits.pnm", b"P1\n4 2\n0110#\n1001"
    yield "floats.pnm", b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 3.5, 300)
    for mode, how in (("1", "group4"), ("L", "tiff_lzw"), ("P", "packbits"), ("RGB", "jpeg"),
                      ("RGBA", "tiff_adobe_deflate"), ("CMYK", "raw"), ("YCbCr", "tiff_lzw")):
        yield f"{mode}.tiff", encoded(rgb.convert(mode), "TIFF", compression=how)
    yield "profile.png", encoded(rgb, "PNG", pnginfo=texts(
        ("Raw profile type exif", "\nexif\n  34\n" + tiff.hex()),
        ("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')))


def safetensors(header, values):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text)) + text + values


def tensor_files():
    def tensor(shape, begin, end, dtype="F32"):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    values = np.arange(10, dtype="<f4").tobytes()
    two = {"a/kernel": tensor([2, 3], 0, 24), "a/bias": tensor([4], 24, 40)}
    yield "two", safetensors(two, values)
    yield "metadata", safetensors({"__metadata__": {"format": "pt"}, **two}, values)
    yield "source", safetensors({"__metadata__": {"source": "a test"}, **two}, values)
    yield "trailing", safetensors(two, values + b"more")
    yield "scalar", safetensors({"x": tensor([], 0, 4)}, values[:4])
    yield "rank-4", safetensors({"k": tensor([1, 1, 2, 5], 0, 40)}, values)
    yield "none", safetensors({}, b"")
    yield "escaped", safetensors(b'{"\\u0061\\n":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   ',
                                 values[:4])
    yield "half", safetensors({"x": tensor([2], 0, 4, "F16")}, values[:4])
    yield "overlap", safetensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, values[:12])
    yield "wide", safetensors({"a": tensor([2**31, 2**31, 2**31, 2**31], 0, 40)}, values)
    yield "not-finite", safetensors(two, np.full(10, np.nan, "<f4").tobytes())
    yield "deep", safetensors(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}", b"")
    yield "long-header", struct.pack("<Q", 2**63) + b"{}"


def classifiers():
    """Two labels, three numbers a row; and what is wrong with such a file."""
    shapes = {"weights": [2, 3], "bias": [2], "mean": [3], "labels": [4]}
    facts = {"kind": "verger classifier", "method": "lda", "shrinkage": "0.5", "temperature": "1.5",
             "space": "features", "features_model": "seeded:7", "normalize": "true",
             "dtype": "float16", "images": "9", "verger_version": "0.2.0"}

    def classifier(labels=b"a\0b\0", facts=facts, values=None, **changed):
        header, end = {"__metadata__": facts}, 0
        for name, shape in {**shapes, **changed}.items():
            size = int(np.prod(shape, dtype=object)) * (1 if name == "labels" else 8)
            header[name] = {"dtype": "U8" if name == "labels" else "F64", "shape": shape,
                            "data_offsets": [end, end + size]}
            end += size
        if values is None:
            values = np.arange(11, dtype="<f8")
        return safetensors(header, values.astype("<f8").tobytes() + labels)

    yield "two", classifier()
    yield "one-label", classifier(b"ab\0\0")
    yield "not-in-order", classifier(b"b\0a\0")
    yield "no-end", classifier(b"a\0bc")
    yield "not-finite", classifier(values=np.full(11, np.inf))
    yield "wide", classifier(weights=[2**62, 2**3])
    yield "empty", classifier(weights=[0, 3])
    yield "other-shapes", classifier(weights=[3, 2])
    yield "no-temperature", classifier(facts={**facts, "temperature": "0x"})
    yield "other-kind", classifier(facts={"kind": "pca"})
    yield "long-header", b"\xff" * 7 + classifier()[7:]


def globs():
    """A pattern, a line feed, a path."""
    yield "mode", b"Training/Apple*/*.jpg\nTraining/Apple 1/r_1.jpg"
    yield "folders", b"**/a/**/*.png\na/a/b/a/c.png"
    yield "sets", b"[!a-c][]x]\\*[\n-]*"
    yield "stars", b"**a*a*a*b\n" + b"a" * 64
    yield "open-sets", b"**" + b"[" * 60 + b"\n" + b"[" * 60


def lists():
    """Lists as --files-from takes them."""
    yield "lines", b"Training/a/1.jpg\r\n\n./a/b\nTraining/a/1.jpg"
    yield "addresses", b"s3://bucket/a/b\n/elsewhere/a/b\n/elsewhere/a/c\nfile:///a/b\n"
    yield "upwards", b"a/../../b\n"
    yield "table", b'\xef\xbb\xbfpath,label\n"a ""b"",\nc.jpg",x\n"d",\n\ne\n'
    yield "escaped", b"path\na\\xff.jpg\nb\\x5cx41\n"
    yield "quoted-header", b'"path","label"\r\na/b,"x\r\ny"\r\n'
    yield "open-quote", b'path\n"a'
    yield "nul", b"path\na\0b\n"
    yield "slashes", b"/" + b"a/" * 200 + b"\n"
    yield "json", b'{"file_name": "a/b", "label": 1}\n\n{"label": null, "file_name": "c\\u00e9"}\n'
    yield "json-values", b'{"path": "a", "kept": [1.5, {"b": true}]}\n{"path": "b", "kept": ""}\n'
    yield "kept", b'path\tkept\tlabel\na/b\t"x\ty"\t\nb\t\tz\n'


def arrow_choices():
    """Choices of fuzz_arrow.c: below 0xc0 all is sound."""
    random = np.random.default_rng(6)
    yield "empty", b""
    for i in range(8):
        yield f"sound-{i}", random.integers(0, 0xc0, 600, np.uint8).tobytes()
        yield f"nulls-{i}", random.integers(0, 0xf0, 600, np.uint8).tobytes()
        yield f"odd-{i}", random.integers(0, 0x100, 600, np.uint8).tobytes()


def keras_programs():
    """Programs of fuzz_keras.c. A step is its number, then its choices."""
    enter, leave, link, names, dataset = (bytes([step]) for step in (0, 2, 4, 5, 6))
    conv1, norm, kernel = b"\3", b"\4", b"\x12"
    four, vector, floats, plain = b"\0", b"\2", b"\6", b"\7"

    def layer(name, *datasets):
        return enter + name + b"".join(datasets) + leave

    first = layer(conv1, dataset + kernel + four + floats + plain + b"\0\0")
    norms = layer(norm, *(dataset + bytes([20 + i]) + vector + floats + plain + b"\0\0"
                          for i in range(4)))
    by_name = layer(b"\7") + layer(b"\x08")
    yield "empty", b""
    yield "no-layers", first + norms
    yield "names", by_name + first + norms
    yield "order", first + norms + names + b"\2\1\1\1" + conv1 + norm
    yield "order-of-any-width", first + names + b"\2\1\0\1" + conv1 + norm
    yield "classes", enter + b"\1" + layer(b"\x09", enter + b"\x0c" + dataset + b"\x0d" + four +
                                           floats + plain + b"\0\0" + leave) + leave
    yield "elsewhere", by_name + layer(conv1, dataset + kernel + four + floats + b"\1")
    yield "chunks", by_name + layer(conv1, dataset + kernel + four + floats + b"\2" + b"\3" * 8)
    yield "links", by_name + link + conv1 + norm + b"\0" + link + norm + conv1 + b"\1"
    yield "cycle", by_name + layer(conv1, link + kernel + conv1 + b"\2")


def states():
    """What a run keeps: its plan, and the record of a part."""
    plan = {"input": "/in", "model": "seeded:7", "features_version": 1, "exif_orient": 0,
            "max_pixels": 178956970, "max_file_size": 268435456, "components": 50,
            "formats": "parquet,csv", "part_rows": 4096, "images": 300, "images_sha256": "0" * 64,
            "base": "", "uuid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "verger": "0.1.0"}
    figures = {f"{key}_milliseconds": 5
               for key in ("whole", "read", "decode", "resize", "network", "write")}
    file = {"path": "features/parquet/features_20250131_235959/part-00000-x.snappy.parquet",
            "bytes": 12345, "sha256": "a" * 64}
    record = {"images": 300, "failed": 2, **figures, "files": [file, file]}
    stamped = {"images": 300, "failed": 2, "rows_sha256": "b" * 64, **figures,
               "files": [{**file, "stamp": "1764370800.123456789"}]}
    for name, value in [("plan", plan), ("by-paths", {**plan, "part_ends": "paths", "parts": 1}),
                        ("update", {**plan, "base": "20250131_235958"}),
                        ("record", record), ("stamped", stamped), ("no-files", {**record, "files": []}),
                        ("many-files", {**record, "files": [file] * 7}),
                        ("upwards", {**record, "files": [{**file, "path": "../" * 50}]}),
                        ("many-failed", {**record, "failed": 301}),
                        ("long", {**plan, "uuid": "u" * 37, "images": 2**64})]:
        yield name, json.dumps(value).encode()


def row_choices():
    """Numbers of fuzz_rows.c: of rows and dimensions, then the rows, then what is asked."""
    rows, dims = 12, 4
    sound = bytes(i * 37 % 240 for i in range(rows * dims))
    for name, head, values in [("sound", [rows, dims, 0], sound),
                               ("equal", [rows, dims, 0], b"\7" * len(sound)),
                               ("zeros", [rows, dims, 0], b"\x10" * len(sound)),
                               ("nan", [rows, dims, 0], b"\xf8" + sound[1:]),
                               ("largest", [rows, dims, 0], b"\xfb\xff" * (len(sound) // 2)),
                               ("no-rows", [0, dims, 0], b""),
                               ("no-dims", [rows, 0, 0], b""),
                               ("negative-dims", [rows, dims, 0xff], b"")]:
        for metric in (0, 1):
            yield f"{name}-{metric}", bytes(head) + values + bytes(
                [2]) + sound[:2 * dims] + bytes([dims, metric, 1, 3, metric, 1]) + sound


def packed_edits():
    """How a file of packed weights is read, and what is flipped in its 1,472 bytes of head
    and 64 of tail (fuzz_packed.c)."""
    cut, longer, right_sum, other_panels = 1, 2, 4, 8
    ends = bytearray(1472 + 64)
    yield "whole", bytes([0]) + ends
    yield "longer", bytes([longer]) + ends
    yield "other-panels", bytes([other_panels]) + ends
    for size in (0, 8, 1472, len(ends)):
        yield f"cut-to-{size}", bytes([cut]) + ends[:size]
    for name, at in [("magic", 0), ("version", 8), ("panel", 12), ("layers", 16), ("size", 24),
                     ("origin", 64), ("products", 224), ("weights", 232), ("bias", 1464)]:
        edited = bytearray(ends)
        edited[at] = 0x30
        yield name, bytes([0]) + edited
        yield f"{name}-right-sum", bytes([right_sum]) + edited
    yield "tail", bytes([0]) + ends[:1472] + b"\1"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, moments_program = Path(sys.argv[1]), sys.argv[2]
    corpora = {"image": images(), "safetensors": tensor_files(), "packed": packed_edits(),
               "moments": [], "class_moments": [], "glob": globs(), "list": lists(),
               "arrow": arrow_choices(), "rows": row_choices(), "keras": keras_programs(), "state": states(),
               "classifier": classifiers()}
    shutil.rmtree(folder, ignore_errors=True)
    for target, files in corpora.items():
        (folder / target).mkdir(parents=True)
        for name, content in files:
            (folder / target / name).write_bytes(content)
    subprocess.run([moments_program, folder / "moments", folder / "class_moments"], check=True)


if __name__ == "__main__":
    main()
