"""Names, settings, prices, and what has to agree with the rest of the house."""

import ast
import importlib.util
import random
import re
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from botocore import exceptions
from conftest import ROOT

from verger.emr import causes, cost, images_in, prices, results, settings, spark_words
from verger.emr.aws import Aws, told
from verger.emr.cluster import check_release
from verger.emr.identity import RunId, is_ours, new_run, run_of_name
from verger.emr.outcomes import Refused, WrongUsage

NOW = datetime(2026, 11, 28, 13, 45, tzinfo=timezone.utc)


def test_one_name_for_all():
    run = new_run(NOW, random.Random(1))
    assert re.fullmatch(r"20261128-134500-[a-z0-9]{4}", run.text)
    assert run.timestamp == "20261128_134500" and run.name() == f"verger-{run}"
    assert run_of_name(run.name()) == run == run_of_name(run.name(2))
    # What a cluster's name and a client token may hold.
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", run.name(2))


@pytest.mark.parametrize("name", ["", "verger-", "verger-2026", "other-20261128-134500-abcd",
                                  "verger-20261128-134500-abcd-more"])
def test_names_of_others(name):
    assert run_of_name(name) is None and not is_ours(name)
    with pytest.raises(ValueError, match="no run"):
        RunId(name)


def test_flags_over_environment_over_file(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "verger-emr.toml").write_text('bucket = "file"\nregion = "eu-west-3"\nnodes = 3\n'
                                              'subnets = ["a", "b"]\n')
    environment = {"VERGER_EMR_BUCKET": "environment", "VERGER_EMR_SUBNETS": "c,d"}
    found = settings.load({"region": "eu-north-1", "nodes": None}, environment,
                          start=tmp_path / "below")
    assert (found.bucket, found.region, found.nodes, found.subnets) == (
        "environment", "eu-north-1", 3, ("c", "d"))


@pytest.mark.parametrize("text, message", [
    ('aws_secret_access_key = "x"', "keys belong into a profile"), ("buckets = 1", "no setting"),
    ("nodes = [", "cannot be read"), ('nodes = "4"', "no int"), ('on = "ecs"', "serverless or ec2"),
    ("nodes = 0", "at least 1")])
def test_files_that_make_no_sense(tmp_path, text, message):
    (tmp_path / "verger-emr.toml").write_text(text)
    with pytest.raises(WrongUsage, match=message):
        settings.load({}, {}, start=tmp_path)


def test_what_is_written_is_read(tmp_path):
    file = tmp_path / "verger-emr.toml"
    settings.write(file, {"bucket": 'a"b', "subnets": ("x", "ü"), "profile": None})
    settings.write(file, {"nodes": 7})
    found = settings.load({}, {}, file=file)
    assert (found.bucket, found.subnets, found.nodes) == ('a"b', ("x", "ü"), 7)


@pytest.mark.parametrize("given, normal", [
    ("s3://b/raw//Training/", "s3://b/raw/Training"), ("s3://b", "s3://b"), ("s3://b/", "s3://b")])
def test_addresses_without_doubled_slashes(given, normal):
    assert settings.normal_address(given) == normal


@pytest.mark.parametrize("given", ["b/raw", "s3://", "hdfs://b", ""])
def test_what_is_no_address(given):
    with pytest.raises(WrongUsage, match="no address"):
        settings.normal_address(given)


@pytest.mark.parametrize("region, is_in", [("eu-west-1", True), ("eusc-de-east-1", True),
                                           ("eu-west-2", False), ("eu-central-2", False),
                                           ("us-east-1", False)])
def test_the_european_union(region, is_in):
    found = settings.Settings(region=region)
    if is_in:
        found.check_region()
        assert found.required_region == "eu"
        return
    with pytest.raises(WrongUsage, match="not in the European Union"):
        found.check_region()
    allowed = settings.Settings(region=region, allow_regions=(region,))
    allowed.check_region()
    assert allowed.required_region == region


@pytest.mark.parametrize("label", ["emr-spark-8.0.0", "emr-6.15.0", "emr-7.10.0", "emr-7", "7.11.0"])
def test_releases_that_the_archive_does_not_fit(label):
    with pytest.raises(WrongUsage, match="Python 3.9"):
        check_release(label)


def test_releases_that_it_fits():
    for label in ("emr-7.11.0", "emr-7.14.0"):
        check_release(label)


@pytest.mark.parametrize("error", [
    exceptions.UnauthorizedSSOTokenError(), exceptions.SSOTokenLoadError(error_msg="x"),
    exceptions.TokenRetrievalError(provider="sso", error_msg="x"),
    exceptions.ClientError({"Error": {"Code": "ExpiredToken"}}, "X")])
def test_a_login_that_has_expired_is_answered_by_the_line_that_renews_it(error):
    with pytest.raises(Refused) as refused, told(Aws("eu-west-1"), "look"):
        raise error
    assert "aws sso login" in refused.value.remedy and refused.value.exit_code == 4


def test_a_profile_that_is_not_there():
    with pytest.raises(WrongUsage) as wrong:
        Aws("eu-west-1", "nobody")
    assert "nobody" in wrong.value.message and "list-profiles" in wrong.value.remedy


def test_no_wheel_without_the_extra_fails_with_a_traceback(monkeypatch, capsys):
    from verger.emr import __main__ as entry
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert entry.run() == 2
    assert "pip install 'verger[emr]'" in capsys.readouterr().err


# --- Sizes and prices ------------------------------------------------------------------


