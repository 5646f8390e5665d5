"""Runs from launch to tables, and all the ways in which they do not get there.

What a test promises is in its name. Nobody waits: the clock is the world's.
"""

import io
import itertools
import json
import re

import pytest
import world as worlds
from conftest import BUCKET, IMAGES
from world import Life, no_answer

from verger.emr import runner
from verger.emr.console import Console

RUN = re.compile(r"\d{8}-\d{6}-[a-z0-9]{4}")
TRACEBACK = "Traceback (most recent call last):\n  File \"job.py\", line 1\n"
BROKEN_MODEL = {"containers/{application}/container_{application}_01_000001/stderr":
                "INFO SparkContext: up\n" + TRACEBACK + "verger.VergerError: weights\n"
                "verger: error: s3://b/weights.safetensors is damaged\n",
                "steps/{step}/stderr": "ERROR Client: Application diagnostics message: User "
                "application exited with status 1\nException in thread \"main\" "
                "org.apache.spark.SparkException: Application finished with failed status\n"}


def run_of(said):
    return RUN.search(said.all)[0]


# --- Well -----------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["ec2", "serverless"])
def test_a_run_from_estimate_to_tables(account, world, on):
    said = account.call("run", "mini", "--on", on, "--yes", "-k", 5)
    assert re.search(r"about \d+ min .* and \d\.\d\d €", said.err) and "at most" in said.err
    run = run_of(said)
    assert "cost 0." in said.err and "3 images, 1 failed" in said.out
    assert (account.folder / "tables/features/parquet" /
            f"features_{run[:15].replace('-', '_')}/part-0.parquet").is_file()
    assert not world.active()


def test_events_of_a_run(account):
    events = account.call("run", "mini", "--on", "ec2", "--yes", "--json").events
    names = [event["event"] for event in events]
    assert names.index("estimate") < names.index("start") < names.index("state")
    assert names[-1] == "end" and events[-1]["outcome"] == "ok" and events[-1]["exit_code"] == 0
    assert events[-1]["images"] == IMAGES and events[-1]["usd"] > 0
    states = [event["detail"] for event in events if event["event"] == "state"]
    assert [key for key, _ in itertools.groupby(states)] == [
        "STARTING", "BOOTSTRAPPING", "RUNNING", "COMPLETED"]


def test_a_question_before_money_is_spent(account, world):
    said = account.call("run", "mini", "--on", "ec2", status=2)
    assert "Start it?" in said.err and "--yes" in said.err
    assert not world.clusters


def test_max_cost_holds_whatever_happens(account, world):
    account.call("run", "mini", "--on", "ec2", "--max-cost", "0.5", "--max-time", "5h")
    words = next(iter(world.clusters.values())).steps[0].words
    assert words[0] == "timeout" and int(words[2]) < 5 * 3600
    said = account.call("cost", "last", "--json").json
    assert said["eur"] < 0.5


def test_too_dear_is_refused(account, world):
    said = account.call("run", "mini", "--on", "ec2", "--max-cost", "0.01", status=3)
    assert "more than --max-cost 0.01" in said.err and not world.clusters


def test_detached_and_found_from_elsewhere(account, world):
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    run = run_of(said)
    assert account.call("list", "--json").json["runs"][0]["state"] == "starting"
    world.sleep(1000)
    assert account.call("status", run[-4:], "--json").json["state"] == "done"
    assert "3 images" in account.call("download", "last", "elsewhere").out
    assert (account.folder / "elsewhere/metadata").is_dir()


def test_a_second_run_is_not_started_by_accident(account, world):
    for on in ("ec2", "serverless"):
        account.call("run", "mini", "--on", on, "--yes", "--detach")
        said = account.call("run", "mini", "--yes", "--detach", status=3)
        assert "is there already" in said.err and "--another" in said.err
        account.call("stop", "--all", "--yes")
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach", "--another")
    assert len(world.active()) == 2


def test_nothing_is_uploaded_twice(account):
    account.call("run", "mini", "--yes")
    before = {key: account.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
              for key in account.keys("artifacts/")}
    said = account.call("run", "mini", "--yes")
    assert len(before) == 3 and "uploaded" not in said.err
    assert set(account.keys("artifacts/")) == set(before)


