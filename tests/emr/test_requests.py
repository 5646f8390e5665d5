"""The exact requests: golden files, the line of the AWS CLI that sends the same, dry runs.

    VERGER_RECORD=1 .deps/moto/bin/python -m pytest emr/test_requests.py     # in tests/

writes the golden files anew; read the difference before it is committed.
"""

import json
import os
import random
import re
import shlex

import pytest
from awscli.clidriver import create_clidriver
from conftest import BUCKET, ROOT
from world import no_answer

from verger.emr import identity, runner

GOLDEN = ROOT / "tests/emr/requests"
RECORDS = bool(os.environ.get("VERGER_RECORD"))
RUN = ["run", "mini", "--yes", "--dry-run", "--json"]
COMMANDS = {
    "run-serverless": [*RUN],
    "run-serverless-spot": [*RUN, "--spot", "--nodes", "3", "--max-time", "90s"],
    "run-ec2": [*RUN, "--on", "ec2"],
    "run-ec2-spot": [*RUN, "--on", "ec2", "--spot", "--nodes", "6", "--type", "m7i.2xlarge",
                     "--", "--limit", "5", "--max-errors", "2%"],
    "run-ec2-keep": [*RUN, "--on", "ec2", "--keep", "--idle", "5m", "--max-time", "20m"],
    "cluster-create": ["cluster", "create", "--dry-run", "--json"],
    "upload": ["upload", "--dry-run", "--json"],
    "setup": ["setup", "--bucket", "a-new-bucket", "--budget", "3", "--mail", "us@example.org",
              "--dry-run", "--json"],
}


@pytest.fixture
def named(account, monkeypatch):
    """Names that are the same each time."""
    monkeypatch.setattr(identity.random, "SystemRandom", lambda: random.Random(7))
    return account


def requests_of(account, words):
    found = account.call(*words).json["requests"]
    for request in found:
        if request["operation"] == "CreateChangeSet":  # the template is a file of its own
            request["parameters"]["TemplateBody"] = request["aws"] = "account.yaml"
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_requests_are_as_recorded(named, name):
    if not name.startswith("upload"):
        named.call("upload")
    found = requests_of(named, COMMANDS[name])
    path = GOLDEN / f"{name}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if RECORDS:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), "look at the difference; VERGER_RECORD=1 writes it"


@pytest.mark.parametrize("words", [COMMANDS["run-ec2"], COMMANDS["run-ec2-spot"],
                                   COMMANDS["run-ec2-keep"], COMMANDS["cluster-create"],
                                   COMMANDS["run-serverless"]])
def test_the_aws_cli_sends_the_same_body(named, words, monkeypatch):
    """The line that --dry-run prints, given to the real CLI."""
    named.call("upload")
    request = requests_of(named, words)[-1]
    driver = create_clidriver()
    sent = []

    def catch(params, model, **_):
        sent.append((model.name, json.loads(params["body"])))
        return type("Answer", (), {"status_code": 200})(), {
            "JobFlowId": "j-1", "ClusterArn": "arn", "ResponseMetadata": {}}

    driver.session.register("before-call", catch)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert driver.main(shlex.split(request["aws"])[1:]) == 0
    assert [name for name, _ in sent] == [request["operation"]]
    expected = {key: value for key, value in request["parameters"].items()
                if key != "applicationId"}  # is in the path
    assert sent[0][1] == expected


# --- What a dry run does not do ------------------------------------------------------------


@pytest.mark.parametrize("words", [
    ["run", "mini", "--yes"], ["run", "mini", "--on", "ec2", "--yes"], ["upload"],
    ["cluster", "create", "--yes"], ["clean", "--all"], ["stop", "--all"]])
def test_a_dry_run_changes_nothing(account, world, words):
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    before, calls = account.keys(), len(world.calls)
    (account.folder / "weights.safetensors").write_bytes(b"other weights")
    if words[0] in ("run", "cluster"):
        words = [*words, "--another"]
    said = account.call(*words, "--dry-run")
    assert account.keys() == before and "aws " in said.out
    changing = {"RunJobFlow", "StartJobRun", "TerminateJobFlows", "CancelJobRun"}
    assert not changing & {name for name, _ in world.calls[calls:]}


def test_a_request_that_the_service_model_refuses(account, monkeypatch):
    make = runner.clusters.launch_request
    monkeypatch.setattr(runner.clusters, "launch_request", lambda plan, settings: {
        **make(plan, settings), "StepConcurrency": 1})
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--dry-run", status=4)
    assert 'Unknown parameter in input: "StepConcurrency"' in said.err


def test_the_launch_is_one_attempt(account, world):
    """Everything else retries; RunJobFlow has no client token."""
    world.fail("RunJobFlow", no_answer())
    account.call("run", "mini", "--on", "ec2", "--yes", status=4)
    assert world.count("RunJobFlow") == 1
    world.fail("DescribeCluster", no_answer(), times=2)
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    account.call("status", "last")
    assert world.count("DescribeCluster") >= 3


# --- What every launch promises --------------------------------------------------------------


def launch(account, *words):
    requests = requests_of(account, ["run", "mini", "--on", "ec2", "--yes", "--dry-run", "--json",
                                     *words])
    return requests[-1]["parameters"]


@pytest.mark.parametrize("words", [(), ("--spot",), ("--keep",), ("--nodes", "1"),
                                   ("--type", "m5.2xlarge")])
def test_what_ends_a_cluster_is_in_its_launch(account, words):
    request = launch(account, *words)
    instances = request["Instances"]
    assert instances["KeepJobFlowAliveWhenNoSteps"] is False or (
        60 <= request["AutoTerminationPolicy"]["IdleTimeout"] <= 604800)
    assert instances["TerminationProtected"] is False
    step = request["Steps"][0]["HadoopJarStep"]["Args"]
    assert step[:1] == ["timeout"] and int(step[2]) == 7200
    life = request["Configurations"][1]["Properties"]
    assert life["yarn.scheduler.capacity.root.default.maximum-application-lifetime"] == "7200"


def test_what_the_policies_and_the_law_ask_for(account):
    request = launch(account)
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert tags["for-use-with-amazon-emr-managed-policies"] == "true"
    policy = request["MonitoringConfiguration"]["S3LoggingConfiguration"]["LogTypeUploadPolicy"]
    assert policy == {"system-logs": "on-customer-s3only",
                      "application-logs": "on-customer-s3only", "persistent-ui-logs": "disabled"}
    assert request["LogUri"] == f"s3://{BUCKET}/logs/"
    words = request["Steps"][0]["HadoopJarStep"]["Args"]
    assert words[words.index("--require-region") + 1] == "eu"
    assert "BootstrapActions" not in request


def test_the_step_names_what_it_runs_by_content(account):
    words = launch(account)["Steps"][0]["HadoopJarStep"]["Args"]
    assert words[words.index("--deploy-mode") + 1] == "cluster"
    archive = words[words.index("--archives") + 1]
    assert re.fullmatch(rf"s3://{BUCKET}/artifacts/[0-9a-f]{{64}}/verger-emr.tar.gz#verger", archive)


def test_regions_outside_the_union(account):
    said = account.call("run", "mini", "--region", "eu-west-2", "--yes", status=2)
    assert "not in the European Union" in said.err and "--allow-region eu-west-2" in said.err
    account.call("cost", "full", "--region", "eu-west-2", "--allow-region", "eu-west-2")
