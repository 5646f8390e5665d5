"""EMR Serverless: no cluster to leak. A job run has a time limit, the application a ceiling,
and the client token makes starting it safe to repeat."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional

from verger.emr.aws import Aws, told
from verger.emr.identity import RUN_TAG
from verger.emr.outcomes import Interrupted, Refused, WrongUsage
from verger.emr.settings import Settings
from verger.emr.spark_words import SERVERLESS_VCPUS, Job, Sizes, submit_parameters

LEAST_MINUTES = 5  # that AWS takes as a time limit


def executors_within(application: dict[str, Any], wanted: Optional[int]) -> int:
    """As many workers as the application's ceiling leaves beside the driver, or fewer."""
    ceiling = application.get("maximumCapacity", {}).get("cpu", "")
    digits = ceiling.partition(" ")[0]
    most = (int(float(digits)) if digits else 16) // SERVERLESS_VCPUS - 1
    if wanted and wanted > most:
        raise WrongUsage(f"{wanted} nodes of {SERVERLESS_VCPUS} vCPU and the driver are more than "
                         f"the application's ceiling of {ceiling}",
                         f"--nodes {most}, or verger-emr setup --vcpus "
                         f"{(wanted + 1) * SERVERLESS_VCPUS} if the quota allows it")
    return wanted or most


def application(aws: Aws, settings: Settings) -> dict[str, Any]:
    """What AWS says of the stack's application."""
    identity = settings.need("application")
    with told(aws, f"look at the application {identity}"):
        return dict(aws.serverless.get_application(applicationId=identity)["application"])


def stop_application(aws: Aws, identity: str, sleep: Callable[[float], None]) -> None:
    """Waits until it may be deleted; one that never started, or stopped by itself, may be."""
    for waits in range(60):
        with told(aws, f"stop the application {identity}"):
            state = aws.serverless.get_application(applicationId=identity)["application"]["state"]
            if state in ("STARTED", "STARTING") and waits == 0:
                aws.serverless.stop_application(applicationId=identity)
                state = "STOPPING"
        if state not in ("STARTED", "STARTING", "STOPPING") or aws.is_dry:
            return
        sleep(5)
    raise Refused(f"the application {identity} does not stop: a job may still run",
                  "verger-emr stop --all")


def job_request(job: Job, sizes: Sizes, settings: Settings, limit_seconds: int,
                flexible: bool) -> dict[str, Any]:
    """Of StartJobRun."""
    bucket = settings.need("bucket")
    request: dict[str, Any] = {
        "applicationId": settings.need("application"), "clientToken": job.run.text,
        "executionRoleArn": settings.need("job_role"), "name": job.run.name(), "mode": "BATCH",
        "jobDriver": {"sparkSubmit": {
            "entryPoint": job.artifacts.job.address(bucket),
            "entryPointArguments": job.arguments(),
            "sparkSubmitParameters": submit_parameters(job, sizes)}},
        "configurationOverrides": {"monitoringConfiguration": {
            "s3MonitoringConfiguration": {"logUri": f"s3://{bucket}/logs/"},
            # By default AWS keeps copies of the logs.
            "managedPersistenceMonitoringConfiguration": {"enabled": False}}},
        # Rounded down: the limit is what --max-cost buys.
        "executionTimeoutMinutes": max(LEAST_MINUTES, limit_seconds // 60),
        "tags": {"application": "verger", RUN_TAG: job.run.text}}
    if flexible:
        request["flexExecution"] = {"enabled": True}
    return request


def start(aws: Aws, request: dict[str, Any]) -> str:
    """The id of the job run. AWS starts one for a token, however often it is asked."""
    try:
        with told(aws, "start the job"):
            return str(aws.serverless.start_job_run(**request)["jobRunId"])
    except KeyboardInterrupt:
        name = request["clientToken"]
        raise Interrupted(f"interrupted while {name} was started; if it runs it ends by itself: "
                          f"verger-emr status or stop {name}") from None


def list_runs(aws: Aws, application_id: str) -> Iterator[dict[str, Any]]:
    """The newest first."""
    with told(aws, "list job runs"):
        yield from aws.pages("emr-serverless", "list_job_runs", "jobRuns",
                             applicationId=application_id)


def cancel(aws: Aws, application_id: str, job_run: str) -> None:
    with told(aws, f"stop {job_run}"):
        aws.serverless.cancel_job_run(applicationId=application_id, jobRunId=job_run)
