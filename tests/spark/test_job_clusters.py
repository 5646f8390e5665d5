"""The job on real clusters. The tables are those of the command, whatever happens."""

import re
import shutil

import numpy
import pytest
from conftest import MODEL, ROOT, command, settings
from pictures import CUT_IMAGE, encoded, photograph, with_a_cut_image
from spark.clusters import magic_committer_conf, standalone_cluster, start, submit
from spark.spark_tables import TS, below_training, info, table

pytestmark = pytest.mark.long

OPTIONS = ["-k", 5, "--model", MODEL, "--timestamp", TS]
# Many short tasks, so that something can happen between two of them.
SMALL_PARTS = ["--part-rows", 5]


@pytest.fixture(scope="module")
def many_fruits(tmp_path_factory):
    """270 images, of which 3 are cut short."""
    folder = tmp_path_factory.mktemp("many")
    one = with_a_cut_image(folder / "one") / "Training"
    for copy in range(3):
        for fruit in one.iterdir():
            shutil.copytree(fruit, folder / "in" / "Training" / f"{fruit.name}{copy}")
    return folder / "in"


def commands_tables(source, tmp_path_factory):
    output = tmp_path_factory.mktemp("command")
    command(source, output, "-k", 5, code=3)
    return output


@pytest.fixture(scope="module")
def expected(fruits, tmp_path_factory):
    return commands_tables(fruits, tmp_path_factory)


@pytest.fixture(scope="module")
def expected_of_many(many_fruits, tmp_path_factory):
    return commands_tables(many_fruits, tmp_path_factory)


def assert_equal_tables(output, expected):
    for name, column in (("features", "features"), ("metadata", "label"), ("errors", "error")):
        kind = "parquet" if name == "features" else ""
        ours, theirs = table(output, name, kind), table(expected, name, kind)
        assert below_training(ours) == below_training(theirs)
        assert ours[column].to_pylist() == theirs[column].to_pylist()
    ours, theirs = (table(o, "pca", "parquet") for o in (output, expected))
    assert below_training(ours) == below_training(theirs)
    numpy.testing.assert_allclose(ours["pca_features"].to_pylist(),
                                  theirs["pca_features"].to_pylist(), rtol=1e-9, atol=1e-9)
    numpy.testing.assert_allclose(info(output)["variance_by_component"],
                                  info(expected)["variance_by_component"], rtol=0, atol=1e-9)


def test_standalone(standalone, fruits, expected, tmp_path):
    result = submit(standalone, "verger.spark", fruits, tmp_path, *OPTIONS, **settings())
    assert result.code == 0 and "90, 1 failed" in result.output, result
    assert_equal_tables(tmp_path, expected)


def test_the_references_arguments(local3, fruits, tmp_path):
    result = submit(local3, ROOT / "python" / "process_fruits_data.py", fruits, tmp_path, "mini", 5,
                    "--model", MODEL, "--timestamp", TS, **settings())
    assert result.code == 0, result
    assert table(tmp_path, "metadata").num_rows == 60  # Apple 1 and Apple 2, no Pear
    assert info(tmp_path)["pca_components"] == 5


def test_wrong_usage(local3, fruits, tmp_path):
    for arguments, code, message in (
            ([fruits, tmp_path, "half", 5], 2, 'mode "half": it must be mini, apples or full'),
            ([fruits, tmp_path, "full", "many"], 2, "invalid components value: 'many'"),
            ([tmp_path / "absent", tmp_path / "out", *OPTIONS], 1, "absent: no such file or folder"),
            ([fruits, tmp_path / "out", "--model", "absent"], 1, "names absent, which is not a file")):
        result = submit(local3, "verger.spark", *arguments, **settings())
        assert result.code == code and re.search(message, result.output), result
        assert "Traceback" not in result.output


def test_a_worker_that_is_killed(spark3, many_fruits, expected_of_many, tmp_path):
    with standalone_cluster(tmp_path / "cluster", spark3) as cluster:
        with start(cluster, "verger.spark", many_fruits, tmp_path / "out", *OPTIONS, *SMALL_PARTS,
                   **settings(events=True, limit=300)) as running:
            running.wait_for_output(r"verger: list")
            running.wait_for_output(r"Finished task 9\.0 in stage")
            cluster.kill_worker(cluster.workers[0])
            cluster.start_worker()
            result = running.wait()
    assert result.code == 0, result
    assert_equal_tables(tmp_path / "out", expected_of_many)
    assert result.events.lost_executors() and result.events.failed_attempts()


def test_speculation_leaves_no_duplicate(standalone, fruits, tmp_path_factory, tmp_path):
    """One part has pictures that take seconds to decode: Spark starts its task twice."""
    slow = tmp_path_factory.mktemp("slow")
    shutil.copytree(fruits / "Training", slow / "Training")
    large = encoded(photograph(1, (9000, 9000)))
    for i in range(12):
        (slow / "Training" / "Pear 1" / f"large_{i}.jpg").write_bytes(large)
    eager = {"spark.speculation": "true", "spark.speculation.interval": "50ms",
             "spark.speculation.multiplier": "1.01", "spark.speculation.quantile": "0.1",
             "spark.speculation.minTaskRuntime": "10ms"}
    result = submit(standalone, "verger.spark", slow, tmp_path, *OPTIONS, "--part-rows", 30,
                    **settings(conf=eager, events=True, limit=300))
    assert result.code == 0, result
    assert_equal_tables(tmp_path, commands_tables(slow, tmp_path_factory))
    assert result.events.speculative_attempts()


@pytest.mark.parametrize("committer", ["file", "magic"])
def test_bucket_to_bucket(standalone, gateway, s3a, fruits, expected, committer):
    source, target = gateway.bucket("fruits"), gateway.bucket(f"tables-{committer}")
    shutil.copytree(fruits, source / "raw", dirs_exist_ok=True)
    conf = s3a | (magic_committer_conf() if committer == "magic" else {})
    result = submit(standalone, "verger.spark", "s3a://fruits/raw",
                    f"s3a://tables-{committer}/out", *OPTIONS, **settings(conf=conf))
    assert result.code == 0, result
    assert_equal_tables(target / "out", expected)
    (row,) = table(target / "out", "errors").to_pylist()
    assert row["path"] == f"s3://fruits/raw/{CUT_IMAGE}"


def test_yarn_cluster_mode(yarn, fruits, expected, tmp_path):
    result = submit(yarn, "verger.spark", fruits.as_uri(), (tmp_path / "out").as_uri(), *OPTIONS,
                    **settings(limit=300))
    assert result.code == 0, result
    assert_equal_tables(tmp_path / "out", expected)


def test_weights_travel_once(standalone, fruits, tmp_path):
    """To each executor, for all of its tasks and processes."""
    weights = tmp_path / "weights.safetensors"
    shutil.copy(ROOT.parent / "shared/models/mobilenet_v2_1.0_224.safetensors", weights)
    result = submit(standalone, "verger.spark", fruits, tmp_path / "out", "-k", 5, "--timestamp",
                    TS, "--model", weights, **settings(events=True))
    assert result.code == 0, result
    logs = [path.read_text() for path in standalone.folder.rglob("stderr")]
    fetched = [len(re.findall(rf"Utils: Fetching .*{weights.name}", log)) for log in logs]
    assert sorted(count for count in fetched if count) == [1, 1]
    # Nothing of that size travels with tasks or broadcasts.
    assert max(result.events.broadcasts().values()) < 1 << 20
    assert info(tmp_path / "out")["model_sha256"].startswith("0f252213583b")