def test_sizes_follow_from_the_instance():
    small, large = (spark_words.sizes_ec2("", vcpus, memory, 4) for vcpus, memory in
                    ((4, 15.25), (16, 64)))
    assert (small.cores, large.cores) == (4, 16)
    for sizes, memory in ((small, 15.25), (large, 64)):
        driver = spark_words.HEAP_MB + spark_words.DRIVER_OVERHEAD_MB
        assert sizes.heap_mb + sizes.overhead_mb + driver < memory * 1024 * 0.7
    with pytest.raises(WrongUsage, match="the driver need 8.5"):
        spark_words.sizes_ec2("c7g.xlarge", 4, 7.5, 4)
    serverless = spark_words.sizes_serverless(7)
    assert serverless.heap_mb + serverless.overhead_mb == 4096 and serverless.cores == 2


@pytest.mark.parametrize("options", [("--model", "x"), ("--timestamp=1",), ("-k", "3")])
def test_words_that_are_ours_to_say(options):
    with pytest.raises(WrongUsage, match="to say"):
        spark_words.Job(RunId("20261128-134500-abcd"), "mini", 50, "s3://i", "s3://o", None, "eu",
                        options)


def test_prices_have_a_date_a_place_and_a_source():
    table = prices.table()
    datetime.strptime(table["date"], "%Y-%m-%d")
    assert table["region"] == "eu-west-1" and len(table["notes"]) > 8
    assert prices.instance_price("m7g.4xlarge").ec2 == pytest.approx(4 * 0.182)
    assert prices.instance_price("m7g.metal") is None and prices.instance_price("x1.xlarge") is None


def test_the_paper_model_gives_the_same_euros():
    spec = importlib.util.spec_from_file_location("cost_model", ROOT / "bench/cost_model.py")
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    kind = next(row for row in prices.table()["instances"] if row["name"] == "m7g.xlarge")
    speed = prices.table()["speed"]
    arguments = type("Arguments", (), {
        "nodes": 6, "tasks": speed["tasks_per_vcpu"], "per_vcpu": speed["per_vcpu"],
        "overhead": speed["overhead"], "peak": speed["peak"], "per_task": speed["per_task"], "requests": 1,
        "start_minutes": speed["start_minutes"]["ec2"] + speed["job_minutes"]})
    _, machines, requests, _ = model.cost(kind, 67_692, arguments)
    estimate = cost.estimate_ec2(67_692, prices.instance_price("m7g.xlarge"), 6)
    ours = {part.name: prices.euros(part.usd) for part in estimate.parts}
    assert ours["EC2"] + ours["EMR's fee"] == pytest.approx(machines)
    assert ours["S3 requests"] == pytest.approx(requests)


def test_the_reference_run_honestly():
    """Three m5.2xlarge for 100 minutes in eu-west-1, EMR's fee included (docs/emr.md)."""
    bill = cost.bill_ec2([cost.InstanceTime("m5.2xlarge", 100 * 60, False)] * 3)
    assert bill.parts[0].usd + bill.parts[1].usd == pytest.approx(2.62, abs=0.005)
    assert prices.euros(bill.parts[0].usd + bill.parts[1].usd) == pytest.approx(2.41, abs=0.005)


def test_a_minute_is_billed_at_least():
    kind = [cost.InstanceTime("m7g.xlarge", seconds, False) for seconds in (1, 60)]
    assert cost.bill_ec2(kind[:1]).usd == cost.bill_ec2(kind[1:]).usd
    assert cost.bill_ec2([cost.InstanceTime("p5.48xlarge", 60, False)]).unknown == ("p5.48xlarge",)


def test_what_the_limit_buys():
    estimate = cost.estimate_ec2(67_692, prices.instance_price("m7g.xlarge"), 4)
    seconds = estimate.limit_within(1.0)
    assert estimate.usd_at_limit(seconds) == pytest.approx(1.0)


# --- What is written twice ------------------------------------------------------------------


def constant(path, name):
    """Of a module that cannot be imported without Spark."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


def test_modes_are_those_of_the_job():
    assert images_in.MODES == constant("python/verger/spark/options.py", "MODES")


def test_tables_are_those_of_the_job():
    text = (ROOT / "python/verger/spark/tables.py").read_text()
    names = set(re.findall(r'"(features|pca|metadata|errors|model_info|variance|pca_model)"', text))
    ours = {re.search(r"(\w+)_TS", folder)[1] for folder in results.FOLDERS}
    assert names == ours


@pytest.mark.parametrize("pattern, path, fits", [
    ("Training/*/*.jpg", "Training/Apple 1/x.jpg", True),
    ("Training/*/*.jpg", "Training/a/b/x.jpg", False),
    ("Training/**/*.jpg", "Training/a/b/x.jpg", True), ("Training/**/*.jpg", "Training/x.jpg", True),
    ("Training/Apple*/*.jpg", "Training/Pear 1/x.jpg", False),
    ("a/[!0-9].jpg", "a/x.jpg", True), ("a/?.jpg", "a/xx.jpg", False), ("a.b", "axb", False)])
def test_patterns(pattern, path, fits):
    assert bool(images_in.pattern_words(pattern).fullmatch(path)) is fits


def test_types():
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10",
                           "--ignore-missing-imports", "--cache-dir", ROOT / ".deps/mypy",
                           "-p", "verger.emr"], cwd=ROOT / "python", capture_output=True, text=True)
    ours = [line for line in done.stdout.splitlines() if line.startswith("verger/emr/")]
    assert not ours and "Traceback" not in done.stderr, "\n".join(ours) + done.stderr


def test_nothing_names_a_partition():
    """The sovereign cloud is not arn:aws:."""
    for path in (ROOT / "python/verger/emr").iterdir():
        if path.is_file():
            assert "arn:aws:" not in path.read_text(), path


def test_every_cause_says_what_to_do():
    names = [cause.name for cause in causes.table()]
    assert len(names) == len(set(names)) > 20
    for cause in causes.table():
        assert cause.means.endswith(".") and cause.do, cause.name
