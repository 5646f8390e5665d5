"""The clusters of the tests are what they say, shown by small applications."""

import pathlib
import tarfile
import time

import pyarrow.parquet
import pytest

from conftest import needs
from spark import hadoop
from spark.clusters import magic_committer_conf, standalone_cluster, start, submit
from spark.processes import processes_in

APPLICATIONS = pathlib.Path(__file__).parent / "applications"
SUM = APPLICATIONS / "squares.py"
ROWS = 1000
SQUARES = sum(i * i for i in range(ROWS))

pytestmark = pytest.mark.long


def check_sum(result, version):
    assert result.code == 0, str(result)
    assert f"sum {SQUARES} by Spark {version}" in result.output


def test_local(local3):
    result = submit(local3, SUM, ROWS, 4, 0, events=True)
    check_sum(result, "3.5.6")
    log = result.events
    first, last = log.stages()
    assert len(log.tasks(first)) == 4 and len(log.tasks(last)) == 1
    assert len(log.attempts()) == 5 and log.failed_attempts() == []
    assert 0 < log.shuffle_bytes() < 1000
    assert len(log.broadcasts()) == 2 and all(log.broadcasts().values())
    assert processes_in(local3.folder) == []


def test_time_limit_and_failure(local3):
    begun = time.monotonic()
    result = submit(local3, SUM, ROWS, 4, 3600, limit=15)
    assert result.out_of_time and result.code is None and time.monotonic() - begun < 60
    assert processes_in(local3.folder) == []
    result = submit(local3, SUM, "many", 4, 0)
    assert result.code == 1 and "ValueError" in str(result)


def test_module(local3, tmp_path):
    (tmp_path / "orchard.py").write_text("import sys\nprint('module', __name__, sys.argv[1:])\n")
    result = submit(local3, "orchard", "a b", environment={"PYTHONPATH": str(tmp_path)})
    assert result.code == 0 and "module __main__ ['a b']" in result.output, str(result)


def test_local_of_spark_4(local4):
    result = submit(local4, SUM, ROWS, 4, 0, events=True)
    check_sum(result, "4.3.0")
    assert len(result.events.attempts()) == 5


def test_standalone(standalone):
    result = submit(standalone, SUM, ROWS, 4, 0, events=True)
    check_sum(result, "3.5.6")
    assert {"0", "1"} >= set(result.events.executors()) != set()


def test_standalone_that_loses_a_worker(spark3, tmp_path):
    with standalone_cluster(tmp_path / "cluster", spark3) as cluster:
        with start(cluster, SUM, ROWS, 12, 2, events=True, limit=120) as running:
            running.wait_for_output(r"Finished task 2\.0 in stage 0\.0")
            lost = cluster.workers[0]
            assert len(processes_in(lost.folder)) > 2  # worker, executor, Python
            cluster.kill_worker(lost)
            assert processes_in(lost.folder) == []
            cluster.start_worker()
            cluster.wait_for_workers()
            result = running.wait()
    check_sum(result, "3.5.6")
    log = result.events
    assert len(log.lost_executors()) >= 1 and len(log.executors()) >= 3
    assert len(log.failed_attempts()) >= 1 and len(log.tasks(0)) == 12


@pytest.mark.parametrize("committer", ["file", "magic"])
@pytest.mark.parametrize("place", ["local3", "standalone", "yarn"])
def test_bucket_to_bucket(request, gateway, s3a, place, committer):
    cluster = request.getfixturevalue(place)
    images, name = gateway.bucket("orchard"), f"copies-{place}-{committer}"
    for i in range(5):
        (images / "Training/Apple 1").mkdir(parents=True, exist_ok=True)
        (images / f"Training/Apple 1/{i}.jpg").write_bytes(bytes([i]) * 1000)
    copies = gateway.bucket(name)
    conf = s3a | (magic_committer_conf() if committer == "magic" else {})
    result = submit(cluster, APPLICATIONS / "copy_images.py", "s3a://orchard/Training/*/*.jpg",
                    f"s3a://{name}/out", conf=conf)
    assert result.code == 0 and "rows 5" in result.output, str(result)
    rows = pyarrow.parquet.read_table(copies / "out").to_pylist()
    assert {row["path"]: row["content"] for row in rows} == {
        f"s3a://orchard/Training/Apple 1/{i}.jpg": bytes([i]) * 1000 for i in range(5)}
    # The magic committer leaves a report in _SUCCESS, the other an empty file.
    success = (copies / "out/_SUCCESS").read_text()
    assert ('"committer" : "magic"' in success) == (committer == "magic")
    assert [path.name for path in (copies / "out").iterdir() if path.name.startswith("__")] == []


def test_yarn_with_an_archive(yarn, spark3, tmp_path):
    (tmp_path / "model.txt").write_text("inside ")
    (tmp_path / "beside.txt").write_text("beside")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model.txt", "model.txt")
    result = submit(yarn, APPLICATIONS / "read_archive.py", "model/model.txt", "beside.txt",
                    options=["--archives", f"{tmp_path}/model.tar.gz#model",
                             "--files", tmp_path / "beside.txt"])
    assert result.code == 0, str(result)
    assert f"read inside beside 4 {spark3.python}" in result.output


def runs_in(folder, word):
    lines = [pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_in(folder)]
    return any(word.encode() in line for line in lines)


def test_yarn_that_loses_a_node(spark3, tmp_path):
    needs(hadoop.missing())
    # A node has room for two of the three containers. Before it tries the lost tasks again,
    # the driver waits this long (120 s by default) for YARN to say why an executor is gone.
    conf = {"spark.executor.instances": 2, "spark.rpc.askTimeout": "20s"}
    with hadoop.yarn_cluster(tmp_path / "cluster", nodes=2, memory=2048) as cluster:
        with start(cluster, SUM, ROWS, 12, 2, events=True, limit=240,
                   conf=conf) as running:
            running.wait_for_output(r"Finished task 2\.0 in stage 0\.0")
            lost, = [node for node in cluster.nodes
                     if not runs_in(node.folder, "ApplicationMaster")]
            assert runs_in(lost.folder, "pyspark.daemon")
            cluster.kill_node(lost)
            assert processes_in(lost.folder) == []
            result = running.wait()
    check_sum(result, "3.5.6")
    assert len(result.events.failed_attempts()) >= 1 and len(result.events.tasks(0)) == 12


def test_yarn_and_hdfs(yarn, tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.jpg").write_bytes(b"image")
    result = submit(yarn, APPLICATIONS / "copy_images.py", f"{tmp_path.as_uri()}/*.jpg",
                  f"{yarn.hdfs}/copies")
    assert result.code == 0 and "rows 3" in result.output, str(result)


def test_yarn_fails_and_is_out_of_time(yarn):
    conf = {"spark.yarn.maxAppAttempts": 1}
    result = submit(yarn, SUM, "many", 4, 0, conf=conf)
    assert result.code == 1 and "ValueError" in result.output
    with start(yarn, SUM, ROWS, 4, 3600, limit=20) as running:
        result = running.wait()
    assert result.out_of_time
    assert yarn.state_of(yarn.application_id(running)) == "KILLED"