def test_spot_keeps_the_driver_on_demand(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes", "--spot", "--nodes", 4, "--detach")
    fleets = next(iter(world.clusters.values())).request["Instances"]["InstanceFleets"]
    assert [(fleet["InstanceFleetType"], fleet["TargetOnDemandCapacity"],
             fleet["TargetSpotCapacity"]) for fleet in fleets] == [
        ("MASTER", 1, 0), ("CORE", 1, 0), ("TASK", 0, 3)]


# --- Launches that fail ------------------------------------------------------------------


@pytest.mark.parametrize("life", [
    Life(fails="BOOTSTRAPPING", code="BOOTSTRAP_FAILURE",
         message="On the master instance (i-1), application provisioning failed"),
    Life(fails="STARTING", code="INSTANCE_FLEET_TIMEOUT", message="The fleet was not provisioned"),
    Life(fails="STARTING", code="VALIDATION_ERROR",
         message="Provisioning failed: insufficient capacity for m7g.xlarge"),
    Life(fails="STARTING", code="INTERNAL_ERROR", message="Failed to start the job flow"),
    Life(fails="BOOTSTRAPPING", code="INSTANCE_FAILURE", message="The master was terminated"),
], ids=lambda life: life.code)
def test_a_failed_launch_is_tried_once_more(account, world, life):
    world.lives = [life]
    said = account.call("run", "mini", "--on", "ec2", "--yes")
    assert "once more, with m6g.xlarge first" in said.err and "3 images" in said.out
    first, second = (c.request["Instances"]["InstanceFleets"][1]["InstanceTypeConfigs"][0]
                     ["InstanceType"] for c in world.clusters.values())
    assert (first, second) == ("m7g.xlarge", "m6g.xlarge")
    names = [cluster.request["Name"] for cluster in world.clusters.values()]
    assert names[1] == names[0] + "-try2" and not world.active()


def test_no_third_launch(account, world):
    bad = Life(fails="STARTING", code="INSTANCE_FLEET_TIMEOUT", message="no capacity")
    world.lives = [bad, bad]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=4)
    assert len(world.clusters) == 2 and "free in the zones" in said.err


@pytest.mark.parametrize("code, message", [
    ("VALIDATION_ERROR", "ServiceRole arn:aws:iam::1:role/x is invalid"),
    ("VALIDATION_ERROR", "The subnet subnet-1 does not exist"),
    ("VALIDATION_ERROR", "Service role has insufficient EC2 permissions")])
def test_a_launch_that_cannot_do_better_is_not_tried_again(account, world, code, message):
    world.lives = [Life(fails="STARTING", code=code, message=message)]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert len(world.clusters) == 1 and message in said.err and "do: verger-emr" in said.err


def test_an_answer_that_is_lost_gives_one_cluster(account, world):
    world.fail("RunJobFlow", no_answer(), done=True)
    said = account.call("run", "mini", "--on", "ec2", "--yes")
    assert len(world.clusters) == 1 and world.count("RunJobFlow") == 1 and "3 images" in said.out


def test_an_answer_that_is_lost_and_no_cluster(account, world):
    world.fail("RunJobFlow", no_answer())
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=4)
    assert world.count("RunJobFlow") == 1 and not world.clusters
    assert "no cluster of that name was seen" in said.err and "verger-emr list" in said.err
    assert sum(world.slept) >= 120


def test_a_detached_launch_without_an_answer(account, world):
    world.fail("RunJobFlow", no_answer(), done=True)
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    assert len(world.clusters) == 1


def test_a_throttled_launch_waits(account, world):
    world.fail("RunJobFlow", "ThrottlingException", times=3)
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    assert len(world.clusters) == 1 and world.count("RunJobFlow") == 4 and sum(world.slept) >= 50


def test_a_launch_that_is_denied(account, world):
    world.fail("RunJobFlow", "AccessDeniedException")
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=4)
    assert "RunJobFlow is denied" in said.err and world.count("RunJobFlow") == 1


def test_serverless_is_started_once_for_a_token(account, world):
    world.fail("StartJobRun", no_answer(), done=True)
    account.call("run", "mini", "--yes")
    assert world.count("StartJobRun") == 2 and len(world.job_runs) == 1


# --- Jobs that fail --------------------------------------------------------------------------


def test_a_failed_step_in_a_cluster_that_ends_plainly(account, world):
    """The state is TERMINATED and no reason is given: the step tells."""
    world.lives = [Life(outcome="FAILED", reason="exit code 1", logs=BROKEN_MODEL)]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert "weights.safetensors is damaged" in said.err and "container_" in said.err
    assert not world.active() and len(world.clusters) == 1
    assert not (account.folder / "tables").exists()


