"""The job in this process, beside the command on the same images: the same bytes."""

import collections
import dataclasses
import os
import shutil
import subprocess
import sys

import numpy
import pytest
from conftest import BUILD, MODEL, ROOT, command
from pictures import encoded, fill, photograph
from spark.spark_tables import TS, assert_same, contents, info, table
from store import aws_like as aws
from store import fault_proxy as proxies
from store import gateway as versitygw

from verger.spark import JobError, Options, run
from verger.spark.led_job import LedJob
from verger.spark.telling import cause_of


@pytest.fixture(scope="module")
def options(fruits):
    return Options(str(fruits), "", k=5, model=MODEL, timestamp=TS, part_rows=30)


@pytest.fixture(scope="module")
def output(spark, options, tmp_path_factory):
    output = tmp_path_factory.mktemp("spark") / "out"
    summary = run(spark, dataclasses.replace(options, output=str(output)))
    assert (summary.images, summary.failed, summary.components) == (90, 1, 5)
    return output


@pytest.fixture(scope="module")
def command_output(fruits, tmp_path_factory):
    output = tmp_path_factory.mktemp("command") / "out"
    command(fruits, output, "-k", 5, "--part-rows", 30, code=3)
    return output


def test_tables_are_the_commands(output, command_output):
    assert_same(output, command_output)


def test_mllib_loads_the_model(output):
    from pyspark.ml.feature import PCAModel

    model = PCAModel.load(str(output / "model_info" / f"pca_model_{TS}"))
    numpy.testing.assert_array_equal(model.explainedVariance, info(output)["variance_by_component"])


def test_a_timestamp_is_taken_once(spark, options, output):
    again = dataclasses.replace(options, output=str(output))
    with pytest.raises(JobError, match="--overwrite"):
        run(spark, again)


def test_overwrite_formats_and_limit(spark, options, tmp_path):
    few = dataclasses.replace(options, output=str(tmp_path), limit=20, k=3, formats=("csv",))
    run(spark, few)
    run(spark, dataclasses.replace(few, overwrite=True))
    assert not (tmp_path / "features" / "parquet").exists()
    assert table(tmp_path, "metadata").num_rows == 20


# --- Odd names and files ----------------------------------------------------------------

LIMIT = 60_000  # bytes of a file


@pytest.fixture(scope="module")
def oddities(tmp_path_factory):
    """A folder full of what listings, patterns and tables have tripped over."""
    folder = tmp_path_factory.mktemp("odd") / "photos [2020] {x} *"
    fill(folder, per_class=3)
    shutil.copytree(folder, folder.parent / "photos [2020] {x} and others")
    apples = folder / "Training" / "Apple 1"
    names = ["12:30:01.jpg", "{a,b}*?[c].jpg", "f%20g.jpg", 'c, "d".jpg', "line\nbreak.jpg", "cr\rhere.jpg",
             "UPPER.JPG", "_DSC0001.jpg", "é.jpg", " blank before.jpg", "../Apple 1 /blank.jpg",
             "../ Lead/blank.jpg", "../   /blanks.jpg", "../Ratio 4:3/r.jpg", "../_under/u.jpg",
             "../.hidden/h.jpg", "../@eaDir/e.jpg", "../Größe=1 [x]/梨.jpg", "deep/er/and/deeper.jpg",
             "../../root.jpg", "text.txt"]
    for seed, name in enumerate(names):
        path = apples / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photograph(seed)))
    with open(bytes(apples) + b"/caf\xe9.jpg", "wb") as file:
        file.write(encoded(photograph(99)))
    (apples / "a empty.jpg").touch()
    (apples / "broken, \"so\" \u202e.jpg").write_bytes(b"no image")
    (apples / "dangling.jpg").symlink_to("/nowhere/at/all")
    (apples / "folder.jpg").mkdir()
    for size in (LIMIT, LIMIT + 1):
        picture = encoded(photograph(size))
        (apples / f"of {size} bytes.jpg").write_bytes(picture + bytes(size - len(picture)))
    turned = photograph(7)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(apples / "turned.jpg", exif=exif)
    return folder


