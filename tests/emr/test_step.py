"""The step's own words, executed: spark-submit in cluster mode on the YARN of tests/spark, the
archive unpacked by YARN, s3:// mapped to S3A against versitygw, as EMR has it since 7.10.

The rest of the run is as in the other tests. Its machines are this one, so this takes a
minute or two: tools/check-spark runs it. The archive here has the layout of the real one and
the Python of .deps/spark3 in it; dist/verger-emr.tar.gz has libraries for Python 3.9 alone.
"""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import world as worlds
from conftest import BUCKET, ROOT
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from spark import clusters, hadoop
from store import gateway as versitygw
from verger.emr.cluster import ClusterPlan, InstanceKind, configurations

pytestmark = pytest.mark.long

BUILD = Path(os.environ.get("VERGER_BUILD", ROOT / "build"))
MODEL = "seeded:7"


def why_not():
    return clusters.SPARK3.missing() or hadoop.missing() or clusters.missing_s3a() or (
        None if versitygw.program() else versitygw.MISSING)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    if why_not():
        pytest.skip(why_not())
    with versitygw.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def yarn(gateway, tmp_path_factory):
    """A node that promises more than this machine has, for the words ask for an m7g.xlarge; it
    is configured as the launch asks."""
    kind = InstanceKind("m7g.xlarge", 4, 15.25, "arm64")
    plan = ClusterPlan("", None, (kind,), 1, 7200)
    settings = {row["Classification"]: row["Properties"] for row in configurations(plan)}
    with hadoop.yarn_cluster(tmp_path_factory.mktemp("yarn"), memory=12288,
                             site=settings["yarn-site"],
                             scheduler=settings["capacity-scheduler"]) as cluster:
        yield cluster


def make_archive(path):
    """bin/python and the job's file, at their places; the command is the build's."""
    script = f"""#!/bin/sh
export PYTHONPATH="{ROOT / 'python'}" VERGER_LIBRARY="{BUILD / 'libverger.so'}"
export VERGER_COMMAND="{BUILD / 'verger'}"
exec "{clusters.SPARK3.python}" "$@"
"""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (("bin/python", script.encode()), (
                "process_fruits_data.py", (ROOT / "python/process_fruits_data.py").read_bytes())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))


class Nodes:
    """What EMR would do with the words of a step."""

    def __init__(self, account, yarn, gateway):
        self.account, self.yarn, self.gateway = account, yarn, gateway
        self.bucket = gateway.bucket(BUCKET)

    def spark_defaults(self, folder):
        """As the nodes of EMR have them, which the words then add to."""
        conf = {**self.yarn.conf(folder), **clusters.magic_committer_conf(), **clusters.s3a_conf(
            self.gateway.endpoint, versitygw.KEY, versitygw.SECRET, versitygw.REGION),
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3":
                "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
            "spark.master": "yarn"}
        (folder / "spark-defaults.conf").write_text(
            "".join(f"{name} {value}\n" for name, value in conf.items()))

    def execute(self, words):
        """(exit status, YARN's id, what the containers wrote)."""
        self.fill()
        folder = self.yarn.next_folder()
        self.spark_defaults(folder)
        home = clusters.SPARK3.home
        environment = {**self.yarn.environment(), "SPARK_CONF_DIR": str(folder),
                       "SPARK_DIST_CLASSPATH": f"{clusters.S3A_JARS}/*",
                       "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
        del environment["PYSPARK_PYTHON"]  # the archive brings its own
        done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True,
                              timeout=300)
        said = done.stdout + done.stderr
        names = [word for word in said.split() if word.startswith("application_")]
        number = names[0].rstrip(".,:") if names else ""
        logs = {f"containers/{number}/{log.parent.name}/{log.name}": log.read_text(errors="replace")
                for log in self.yarn.folder.glob(f"node-*/logs/{number}/*/std*")}
        return done.returncode, said, {**logs, "steps/{step}/stderr": said}

    def fill(self):
        """The gateway's bucket gets what the account's has."""
        for key in self.account.keys():
            path = self.bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def bring_tables(self, _words):
        """And the other way round, once the job is done."""
        for path in (self.bucket / "output").rglob("*"):
            if path.is_file():
                self.account.s3.put_object(Bucket=BUCKET, Body=path.read_bytes(),
                                           Key=path.relative_to(self.bucket).as_posix())