def test_the_driver_is_found_without_the_id_of_its_application(account, world):
    logs = {**BROKEN_MODEL, "steps/{step}/stderr": "Submitted {application}"}
    logs = {name: text for name, text in logs.items()}
    world.lives = [Life(outcome="FAILED", logs=logs, tells_application=False)]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert "is damaged" in said.err


def test_a_job_that_hangs_ends_at_its_limit(account, world):
    world.lives = [Life(outcome="HANGS")]
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--max-time", "20m", status=1)
    assert "time limit ended the job" in said.err and not world.active()
    assert (world.now() - worlds.START).total_seconds() < 2400


def test_a_serverless_job_that_hangs_ends_at_its_limit(account, world):
    world.lives = [Life(outcome="HANGS")]
    said = account.call("run", "mini", "--yes", "--max-time", "20m", status=1)
    assert "Execution timeout" in said.err
    assert next(iter(world.job_runs.values()))["request"]["executionTimeoutMinutes"] == 20


def test_a_step_beyond_all_limits_is_ended_by_who_watches(account, world, monkeypatch):
    monkeypatch.setattr(worlds.Step, "limit", worlds.FOREVER)
    world.lives = [Life(outcome="HANGS")]
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--max-time", "20m", status=1)
    assert "beyond its limit" in said.err and not world.active()


def test_a_cluster_that_does_not_start_is_ended(account, world):
    world.lives = [Life(start=worlds.FOREVER)]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert "STARTING after 30 min" in said.err and not world.active()


@pytest.mark.parametrize("detail, cause", [
    ("ServiceQuotaExceeded: Max concurrent vCPUs", "may not run so many vCPUs"),
    ("Job failed, please check the logs", "error in Python")])
def test_a_failed_job_on_serverless(account, world, detail, cause):
    world.lives = [Life(outcome="FAILED", reason=detail, logs={
        "SPARK_DRIVER/stderr": TRACEBACK + "KeyError: 'path'\n"})]
    said = account.call("run", "mini", "--yes", status=1)
    assert cause in said.err


def test_spot_that_is_taken_back(account, world):
    world.lives = [Life(fails="RUNNING", code="INSTANCE_FAILURE",
                        message="The core instances were lost: Spot interruption")]
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--spot", status=1)
    assert "took Spot instances back" in said.err and len(world.clusters) == 1


def test_the_least_limit_of_serverless_is_said(account, world):
    said = account.call("run", "mini", "--max-time", "90s", "--max-cost", "1", "--detach")
    assert "time limit of 5 min" in said.err
    assert next(iter(world.job_runs.values()))["request"]["executionTimeoutMinutes"] == 5


def test_an_interrupt_between_two_steps(account, world, monkeypatch):
    monkeypatch.setattr(runner, "_begun", lambda *words: interrupt())
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=130)
    assert "may still run, and ends by itself" in said.err and len(world.clusters) == 1


def test_somebody_else_stops_it(account, world):
    def stop():
        for cluster in world.clusters.values():
            cluster.stopped = world.now()
    world.after(100, stop)
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert "was stopped: Terminated by user request" in said.err and len(world.clusters) == 1


def test_somebody_else_cancels_the_serverless_job(account, world):
    world.lives = [Life(work=1000)]
    world.after(200, lambda: next(iter(world.job_runs.values())).update(stopped=world.now()))
    said = account.call("run", "mini", "--yes", status=1)
    assert "was stopped: was cancelled by user" in said.err


def test_unfinished_tables_are_not_downloaded(account, world):
    world.on_done = lambda words: None
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=3)
    assert "there is no metadata/" in said.err


# --- While it is watched -------------------------------------------------------------------------


def test_busy_aws_is_looked_at_again(account, world):
    world.fail("DescribeStep", "ThrottlingException", times=20)
    said = account.call("run", "mini", "--on", "ec2", "--yes")
    assert "looking again" in said.err and "3 images" in said.out


def test_the_network_goes_and_comes(account, world):
    world.fail("DescribeCluster", no_answer(), times=15)
    said = account.call("run", "mini", "--on", "ec2", "--yes")
    assert "looking again" in said.err and "3 images" in said.out


def test_the_network_stays_away(account, world):
    world.fail("DescribeCluster", no_answer(), times=10 ** 6)
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=4)
    assert "goes on and ends by itself" in said.err


