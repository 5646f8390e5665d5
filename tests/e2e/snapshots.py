"""What an output holds, byte for byte, so that two runs can be held against each other."""

import json
import pathlib
import re

from conftest import files_below

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{8}_\d{6}")
# Of model_info: how long it took, and when.
TIMES = ("timestamp", "seconds", "images_per_second", "threads")


def plain_name(path):
    """A name without what is drawn or taken from the clock."""
    return TIMESTAMP.sub("TS", UUID.sub("UUID", path))


def content(path):
    """The bytes; of a file that says how long something took, all but that."""
    if path.suffix == ".txt":
        info = json.loads(path.read_text())
        return {key: value for key, value in info.items() if key not in TIMES}
    if path.suffix == ".json" and path.name.startswith("part-"):
        record = json.loads(path.read_text())
        return {**{key: record[key] for key in ("images", "failed")},
                "files": [(plain_name(f["path"]), f["sha256"]) for f in record["files"]]}
    if path.name == "run.json":
        plan = json.loads(path.read_text())
        return {key: value for key, value in plan.items() if key not in ("uuid", "base")}
    return path.read_bytes()


def whole(output):
    """Every file of the output and what is in it, strays included; but for what names the newest of
    all runs, for it is of none."""
    output = pathlib.Path(output)
    return {plain_name(name): content(output / name) for name in files_below(output)
            if name != "_verger/latest.json"}


def of_run(output, timestamp):
    """The same of one run among several."""
    output = pathlib.Path(output)
    return {plain_name(name): content(output / name)
            for name in files_below(output) if timestamp in name}


def differences(found, expected):
    """Names for a message: the contents are long."""
    return {"missing": sorted(expected.keys() - found.keys()),
            "stray": sorted(found.keys() - expected.keys()),
            "other": sorted(n for n in found.keys() & expected.keys() if found[n] != expected[n])}


def assert_same(found, expected):
    assert found == expected, differences(found, expected)


def raw(output):
    """For what must not change at all: bytes and times of all files."""
    output = pathlib.Path(output)
    return {name: ((output / name).read_bytes(), (output / name).stat().st_mtime_ns)
            for name in files_below(output)}
