"""What a verger makes of numbers and pictures, as JSON: probe.py [FOLDER]. For Python 3.9."""

import hashlib
import json
import platform
import struct
import sys
from pathlib import Path

import pyarrow as pa

import verger


def digest(data):
    return hashlib.sha256(data).hexdigest()


def bits(row):
    """The digest of a row of features, None where there are none."""
    return row and digest(struct.pack(f"<{len(row)}f", *row))


def features(folder):
    with verger.Extractor("seeded:7", threads=1) as extractor:
        table = extractor.extract(sorted(folder.iterdir()))
    names = [Path(path).name for path in table["path"].to_pylist()]
    return (dict(zip(names, map(bits, table["features"].to_pylist()))),
            dict(zip(names, table["error"].to_pylist())), table)


def rows(count=60, dims=48):
    """Numbers of which 8 directions explain most, the same on every machine."""
    values = [[sum(((7 * i * k + 3) % 23 - 11) * ((5 * j * k + k) % 19 - 9) for k in range(1, 9))
               + (i * j) % 5 for j in range(dims)] for i in range(count)]
    return pa.table({"path": [str(i) for i in range(count)], "label": ["a"] * count,
                     "features": pa.array(values, pa.list_(pa.float32()))})


def components(table):
    halves = verger.Moments(48).add(table.slice(0, 25)), verger.Moments(48).add(table.slice(25))
    moments = verger.Moments.from_bytes(bytes(halves[0].merge(halves[1])))
    pca = verger.pca.fit(moments, k=4)
    return {"moments": digest(bytes(moments)), "explained": pca.explained_variance,
            "projected": pca.project(table)["pca_features"].to_pylist()}


def main():
    said = {"machine": platform.machine(), "python": platform.python_version(),
            "file": verger.__file__, "kernels": verger.kernel_sets(), "pca": components(rows())}
    if len(sys.argv) > 1:
        hashes, errors, table = features(Path(sys.argv[1]))
        said.update(features=hashes, errors=errors,
                    moments=digest(bytes(verger.Moments().add(table))))
    said["modules"] = sorted({"numpy", "pandas"} & sys.modules.keys())
    print(json.dumps(said))


if __name__ == "__main__":
    main()
