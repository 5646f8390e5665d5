"""Puts the archive for EMR together: emr_archive.py ARCHIVE WHEEL_FOLDER VERSION.

x86_64/ and aarch64/ hold verger, with the command in verger/bin/, and below python3.9/ pyarrow for
the cluster's Python; bin/python chooses between them. The same input gives the same bytes.
"""

import gzip
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]

# Of pyarrow's modules in C++ those that import pyarrow, its compute, csv, dataset, fs,
# json and parquet. Flight, Substrait, ORC, Gandiva and the clouds' file systems but S3 are
# left out: pyarrow does without them until it is asked.
MODULES = ("lib", "_acero", "_compute", "_csv", "_dataset", "_dataset_parquet", "_feather",
           "_fs", "_hdfs", "_json", "_parquet", "_s3fs")
# Of a package that somebody builds or tests.
PROGRAMS = ("bin/python", "bin/verger")
FOLDERS_LEFT_OUT = {"tests", "include", "includes", "src"}


def needed(path):
    with open(path, "rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, DynamicSection):
                return [tag.needed for tag in section.iter_tags("DT_NEEDED")]
    return []


def pyarrow_files(folder):
    """What an importer needs of the unpacked wheel, relative to its folder."""
    package = folder / "pyarrow"
    for path in folder.glob("pyarrow*/**/*"):
        inside = path.relative_to(folder)
        if path.suffix == ".py" and not FOLDERS_LEFT_OUT & set(inside.parts):
            yield inside
        elif ".dist-info" in inside.parts[0] and path.is_file():
            yield inside
    libraries = [next(package.glob(f"{module}.cpython-*.so")) for module in MODULES]
    for path in libraries:
        yield path.relative_to(folder)
        libraries += [package / name for name in needed(path)
                      if (package / name).exists() and package / name not in libraries]


def collect(wheels, version):
    """Names in the archive and their bytes."""
    files = {"bin/python": (ROOT / "tools/wheels/emr_python").read_bytes(),
             "process_fruits_data.py": (ROOT / "python/process_fruits_data.py").read_bytes()}
    for arch in ("x86_64", "aarch64"):
        unpacked = ROOT / ".deps/unpacked" / arch / "pyarrow"
        for path in pyarrow_files(unpacked):
            files[f"{arch}/python3.9/{path}"] = (unpacked / path).read_bytes()
        with zipfile.ZipFile(wheels / f"verger-{version}-py3-none-manylinux_2_28_{arch}.whl") as wheel:
            for name in wheel.namelist():
                files[f"{arch}/{name}"] = wheel.read(name)
        for path in (ROOT / "build-wheels" / arch / "bin").iterdir():
            files[f"{arch}/verger/bin/{path.name}"] = path.read_bytes()
    return files


def write(archive, files):
    with open(archive, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o755 if name.endswith(PROGRAMS) or ".so" in name else 0o644
            tar.addfile(entry, io.BytesIO(content))


def main():
    archive, wheels, version = sys.argv[1:]
    coming = archive + ".coming"
    write(coming, collect(Path(wheels), version))
    os.replace(coming, archive)


if __name__ == "__main__":
    main()
