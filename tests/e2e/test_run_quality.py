"""verger run --quality: what is kept of each image is what Pillow and numpy compute, whichever way
its part came about."""

import io
import json
import shutil
import struct

import kills
import numpy
import pyarrow.parquet
import pytest
import snapshots
from conftest import TS, encoded, fill, photograph, run, table_folder
from PIL import Image
from test_run_shares import extract, finish, leader

NEXT = "20260101_000000"
PACKED = "<ii5Bdd256H"


def kept(output, ts=TS):
    """path -> quality of the run's own rows."""
    rows = [row for part in sorted((output / "_verger" / f"run_{ts}").glob("part-*.parquet"))
            for row in pyarrow.parquet.read_table(part).to_pylist()]
    return {row["path"].decode(): row["quality"] and struct.unpack(PACKED, row["quality"])
            for row in rows}


def measured(data):
    """The same by Pillow and numpy."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    rgb = numpy.asarray(picture.resize((224, 224), Image.BICUBIC)).astype(numpy.int64)
    halves = rgb.reshape(112, 2, 112, 2, 3).sum(axis=(1, 3))
    grey = (halves @ [19595, 38470, 7471] + 131072) >> 18
    edges = (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
             - 4 * grey[1:-1, 1:-1])
    fields = rgb.reshape(16, 14, 16, 14, 3).sum(axis=(1, 3)) @ [19595, 38470, 7471]
    levels = numpy.percentile(grey, [1, 5, 50, 95, 99], method="inverted_cdf")
    return [*picture.size, *levels.astype(int), grey.std(), edges.var(),
            *((fields.ravel() + 25088) // 50176)]


def check_rows(source, rows):
    for name, row in rows.items():
        expected = measured((source / name).read_bytes())
        assert row == pytest.approx(expected, rel=1e-12, abs=1e-9), name
        assert list(row[:7]) == expected[:7] and list(row[9:]) == expected[9:]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Odd sizes and levels: a wide one, a black, a white, a striped one, noise, grey, colours."""
    folder = tmp_path_factory.mktemp("pictures") / "in"
    fill(folder, per_class=4)
    random = numpy.random.default_rng(3)
    striped = numpy.zeros((60, 90, 3), numpy.uint8)
    striped[:, ::3] = 255
    more = {"wide": photograph(50, (700, 31)), "black": Image.new("RGB", (64, 64)),
            "white": Image.new("RGB", (300, 200), "white"), "striped": Image.fromarray(striped),
            "noise": Image.fromarray(random.integers(0, 256, (224, 224, 3), dtype=numpy.uint8)),
            "grey": photograph(51).convert("L"), "blue": Image.new("RGB", (9, 9), (0, 0, 255))}
    for name, picture in more.items():
        (folder / "Training" / "Apple 1" / f"{name}.png").write_bytes(encoded(picture, "PNG"))
    return folder


def test_the_measures_are_those_of_numpy(pictures, tmp_path):
    run(pictures, tmp_path / "out", "--quality")
    rows = kept(tmp_path / "out")
    assert len(rows) == 19 and rows["Training/Apple 1/wide.png"][:2] == (700, 31)
    check_rows(pictures, rows)


def test_nothing_else_changes(pictures, tmp_path):
    """The tables are those of a run without; only what the run keeps has a column more."""
    run(pictures, tmp_path / "with", "--quality")
    run(pictures, tmp_path / "without")
    measured, plain = (snapshots.whole(tmp_path / name) for name in ("with", "without"))
    assert measured.keys() == plain.keys()
    assert {name for name in plain if measured[name] != plain[name]} == {
        name for name in plain if "_verger/run_" in name and "_SUCCESS" not in name}
    (part,) = (tmp_path / "without/_verger").glob("run_*/part-*.parquet")
    assert "quality" not in pyarrow.parquet.read_schema(part).names


