"""verger from bucket to bucket: the same tables as from folder to folder."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pandas
import pyarrow.parquet
import pytest
from buckets import error_rows, feature_rows, popen_words, run, tables
from conftest import (SEEDED, TS, encoded, files_below, fill, leftovers, parts, patience,
                      photograph, read_csv, read_parquet, successes, table_folder, verger)
from store import aws_like as moto
from store.gateway import SECRET, environment

ODD = ["with space.jpg", "plus+minus.jpg", "100%.jpg", "50%25.jpg", "%41.jpg", "caf\u00e9.jpg",
       "cafe\u0301.jpg", "\u68a8.jpg", "q'uote\"s.jpg", "a&b=c?d#e;f,g.jpg", "back\\slash.jpg",
       "tilde~*().jpg", "a..b.jpg"]


@pytest.fixture(scope="module")
def orchard(gateway):
    """A bucket's folder with 12 images; tests must not write there."""
    return fill(gateway.bucket("runs-orchard"), per_class=4)


@pytest.fixture(scope="module")
def local(orchard, tmp_path_factory):
    """The tables of a run from folder to folder."""
    output = tmp_path_factory.mktemp("local")
    run(orchard, output, environment=os.environ)
    return output


@pytest.fixture
def bucket(gateway, request):
    """An output bucket of the test's own: its name and its folder."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    return name, gateway.bucket(name)


def test_bucket_to_bucket(gateway, orchard, local, bucket):
    name, folder = bucket
    run("s3://runs-orchard", f"s3://{name}/a b/tables", environment=gateway.environment())
    output = folder / "a b/tables"
    assert tables(output, "s3://runs-orchard") == tables(local, orchard)
    assert sorted(map(without_names, files_below(output))) == \
        sorted(map(without_names, files_below(local)))


def without_names(path):
    return re.sub("[0-9a-f]{8}-[-0-9a-f]{27}", "UUID", path)


def test_folder_to_bucket(gateway, orchard, local, bucket):
    name, output = bucket
    run(orchard, f"s3://{name}", environment=gateway.environment())
    assert tables(output, orchard) == tables(local, orchard)


@pytest.mark.parametrize("source", ["s3://runs-orchard", "s3://runs-orchard/"])
def test_bucket_to_folder(gateway, orchard, local, tmp_path, source):
    run(source, tmp_path / "out", environment=gateway.environment())
    assert tables(tmp_path / "out", source) == tables(local, orchard)


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--progress", "json")])
def test_keys_in_the_address_are_told_to_nobody(gateway, orchard, bucket, words):
    name, folder = bucket
    done = run(gateway.address("runs-orchard"), gateway.address(f"{name}/tables"), *words,
               environment=os.environ)
    assert SECRET not in done.stdout + done.stderr
    if "--dry-run" in words:
        return
    assert {path for path, *_ in feature_rows(folder / "tables", "s3://runs-orchard")}
    assert not any(SECRET.encode() in path.read_bytes()
                   for path in folder.rglob("*") if path.is_file())


def test_pca_again(gateway, local, bucket):
    name, output = bucket
    run("s3://runs-orchard", f"s3://{name}", environment=gateway.environment())
    again = f"s3://{name}/again"
    done = verger("pca", f"s3://{name}", again, "-k", 5, "--timestamp", TS, "--progress", "none",
                  env=gateway.environment())
    assert done.returncode == 0, done.stderr
    rows = [read_parquet(folder, "pca").column("pca_features").to_pylist()
            for folder in (output / "again", local)]
    assert rows[0] == rows[1]


def test_metadata(gateway, orchard, bucket):
    name, output = bucket
    done = verger("metadata", "s3://runs-orchard", f"s3://{name}", "--timestamp", TS,
                  env=gateway.environment())
    assert done.returncode == 0, done.stderr
    images = read_csv(output, "images")
    assert len(images) == 12
    for row in images.itertuples():
        status = (orchard / row.path.removeprefix("s3://runs-orchard/")).stat()
        assert row.file_size_bytes == status.st_size
        assert pandas.Timestamp(row.modification_time).timestamp() == int(status.st_mtime)
    assert read_csv(output, "counts")["count"].sum() == 12
    assert sorted(map(without_names, successes(output))) == \
        [f"metadata/{table}_{TS}/_SUCCESS" for table in ("counts", "images")]


def plant(put, names):
    for seed, name in enumerate(names):
        put(f"Training/Odd + %20/{name}", encoded(photograph(seed)))


def test_odd_keys(gateway, bucket):
    name, folder = bucket
    (folder / "Training/Odd + %20").mkdir(parents=True)
    plant(lambda key, data: (folder / key).write_bytes(data), ODD)
    run(f"s3://{name}", f"s3://{name}/out", environment=gateway.environment())
    rows = feature_rows(folder / "out", f"s3://{name}")
    assert sorted(path for path, *_ in rows) == sorted(f"Training/Odd + %20/{n}" for n in ODD)
    assert {label for _, label, _ in rows} == {"Odd + %20"}
    assert error_rows(folder / "out", f"s3://{name}") == []


def test_keys_that_no_folder_could_hold(aws_like, tmp_path):
    """Doubled slashes, which Arrow does not read, and the empty objects that consoles make
    for folders. Every image is a row of features or of errors; none is lost in silence."""
    images = ["Training/Apple 1/a.jpg", "Training/Apple 1/b.jpg", "Training//c.jpg",
              "Training/Apple 1//d.jpg", "//e.jpg"]
    for seed, key in enumerate(images):
        aws_like.request("PUT", f"{moto.HOME}/odd/{key}", encoded(photograph(seed)))
    for marker in ("Training/", "Training/Apple 1/"):
        aws_like.request("PUT", f"{moto.HOME}/odd/{marker}", b"")
    source = f"s3://{moto.HOME}/odd"
    done = verger("run", source, tmp_path, "-k", 2, *SEEDED, "--timestamp", TS, "--select", "**",
                  env=aws_like.environment())
    assert done.returncode in (0, 3), done.stderr
    found = [path for path, *_ in feature_rows(tmp_path, source)]
    assert {path for path in images if "//" not in path} <= set(found)
    found += [path for path, _ in error_rows(tmp_path, source)]
    assert sorted(found) == sorted(images)


class Watch(threading.Thread):
    """Looks at a bucket's folder again and again; keeps each object's first size."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.sizes, self.stop = folder, {}, threading.Event()

    def run(self):
        while not self.stop.wait(0.002):
            for name in files_below(self.folder):
                try:
                    self.sizes.setdefault(name, (self.folder / name).stat().st_size)
                except FileNotFoundError:
                    pass  # the object that tries whether the bucket can be written

    def __exit__(self, *_):
        self.stop.set()
        self.join()

    def __enter__(self):
        self.start()
        return self