@pytest.mark.parametrize("on, operation", [("ec2", "DescribeCluster"), ("serverless", "GetJobRun")])
def test_credentials_that_run_out_in_the_middle(account, world, on, operation):
    world.after(10, lambda: world.fail(operation, "ExpiredTokenException", times=10 ** 6))
    said = account.call("run", "mini", "--on", on, "--yes", status=4)
    assert "goes on and ends by itself" in said.err and "aws sso login" in said.err


def interrupt():
    raise KeyboardInterrupt


def test_ctrl_c_leaves_it_running_and_says_so(account, world):
    world.after(100, interrupt)
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=130)
    run = run_of(said)
    assert f"{run} goes on and ends by itself" in said.err and f"watch {run}" in said.err
    world.sleep(2000)
    assert not world.active()  # without anybody
    assert "3 images" in account.call("download", run).out


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


@pytest.mark.parametrize("typed, stops", [("leave\n", False), ("stop\n", True), ("\n", False)])
def test_ctrl_c_on_a_terminal_asks(account, world, monkeypatch, typed, stops):
    monkeypatch.setattr("sys.stdin", Terminal("y\n" + typed))
    monkeypatch.setattr(Console, "is_live", True)
    world.after(100, interrupt)
    said = account.call("run", "mini", "--on", "ec2", status=130)
    assert "Leave it running, or stop it?" in said.err
    assert ("was told to stop" if stops else "ends by itself") in said.err
    assert bool(next(iter(world.clusters.values())).stopped) is stops


def test_a_second_ctrl_c_stops(account, world, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))  # and then its end, as of Ctrl-C
    monkeypatch.setattr(Console, "is_live", True)
    world.after(100, interrupt)
    said = account.call("run", "mini", "--on", "ec2", status=130)
    assert "was told to stop" in said.err
    world.sleep(100)
    assert not world.active()


def test_ctrl_c_during_the_launch(account, world):
    world.fail("RunJobFlow", KeyboardInterrupt(), done=True)
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=130)
    assert "it runs as j-" in said.err and len(world.clusters) == 1
    assert not next(iter(world.clusters.values())).keeps


def test_logs_come_late(account, world):
    world.lives = [Life(outcome="FAILED", logs=BROKEN_MODEL, logs_after=600)]
    said = account.call("run", "mini", "--on", "ec2", "--yes", status=1)
    assert "is damaged" not in said.err and "logs" in said.err
    world.sleep(900)
    account.call("status", "last")
    said = account.call("logs", "last", "--errors")
    assert "is damaged" in said.out and "means: The weights" in said.out and "do:" in said.out


def test_following_the_drivers_log(account, world):
    name = "containers/{application}/container_{application}_01_000001/stderr"
    world.lives = [Life(logs={name: "verger: list: 1.0 s\nverger: extract: 9.0 s\n"})]
    said = account.call("run", "mini", "--on", "ec2", "--yes", "--follow")
    assert said.err.count("verger: extract: 9.0 s") == 1


# --- Looking, ending, keeping ------------------------------------------------------------------------


