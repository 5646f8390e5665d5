"""Runs as AWS has them: found by their name, on either kind of machine.

What became of a run is read off its step and the reason before the cluster's state: a step
that failed can leave a cluster that is TERMINATED with nothing else to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Callable, Iterator, Optional, Sequence

from verger.emr import cluster as clusters
from verger.emr import serverless
from verger.emr.aws import Aws, told
from verger.emr.cost import Bill, InstanceTime, bill_ec2, bill_serverless
from verger.emr.identity import KEPT_PREFIX, RunId, is_ours, run_of_name
from verger.emr.outcomes import CheckFailed, WrongUsage
from verger.emr.settings import Settings, split_address
from verger.emr.spark_words import arguments_in

# Of a run, whatever the machines are.
STARTING, RUNNING, DONE, FAILED, STOPPED = "starting", "running", "done", "failed", "stopped"
OVER = (DONE, FAILED, STOPPED)
# Reasons for which the launch is worth another try; only these.
LAUNCH_REASONS = ("BOOTSTRAP_FAILURE", "INSTANCE_FLEET_TIMEOUT", "INSTANCE_FAILURE",
                  "INTERNAL_ERROR")
CAPACITY_WORDS = ("insufficient capacity", "insufficientinstancecapacity", "no capacity",
                  "capacity is not available")
DAYS = 7

SERVERLESS_STATES = {"SUBMITTED": STARTING, "PENDING": STARTING, "QUEUED": STARTING,
                     "SCHEDULED": STARTING, "RUNNING": RUNNING, "SUCCESS": DONE, "FAILED": FAILED,
                     "CANCELLING": RUNNING, "CANCELLED": STOPPED}


@dataclass(frozen=True)
class View:
    """A run, or a kept cluster without one, at one moment."""

    name: str
    run: Optional[RunId]
    on: str  # ec2 or serverless
    place: str  # cluster or application
    work: str  # step or job run; empty where there is none yet
    state: str
    detail: str  # AWS's own word for the state
    reason: str = ""
    code: str = ""  # AWS's code of the reason
    created: Optional[datetime] = None
    ended: Optional[datetime] = None
    is_gone: bool = False  # nothing of it runs or costs any more
    is_kept: bool = False  # the cluster outlives the run
    arguments: tuple[str, ...] = ()  # of the job
    logs: str = ""  # address below which they are
    applications: tuple[str, ...] = ()  # of YARN, if AWS tells them
    billed: dict[str, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def failed_to_launch(self) -> bool:
        """Before the step began, for a reason that may not come again."""
        return (self.on == "ec2" and self.state == FAILED and self.detail == "PENDING"
                and (self.code in LAUNCH_REASONS or (self.code == "VALIDATION_ERROR" and any(
                    word in self.reason.lower() for word in CAPACITY_WORDS))))

    @property
    def output(self) -> str:
        """The address of the tables."""
        return self.arguments[1] if len(self.arguments) > 1 else ""

    @property
    def mode(self) -> str:
        return self.arguments[2] if len(self.arguments) > 2 else ""

    def seconds(self, now: datetime) -> float:
        if self.created is None:
            return 0.0
        return ((self.ended or now) - self.created).total_seconds()

    def as_dict(self, now: datetime) -> dict[str, Any]:
        return {"run": self.run.text if self.run else None, "name": self.name, "on": self.on,
                "place": self.place, "work": self.work or None, "state": self.state,
                "detail": self.detail, "reason": self.reason or None, "code": self.code or None,
                "created": self.created.isoformat() if self.created else None,
                "ended": self.ended.isoformat() if self.ended else None,
                "seconds": round(self.seconds(now)), "gone": self.is_gone, "kept": self.is_kept,
                "mode": self.mode or None, "output": self.output or None,
                "timestamp": self.run.timestamp if self.run else None}


# --- EMR on EC2 -------------------------------------------------------------------


def view_of_cluster(cluster: dict[str, Any], step: Optional[dict[str, Any]]) -> View:
    """Of DescribeCluster and a step of ListSteps or DescribeStep."""
    status, reason = cluster["Status"], cluster["Status"].get("StateChangeReason", {})
    is_gone = status["State"] in clusters.ENDED
    # Only a cluster that waits for steps lives on after one.
    keeps = not cluster.get("AutoTerminate", True)
    name = step["Name"] if step else cluster["Name"]
    times = (step or {}).get("Status", {}).get("Timeline", {}) if keeps else status["Timeline"]
    state, detail, message, code = _judge(status["State"], reason, step)
    details = status.get("ErrorDetails", [])
    if details and state == FAILED:
        messages = [message, *(row.get("ErrorMessage", "") for row in details)]
        message = "; ".join(filter(None, messages))
    config = (step or {}).get("Config", {})
    prefix = cluster.get("LogUri", "").replace("s3n://", "s3://").rstrip("/")
    return View(name=name, run=run_of_name(name), on="ec2", place=cluster["Id"],
                work=step["Id"] if step else "", state=state, detail=detail, reason=message,
                code=code, created=times.get("CreationDateTime"), ended=times.get("EndDateTime"),
                is_gone=is_gone, is_kept=keeps,
                arguments=tuple(arguments_in(config.get("Args", []))),
                logs=f"{prefix}/{cluster['Id']}" if prefix else "",
                applications=tuple((step or {}).get("AdditionalInfo", {}).get(
                    "ResourceManagerApplicationIds", [])))


def _judge(cluster: str, reason: dict[str, str],
           step: Optional[dict[str, Any]]) -> tuple[str, str, str, str]:
    """(state, AWS's word, message, code). The step decides; then the reason; then the state."""
    ended = cluster in clusters.ENDED or cluster == "TERMINATING"
    code, message = reason.get("Code", ""), reason.get("Message", "")
    word = step["Status"]["State"] if step else ""
    failure = (step or {}).get("Status", {}).get("FailureDetails", {})
    if word == "COMPLETED":
        return DONE, word, "", ""
    if word == "FAILED":
        text = ". ".join(part for part in (failure.get("Reason"), failure.get("Message")) if part)
        return FAILED, word, text or message, code or "STEP_FAILURE"
    if not ended:
        if word in ("CANCELLED", "INTERRUPTED"):
            return STOPPED, word, (step or {})["Status"].get("StateChangeReason", {}).get(
                "Message", ""), "USER_REQUEST"
        running = word in ("RUNNING", "CANCEL_PENDING") or (not step and cluster in (
            "RUNNING", "WAITING"))
        return (RUNNING if running else STARTING), word if running and step else cluster, "", ""
    if code == "USER_REQUEST":
        return STOPPED, word or cluster, message, code
    if not step and code in ("", "ALL_STEPS_COMPLETED"):
        return STOPPED, cluster, message, code
    # The cluster went before its step was over. CANCELLED is what EMR makes of a pending step.
    never_ran = step is not None and "StartDateTime" not in step["Status"].get("Timeline", {})
    return FAILED, "PENDING" if never_ran else word or cluster, message, code


def cluster_view(aws: Aws, cluster_id: str, step_id: str = "", has_run: bool = True) -> View:
    """As it is now, with its step; without a step's id, that of the launch."""
    with told(aws, f"look at {cluster_id}"):
        cluster = aws.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        if step_id:
            step = aws.emr.describe_step(ClusterId=cluster_id, StepId=step_id).get("Step")
        elif not has_run:
            step = None
        else:
            # The newest comes first, so the last is that of the launch.
            steps = list(aws.pages("emr", "list_steps", "Steps", ClusterId=cluster_id))
            step = steps[-1] if steps else None
    return view_of_cluster(cluster, step)


def instance_times(aws: Aws, view: View, now: datetime) -> list[InstanceTime]:
    """Of all instances that the cluster has had."""
    with told(aws, f"list the instances of {view.place}"):
        rows = list(aws.pages("emr", "list_instances", "Instances", ClusterId=view.place))
    times = []
    for row in rows:
        line = row["Status"].get("Timeline", {})
        if "CreationDateTime" in line:
            seconds = (line.get("EndDateTime", now) - line["CreationDateTime"]).total_seconds()
            times.append(InstanceTime(row["InstanceType"], seconds, row.get("Market") == "SPOT"))
    return times


# --- EMR Serverless -----------------------------------------------------------------


def view_of_job(run: dict[str, Any], log_bucket: Optional[str]) -> View:
    """Of GetJobRun; of ListJobRuns too, which says less."""
    state = SERVERLESS_STATES.get(run["state"], RUNNING)
    identity = run.get("jobRunId") or run.get("id", "")
    driver = run.get("jobDriver", {}).get("sparkSubmit", {})
    return View(name=run.get("name", ""), run=run_of_name(run.get("name", "")), on="serverless",
                place=run["applicationId"], work=identity, state=state, detail=run["state"],
                reason=run.get("stateDetails", "") if state in (FAILED, STOPPED) else "",
                created=run["createdAt"],
                ended=run.get("endedAt", run["updatedAt"]) if state in OVER else None,
                is_gone=state in OVER, arguments=tuple(driver.get("entryPointArguments", [])),
                logs=f"s3://{log_bucket}/logs/applications/{run['applicationId']}/jobs/{identity}"
                if log_bucket else "",
                billed=run.get("billedResourceUtilization", {}))


def job_view(aws: Aws, settings: Settings, application: str, job_run: str) -> View:
    with told(aws, f"look at {job_run}"):
        run = aws.serverless.get_job_run(applicationId=application, jobRunId=job_run)["jobRun"]
    return view_of_job(run, settings.bucket)


# --- Both -------------------------------------------------------------------------


def refresh(aws: Aws, settings: Settings, view: View) -> View:
    """The same run now."""
    if view.on == "serverless":
        return job_view(aws, settings, view.place, view.work)
    return cluster_view(aws, view.place, view.work, view.run is not None)


def bill(aws: Aws, settings: Settings, view: View, now: datetime) -> Bill:
    """What it has cost so far."""
    if view.on == "serverless":
        return bill_serverless(view.billed, settings.arch)
    return bill_ec2(instance_times(aws, view, now))


def list_views(aws: Aws, settings: Settings, since: datetime) -> Iterator[View]:
    """All runs since then and all clusters of this tool, the newest of each kind first."""
    for row in clusters.list_clusters(aws, since):
        if is_ours(row["Name"]):
            yield from _views_of(aws, row["Id"])
    if settings.application:
        for run in serverless.list_runs(aws, settings.application):
            if run_of_name(run.get("name", "")) and run["createdAt"] >= since:
                yield view_of_job(run, settings.bucket)


def _views_of(aws: Aws, cluster_id: str) -> Iterator[View]:
    with told(aws, f"look at {cluster_id}"):
        cluster = aws.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        steps = list(aws.pages("emr", "list_steps", "Steps", ClusterId=cluster_id))
    ours = [step for step in steps if run_of_name(step["Name"])]
    if not ours or cluster["Name"].startswith(KEPT_PREFIX):
        yield view_of_cluster(cluster, None)
    for step in ours:
        yield view_of_cluster(cluster, step)


def find(aws: Aws, settings: Settings, text: str, now: datetime) -> View:
    """The run of that name, or of its beginning or end if that is one; "last" is the newest. Of
    two launches of a run the later one counts."""
    since = now - timedelta(days=DAYS)
    wanted = text.removeprefix("verger-")
    if len(wanted) >= 15 and wanted[:8].isdigit():
        since = min(since, datetime.strptime(wanted[:8], "%Y%m%d").replace(tzinfo=now.tzinfo)
                    - timedelta(days=1))
    views = [view for view in list_views(aws, settings, since) if view.run]
    if wanted == "last":
        found = sorted(views, key=lambda view: str(view.run))[-1:]
    else:
        found = [view for view in views if str(view.run).startswith(wanted)
                 or str(view.run).endswith(wanted)]
    names = {view.run for view in found}
    if not found:
        raise CheckFailed(f"no run {text} is known to AWS in {aws.region}", "verger-emr list")
    if len(names) > 1:
        raise WrongUsage(f"{text} may be {', '.join(sorted(map(str, names)))}: say more of it")
    newest = max(found, key=lambda view: (view.created is not None, view.created))
    return refresh(aws, settings, newest)


def wait_until_gone(aws: Aws, settings: Settings, view: View, sleep: Callable[[float], None],
                    limit_seconds: float = 900, every: float = 10) -> View:
    """Until nothing of it runs. Raises CheckFailed when it takes too long."""
    waited = 0.0
    while True:
        view = refresh(aws, settings, view)
        if view.is_gone or (view.is_kept and view.run and view.is_over):
            return view
        if waited >= limit_seconds:
            raise CheckFailed(f"{view.name} is still {view.detail} after "
                              f"{limit_seconds / 60:.0f} minutes", f"verger-emr stop {view.run}")
        sleep(every)
        waited += every


def stop(aws: Aws, view: View) -> None:
    """Asks for the end of a run, and of the cluster that it has for itself."""
    if view.on == "serverless":
        serverless.cancel(aws, view.place, view.work)
    elif view.is_kept and view.work and view.run:
        clusters.cancel_step(aws, view.place, view.work)
    else:
        clusters.terminate(aws, view.place)


def log_folder(view: View) -> tuple[str, str]:
    """Bucket and prefix of its logs."""
    if not view.logs:
        raise CheckFailed(f"{view.name} keeps no logs in a bucket")
    return split_address(view.logs)


def running(views: Sequence[View]) -> list[View]:
    """Those that cost something."""
    return [view for view in views if not view.is_gone]