@pytest.mark.parametrize("words", [["--threads", 1], ["--threads", 3], ["--kernels", "ref"]])
def test_the_same_bits_on_any_machine(pictures, tmp_path, words):
    few = ["--quality", "-k", 0, "--limit", 5]  # plain C takes its time
    run(pictures, tmp_path / "one", *few)
    run(pictures, tmp_path / "other", *few, *words)
    assert kept(tmp_path / "one") == kept(tmp_path / "other")


def test_images_that_fail_have_none(pictures, tmp_path):
    source = shutil.copytree(pictures, tmp_path / "in")
    cut = source / "Training/Apple 2/r_1_100.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    run(source, tmp_path / "out", "--quality", code=3)
    rows = kept(tmp_path / "out")
    assert rows.pop("Training/Apple 2/r_1_100.jpg") is None
    check_rows(source, rows)


def test_a_run_that_goes_on(pictures, tmp_path):
    words = ["--quality", "--part-rows", 5, "--timestamp", TS]
    kills.ends(pictures, tmp_path / "whole", *words)
    changes = kills.changes(pictures, tmp_path / "counted", *words)
    assert kills.killed_at(changes // 2, pictures, tmp_path / "out", *words)
    done = kills.ends(pictures, tmp_path / "out", "--part-rows", 5, "--resume", code=1)
    assert "--quality was true and is false now" in done.stderr
    kills.ends(pictures, tmp_path / "out", "--quality", "--part-rows", 5, "--resume")
    snapshots.assert_same(snapshots.whole(tmp_path / "out"), snapshots.whole(tmp_path / "whole"))


@pytest.mark.parametrize("how", [[], ["--checksum"]])
def test_an_update_takes_it_over(pictures, tmp_path, how):
    source = shutil.copytree(pictures, tmp_path / "in")
    run(source, tmp_path / "out", "--quality", "--part-rows", 7)
    (source / "Training/Apple 2/r_1_100.jpg").write_bytes(encoded(photograph(77)))
    (source / "Training/Apple 2/r_9_100.jpg").write_bytes(encoded(photograph(78)))
    (source / "Training/Apple 1/grey.png").unlink()
    words = ["--quality", "--timestamp", NEXT, "--part-rows", 7]
    done = run(source, tmp_path / "out", *words, "--update", *how)
    assert "kept      17 images' features" in done.stdout
    run(source, tmp_path / "anew", *words)
    snapshots.assert_same(snapshots.of_run(tmp_path / "out", NEXT),
                          snapshots.of_run(tmp_path / "anew", NEXT))
    check_rows(source, kept(tmp_path / "out", NEXT))


@pytest.mark.parametrize("first, then, change", [([], ["--quality"], "was false and is true now"),
                                                 (["--quality"], [], "was true and is false now")])
def test_an_update_of_a_run_that_kept_other_things(pictures, tmp_path, first, then, change):
    run(pictures, tmp_path, *first)
    done = run(pictures, tmp_path, "--update", "--timestamp", NEXT, *then, code=1)
    assert f"cannot be updated (run without --update): --quality {change}" in done.stderr


def test_parts_that_others_extract(pictures, tmp_path):
    words = ["--quality", "--part-rows", 8]
    run(pictures, tmp_path / "alone", *words)
    with leader(pictures, tmp_path / "shared", *words) as (process, wanted):
        assert "--quality was true" in extract(pictures, tmp_path / "shared", [0], code=1)
        extract(pictures, tmp_path / "shared", wanted["parts"], "--quality")
        finish(process)
    assert snapshots.whole(tmp_path / "shared") == snapshots.whole(tmp_path / "alone")


def test_the_plan_says_it(pictures, tmp_path):
    run(pictures, tmp_path, "--quality")
    plan = json.loads((tmp_path / "_verger" / f"run_{TS}" / "run.json").read_text())
    assert plan["quality"] == "true"
    assert not table_folder(tmp_path, "errors").exists()