@pytest.fixture
def nodes(account, world, yarn, gateway, monkeypatch):
    """An account whose clusters really run."""
    made = Nodes(account, yarn, gateway)
    shutil.rmtree(made.bucket / "output", ignore_errors=True)
    for key in account.keys("raw/"):
        account.s3.delete_object(Bucket=BUCKET, Key=key)
    make_archive(account.folder / "verger-emr.tar.gz")
    subprocess.run([clusters.SPARK3.python, "-c", "import sys; sys.path[:0] = sys.argv[1:2]\n"
                    "import pathlib, pictures; pictures.with_a_cut_image(pathlib.Path(sys.argv[2]))",
                    ROOT / "tests", account.folder / "fruits"], check=True)
    # The gateway says that it is in us-east-1, and the job asks it.
    account.settings(region="us-east-1", allow_regions=["us-east-1"], model=MODEL)
    account.call("upload", "--data", "fruits")
    launch = world.RunJobFlow
    world.on_done = made.bring_tables

    def run_job_flow(**request):
        code, said, logs = made.execute(request["Steps"][0]["HadoopJarStep"]["Args"])
        world.lives = [worlds.Life(outcome="FAILED" if code else "COMPLETED", logs=logs,
                                   reason=said[-200:] if code else "", tells_application=False)]
        return launch(**request)

    monkeypatch.setattr(world, "RunJobFlow", run_job_flow)
    return account


def rows(folder, name, kind):
    """Of a table, sorted by path; the rest of the address is not compared."""
    place = next((folder / name / kind).glob(f"{name}_*"))
    if kind == "parquet":
        found = parquet.read_table(place)
        column = "pca_features" if name == "pca" else "features"
        return sorted((row["path"].rpartition("/Training/")[2], row["label"], tuple(row[column]))
                      for row in found.to_pylist())
    return sorted(row["path"].rpartition("/Training/")[2] for part in place.glob("*.csv")
                  for row in arrow_csv.read_csv(part).to_pylist())


def test_the_words_do_what_the_command_does(nodes, tmp_path):
    said = nodes.call("run", "full", "--on", "ec2", "--nodes", 1, "-k", 5, "--yes")
    assert "89 images, 1 failed" in said.out, said.all
    done = subprocess.run([BUILD / "verger", "run", tmp_path / "fruits", tmp_path / "command", "-k",
                           "5", "--model", MODEL, "--quiet"], timeout=120)
    assert done.returncode == 3
    ours, theirs = tmp_path / "tables", tmp_path / "command"
    assert rows(ours, "features", "parquet") == rows(theirs, "features", "parquet")
    for (path, _, a), (other, _, b) in zip(rows(ours, "pca", "parquet"),
                                           rows(theirs, "pca", "parquet")):
        assert path == other and a == pytest.approx(b, abs=1e-9)
    assert list(ours.glob("model_info/pca_*/pca.safetensors"))
    logs = nodes.call("logs", "last").out
    assert "extract:" in logs and "Hadoop lists" not in logs


def test_weights_that_are_broken_are_named(nodes):
    (nodes.folder / "weights.safetensors").write_bytes(b"no weights at all")
    said = nodes.call("run", "mini", "--on", "ec2", "--nodes", 1, "-k", 5, "--yes", "--model",
                      "weights.safetensors", status=1)
    assert "cannot be used as weights" in said.err, said.all
    assert "The weights are not in the bucket, or are not the network's." in said.err
    assert "container_" in nodes.call("logs", "last", "--errors").out