def test_list_names_what_runs_and_what_ran(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes")
    world.sleep(10)
    account.call("run", "mini", "--on", "serverless", "--yes", "--detach")
    rows = account.call("list", "--json").json["runs"]
    assert {(row["on"], row["state"]) for row in rows} == {("ec2", "done"),
                                                           ("serverless", "starting")}
    assert len(account.call("list", "--running", "--json").json["runs"]) == 1
    assert "ec2" in account.call("list").out


def test_clusters_of_others_are_left_alone(account, world):
    world.RunJobFlow(Name="somebody's", Instances={
        "KeepJobFlowAliveWhenNoSteps": True, "InstanceFleets": []}, LogUri="s3://x/", Tags=[],
        ReleaseLabel="emr-7.0.0")
    assert account.call("list", "--json").json["runs"] == []
    assert "nothing runs" in account.call("stop", "--all", "--yes").out
    assert len(world.active()) == 1


def test_a_run_that_nobody_knows(account):
    assert "verger-emr list" in account.call("status", "zzzz", status=3).err


def test_a_name_that_fits_two(account, world):
    account.call("run", "mini", "--yes")
    account.call("run", "mini", "--yes")
    said = account.call("status", "2026", status=2)
    assert "say more of it" in said.err


@pytest.mark.parametrize("on", ["ec2", "serverless"])
def test_stop_looks_until_it_is_gone(account, world, on):
    world.lives = [Life(work=5000)]
    account.call("run", "mini", "--on", on, "--yes", "--detach")
    world.sleep(400)
    said = account.call("stop", "last", "--yes")
    assert "is gone" in said.out and not world.active()
    assert account.call("status", "last", "--json").json["state"] == "stopped"
    assert "nothing runs" in account.call("stop", "last", "--yes").out


def test_stop_of_a_protected_cluster_says_so(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    next(iter(world.clusters.values())).request["protected"] = True
    said = account.call("stop", "last", "--yes", status=4)
    assert "protected" in said.err and "modify-cluster-attributes" in said.err


def test_stop_asks(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes", "--detach")
    account.call("stop", "last", status=2)
    assert len(world.active()) == 1


def test_a_kept_cluster_takes_runs_and_ends_when_idle(account, world):
    identity = account.call("cluster", "create", "--idle", "10m", "--yes", "--json").json["cluster"]
    assert "takes no jobs" in account.call("cluster", "submit", identity, "mini", status=3).err
    world.sleep(400)
    said = account.call("cluster", "submit", identity, "mini")
    assert "3 images" in said.out and len(world.active()) == 1
    account.call("cluster", "submit", identity, "mini", "--no-download")
    assert len(world.clusters) == 1 and len(world.clusters[identity].steps) == 2
    world.sleep(700)
    assert not world.active()


def test_a_failed_run_leaves_a_kept_cluster(account, world):
    identity = account.call("cluster", "create", "--yes", "--json").json["cluster"]
    world.sleep(400)
    world.lives = [Life(outcome="FAILED", logs=BROKEN_MODEL)]
    said = account.call("cluster", "submit", identity, "mini", status=1)
    assert "is damaged" in said.err and len(world.active()) == 1
    account.call("stop", identity, "--yes")
    assert not world.active()


def test_stopping_a_run_on_a_kept_cluster_keeps_it(account, world):
    identity = account.call("cluster", "create", "--yes", "--json").json["cluster"]
    world.sleep(400)
    world.lives = [Life(work=5000)]
    account.call("cluster", "submit", identity, "mini", "--detach")
    world.sleep(100)
    account.call("stop", "last", "--yes")
    assert len(world.active()) == 1
    assert account.call("status", "last", "--json").json["state"] == "stopped"


def test_run_and_keep(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes", "--keep", "--idle", "5m")
    assert len(world.active()) == 1
    world.sleep(400)
    assert not world.active()


@pytest.mark.parametrize("idle", ["59s", "8d"])
def test_idle_limits_of_aws(account, world, idle):
    account.call("cluster", "create", "--idle", idle, "--yes", status=2)
    assert not world.clusters


def test_a_step_whose_answer_is_lost_is_added_once(account, world):
    identity = account.call("cluster", "create", "--yes", "--json").json["cluster"]
    world.sleep(400)
    world.fail("AddJobFlowSteps", no_answer(), done=True)
    account.call("cluster", "submit", identity, "mini")
    assert len(world.clusters[identity].steps) == 1


def test_no_longer_than_the_cluster_allows(account, world):
    identity = account.call("cluster", "create", "--max-time", "1h", "--yes",
                            "--json").json["cluster"]
    world.sleep(400)
    said = account.call("cluster", "submit", identity, "mini", "--max-time", "3h", status=3)
    assert "no job run longer than 1 h" in said.err


def test_cost_after_is_of_the_instances_time(account, world):
    account.call("run", "mini", "--on", "ec2", "--yes", "--nodes", 4)
    cost = account.call("cost", "last", "--json").json
    # Five instances from their start, 240 s after the launch, to their end at 450 s.
    assert cost["parts"]["EC2"] == pytest.approx(5 * 210 / 3600 * 0.182, abs=2e-4)
    assert cost["parts"]["EMR's fee"] == pytest.approx(5 * 210 / 3600 * 0.0408, abs=2e-4)


def test_cost_after_is_what_serverless_billed(account, world):
    account.call("run", "mini", "--yes")
    cost = account.call("cost", "last", "--json").json
    assert cost["parts"]["vCPUs"] == pytest.approx(16 * 60 / 3600 * 0.042094, abs=2e-4)


def test_results_are_json_and_nothing_else(account):
    account.call("run", "mini", "--yes")
    for words in (("list",), ("status",), ("logs", "--errors"), ("cost",), ("download",),
                  ("verify",)):
        said = account.call(*words, "--json", status=3 if words == ("verify",) else 0)
        for line in said.out.splitlines():
            json.loads(line)