def test_oddities(spark, oddities, tmp_path):
    """The same images, rows, cells, reasons and bytes; options that change features too."""
    job, alone = tmp_path / "job: [1] {a} *", tmp_path / "alone"
    words = ["-k", 3, "--part-rows", 10, "--max-file-size", LIMIT, "--exif-orient"]
    command(oddities, alone, *words, code=3)
    summary = run(spark, Options(str(oddities), str(job), k=3, model=MODEL, timestamp=TS, part_rows=10,
                                 max_file_size=LIMIT, exif_orient=True))
    assert_same(job, alone)
    assert summary.failed == 4
    labels = set(table(job, "metadata")["label"].to_pylist())
    assert {"Apple 1", "Apple 1 ", " Lead", "   ", "Ratio 4:3"} <= labels


def test_selection(spark, oddities, tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text("path,label,farm\nTraining/Apple 1/r_0_100.jpg,red,a\nTraining/Apple 1/no.jpg,,b\n"
                      "Training/Apple 2/r_1_100.jpg,green,c\nTraining/Pear 1/r_1_100.jpg,green,c\n")
    for number, (words, given, code) in enumerate((
            (["--select", "Training/Apple*/*.jpg", "--select", "**/h.jpg", "--exclude", "**/[a-z]*.jpg"],
             {"select": ["Training/Apple*/*.jpg", "**/h.jpg"], "exclude": ["**/[a-z]*.jpg"]}, 0),
            (["--sample", 9, "--seed", 4, "--label", "level:1", "-k", 0.5, "--fit-on", "Training",
              "--whiten", "--center", "--dtype", "float16", "--normalize",
              "--quality"],
             {"sample": 9, "seed": 4, "label": "level:1", "k": 0.5, "fit_on": "Training", "whiten": True,
              "center": True, "dtype": "float16", "normalize": True,
              "quality": True}, None),
            (["--files-from", listed, "--label-column", "label", "--keep-columns", "farm"],
             {"files_from": str(listed), "label_column": "label", "keep_columns": "farm"}, 3))):
        job, alone = tmp_path / f"job{number}", tmp_path / f"alone{number}"
        done = subprocess.run([BUILD / "verger", "run", oddities, alone, "-k", "0", "--model", MODEL,
                               "--timestamp", TS, "--part-rows", "64", *map(str, words)],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 3) and code in (None, done.returncode), done.stderr
        run(spark, Options(str(oddities), str(job), model=MODEL, timestamp=TS, **{"k": 0, **given}))
        assert_same(job, alone)


def test_an_image_that_goes(spark, options, own_fruits, tmp_path, monkeypatch):
    """After the listing: a row of errors, and all others are done."""
    gone = own_fruits / "Training" / "Apple 1" / "r_3_100.jpg"
    extract = LedJob.extract

    def lose(*arguments):
        gone.unlink()
        extract(*arguments)

    monkeypatch.setattr(LedJob, "extract", lose)
    summary = run(spark, dataclasses.replace(options, input=str(own_fruits), output=str(tmp_path / "out")))
    assert (summary.images, summary.failed) == (90, 2)
    (row,) = [row for row in table(tmp_path / "out", "errors").to_pylist() if row["path"] == str(gone)]
    assert "no such file" in row["error"]


def test_without_lang(spark3, oddities, tmp_path):
    """As a service starts it: names are bytes all the same. The whole program, and its exit code."""
    kept = {name: value for name, value in spark3.environment().items()
            if not name.startswith(("LANG", "LC_"))}
    done = subprocess.run([sys.executable, "-m", "verger.spark", oddities, tmp_path / "job", "-k", "3",
                           "--model", MODEL, "--timestamp", TS, "--part-rows", "10"], timeout=300,
                          capture_output=True, text=True,
                          env={**kept, "LC_ALL": "POSIX", "PYTHONPATH": str(ROOT / "python"),
                               "VERGER_LIBRARY": os.environ["VERGER_LIBRARY"],
                               "VERGER_COMMAND": os.environ["VERGER_COMMAND"]})
    assert done.returncode == 0 and "variance" in done.stdout, done.stderr
    command(oddities, tmp_path / "alone", "-k", 3, "--part-rows", 10, code=3)
    assert_same(tmp_path / "job", tmp_path / "alone")


# --- Buckets ------------------------------------------------------------------------------


@pytest.fixture
def bucket_settings(spark):
    """Sets S3A's settings, which are the command's too; they are gone at the end."""
    conf = spark._jsc.hadoopConfiguration()
    names = []

    def give(**values):
        for name, value in values.items():
            names.append(f"fs.s3a.{name.replace('_', '.')}")
            conf.set(names[-1], value)

    yield give
    for name in names:
        conf.unset(name)


def test_one_request_an_image(spark, gateway, fruits, bucket_settings, tmp_path):
    """From a bucket: one GET an image, no HEAD, one listing, and more than one at a time."""
    shutil.copytree(fruits, gateway.bucket("orchard"), dirs_exist_ok=True)
    with proxies.serving(gateway.port) as proxy:
        proxy.latency = 0.02
        bucket_settings(endpoint=proxy.endpoint, access_key=versitygw.KEY, secret_key=versitygw.SECRET,
                        endpoint_region=versitygw.REGION)
        summary = run(spark, Options("s3a://orchard", str(tmp_path), k=0, model=MODEL, timestamp=TS))
        assert (summary.images, summary.failed) == (90, 1)
        asked = collections.Counter((request.method, request.path) for request in proxy.requests
                                    if request.path.endswith(".jpg"))
        assert len(asked) == 90 and set(asked.values()) == {1}
        assert {method for method, _ in asked} == {"GET"}
        assert proxy.count("ListObjectsV2", "/orchard") == 1
        assert proxy.most_in_flight["GET object"] > 2
    paths = table(tmp_path, "metadata")["path"].to_pylist()
    assert all(path.startswith("s3://orchard/Training/") for path in paths)


def test_who_asks_pays(spark, gateway, fruits, bucket_settings):
    """By the option, and by the setting of S3A; on the driver and in the tasks."""
    shutil.copytree(fruits, gateway.bucket("paid"), dirs_exist_ok=True)
    gateway.bucket("paid-for")
    with proxies.serving(gateway.port) as proxy:
        proxy.replay({"match": {"payer": ""}, "times": None,
                      "action": {"status": 403, "code": "AccessDenied"}})
        bucket_settings(endpoint=proxy.endpoint, access_key=versitygw.KEY, secret_key=versitygw.SECRET,
                        endpoint_region=versitygw.REGION)
        options = Options("s3a://paid", "s3a://paid-for/a", k=0, model=MODEL, timestamp=TS)
        with pytest.raises(JobError, match="--requester-pays"):
            run(spark, options)
        proxy.forget()
        assert run(spark, dataclasses.replace(options, requester_pays=True)).images == 90
        assert all(request.payer == "requester" for request in proxy.requests)
        bucket_settings(requester_pays_enabled="true")
        assert run(spark, dataclasses.replace(options, output="s3a://paid-for/b")).images == 90


def test_a_bucket_elsewhere_is_refused(spark, options, aws_like, bucket_settings):
    bucket_settings(endpoint=aws_like.endpoint)
    with pytest.raises(JobError, match="eu-west-2"):
        run(spark, dataclasses.replace(options, output=f"s3://{aws.LONDON}/out", require_region="eu"))


# --- What ends early --------------------------------------------------------------------------


@pytest.fixture
def own_fruits(fruits, tmp_path):
    return shutil.copytree(fruits, tmp_path / "in")


class Lost(Exception):
    """As of a driver that is killed."""


def break_off(monkeypatch, kept):
    """The next job loses its driver when some parts are there."""
    extract = LedJob.extract

    def some(self, model, wanted):
        extract(self, model, {**wanted, "parts": wanted["parts"][:kept]})
        raise Lost

    monkeypatch.setattr(LedJob, "extract", some)


def test_the_command_goes_on_where_a_job_broke_off(spark, options, command_output, monkeypatch, tmp_path):
    broken = dataclasses.replace(options, output=str(tmp_path / "out"))
    break_off(monkeypatch, 2)
    with pytest.raises(Lost):
        run(spark, broken)
    assert not [name for name in contents(tmp_path / "out") if name.endswith("_SUCCESS")]
    done = command(options.input, tmp_path / "out", "-k", 5, "--resume", code=3)
    assert "kept      59 images" in done.stdout
    assert_same(tmp_path / "out", command_output)


def test_a_job_goes_on_where_it_broke_off(spark, options, command_output, monkeypatch, tmp_path):
    broken = dataclasses.replace(options, output=str(tmp_path / "out"))
    with monkeypatch.context() as patch:
        break_off(patch, 1)
        with pytest.raises(Lost):
            run(spark, broken)
    summary = run(spark, dataclasses.replace(broken, resume=True, part_rows=None))
    assert (summary.images, summary.failed) == (90, 1) and 0 < summary.kept < 60
    assert_same(tmp_path / "out", command_output)
    # All is there: nothing is left to do, for either.
    again = run(spark, dataclasses.replace(broken, resume=True, part_rows=None, timestamp=None))
    assert (again.timestamp, again.extract_seconds) == (TS, 0)


def test_an_update_extracts_in_tasks_what_is_new(spark, options, command_output, own_fruits, tmp_path,
                                                 monkeypatch):
    """A task that is lost costs its part, which is then the driver's; the tables are the command's."""
    later, given = "20260101_000000", []
    newest = own_fruits / "Training/Pear 1/z new.jpg"
    for output in "job", "alone":
        shutil.copytree(command_output, tmp_path / output)
    words = ["-k", 5, "--part-rows", 30, "--update", "--timestamp", later]
    same = dataclasses.replace(options, input=str(own_fruits), part_rows=30, update=True, timestamp=later)
    newest.write_bytes(encoded(photograph(1)))
    max((own_fruits / "Training/Apple 1").glob("r_*.jpg")).write_bytes(encoded(photograph(2)))
    command(own_fruits, tmp_path / "alone", *words, code=3)
    extract = LedJob.extract

    def all_but_the_last(self, model, wanted):
        given.extend(wanted["parts"])
        extract(self, model, {**wanted, "parts": wanted["parts"][:-1]})

    monkeypatch.setattr(LedJob, "extract", all_but_the_last)
    summary = run(spark, dataclasses.replace(same, output=str(tmp_path / "job")))
    assert (len(given) > 1, summary.images, summary.failed) == (True, 91, 1)
    assert 0 < summary.kept < 90
    assert_same(tmp_path / "job", tmp_path / "alone")


def test_one_job_at_a_time(spark, options, tmp_path):
    words = [BUILD / "verger", "run", options.input, tmp_path, "--model", MODEL, "--hand-out", "2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as other:
        assert other.stdout.readline()
        with pytest.raises(JobError, match="another run"):
            run(spark, dataclasses.replace(options, output=str(tmp_path)))
        other.kill()


def test_a_failure_of_a_task_is_one_line(spark, options, monkeypatch, tmp_path):
    extract = LedJob.extract

    def in_vain(*arguments):
        shutil.rmtree(tmp_path / "out")
        extract(*arguments)

    monkeypatch.setattr(LedJob, "extract", in_vain)
    with pytest.raises(Exception) as error:
        run(spark, dataclasses.replace(options, output=str(tmp_path / "out")))
    cause = cause_of(error.value)
    assert "has no run" in cause and "every machine has to see the same output" in cause
    assert "\n" not in cause


def test_too_many_errors(spark, options, tmp_path):
    with pytest.raises(JobError, match="1 of .* images failed, more than --max-errors allows"):
        run(spark, dataclasses.replace(options, output=str(tmp_path), max_errors="1%"))
    assert not [name for name in contents(tmp_path) if name.endswith("_SUCCESS")]


def test_models_by_path_and_by_address(spark, options, tmp_path):
    import verger

    weights = tmp_path / "weights.packed"
    verger.Model(MODEL).save_packed(weights)
    for name, model, told in (("path", str(weights), str(weights)),
                              ("address", weights.as_uri(), "weights.packed")):
        run(spark, dataclasses.replace(options, output=str(tmp_path / name), limit=5, k=2, model=model))
        assert info(tmp_path / name)["model"] == told
    ours, theirs = (table(tmp_path / name, "features", "parquet") for name in ("path", "address"))
    assert ours.equals(theirs)


def test_wrong_input(spark, options, tmp_path):
    (tmp_path / "empty").mkdir()
    for given, message in (({"input": str(tmp_path / "empty")}, "has no files"),
                           ({"input": str(tmp_path / "absent")}, "absent: no such file or folder"),
                           ({"label": "level:none"}, "must be parent, level:N"),
                           ({"seed": 3}, "seed")):
        with pytest.raises(JobError, match=message):
            run(spark, dataclasses.replace(options, output=str(tmp_path / "out"), **given))
    with pytest.raises(FileNotFoundError, match="absent, which is not a file"):
        run(spark, dataclasses.replace(options, output=str(tmp_path / "out"), model="absent"))
    assert not (tmp_path / "out").exists()


def test_options_that_make_no_sense():
    for wrong, message in (({"mode": "half"}, "mode"), ({"k": -1}, "-1 components"),
                           ({"formats": ("xml",)}, "xml"), ({"timestamp": "now"}, "timestamp"),
                           ({"max_errors": "some"}, "max-errors"), ({"part_rows": 0}, "part-rows"),
                           ({"files_from": "-"}, "standard input")):
        with pytest.raises(ValueError, match=message):
            Options("in", "out", **wrong)


# --- Where there is no command, or no Spark -----------------------------------------------------


def test_hadoop_reads_where_there_is_no_command(spark, options, monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("VERGER_COMMAND", str(tmp_path / "nothing"))
    run(spark, dataclasses.replace(options, output=str(tmp_path / "out"), limit=5, k=2))
    assert "Hadoop lists and reads: this machine has no command verger" in capfd.readouterr().err
    assert table(tmp_path / "out", "metadata").num_rows == 5
    with pytest.raises(ValueError, match="--resume is not there where Hadoop lists"):
        run(spark, dataclasses.replace(options, output=str(tmp_path / "out"), resume=True))


def test_executors_have_to_have_the_same_command(spark, options, monkeypatch, tmp_path):
    for versions, message in (({None}, "an executor has no command verger"),
                              ({"verger 0.1.0"}, "another than the driver's: verger 0.1.0")):
        monkeypatch.setattr("verger.spark.shares.versions_on_executors", lambda _, v=versions: v)
        with pytest.raises(JobError, match=message):
            run(spark, dataclasses.replace(options, output=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_missing_pyspark_is_told(tmp_path):
    (tmp_path / "pyspark.py").write_text("raise ImportError('no pyspark here')")
    done = subprocess.run([sys.executable, "-m", "verger.spark", "in", "out"], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'python'}"})
    assert done.returncode == 1 and done.stderr.startswith("verger: error: verger-spark needs pyspark")


def test_the_archive_refuses_another_python(tmp_path):
    """Its pyarrow is for 3.9."""
    (tmp_path / "python3").symlink_to(sys.executable)
    script = [str(ROOT / "tools/wheels/emr_python"), "-c", "print(6 * 7)"]
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(["/bin/sh", *script], capture_output=True, text=True, env={"PATH": path})
    assert done.returncode == 127 and "take a release emr-7" in done.stderr
    named = {"PATH": path, "VERGER_PYTHON": sys.executable}
    assert subprocess.run(["/bin/sh", *script], capture_output=True, env=named).stdout == b"42\n"