def test_no_object_is_seen_before_it_is_whole(orchard, fault_proxy, bucket):
    name, folder = bucket
    fault_proxy.latency = 0.02
    with Watch(folder) as watch:
        run("s3://runs-orchard", f"s3://{name}", "--part-rows", 4,
            environment=environment(fault_proxy.endpoint))
    seen = {path: size for path, size in watch.sizes.items() if "part-" in path}
    assert seen == {path: (folder / path).stat().st_size for path in seen} and len(seen) >= 12
    assert leftovers(folder) == []

    written = [r.path for r in fault_proxy.requests if r.kind == "PUT object"]
    marks = [i for i, path in enumerate(written) if path.endswith("/_SUCCESS")]
    assert marks
    for i in marks:
        table = written[i].removesuffix("_SUCCESS")
        assert any(path.startswith(table) for path in written[:i])
        assert not any(path.startswith(table) for path in written[i + 1:])


MANY = 3000


@pytest.fixture(scope="module")
def many(gateway, orchard):
    """More images than a run gets through before it is stopped."""
    folder = gateway.bucket("many-images")
    images = sorted(orchard.rglob("*.jpg"))
    for i in range(MANY):
        path = folder / f"{i // 1000}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        os.link(images[i % len(images)], path)
    return "s3://many-images"


def wait_for_a_part(process, folder):
    for line in process.stderr:
        progress = json.loads(line)
        if progress.get("done", 0) > 40 and folder.exists() and parts(folder):
            return
    pytest.fail(f"the run ended by itself: {process.wait()}")


def test_a_stopped_run_leaves_whole_parts_only(gateway, many, bucket):
    name, output = bucket
    words = popen_words(many, f"s3://{name}", "--select", "*/*.jpg", "--part-rows", 20,
                        "--progress", "json")
    features = table_folder(output, "features", "parquet")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=gateway.environment()) as process:
        wait_for_a_part(process, features)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert time.monotonic() - sent < 2.0 * patience()
    assert process.returncode == 130 and "interrupted" in messages
    assert successes(output) == [] and leftovers(output) == []
    for part in parts(features):
        assert pyarrow.parquet.read_metadata(part).num_rows == 20
