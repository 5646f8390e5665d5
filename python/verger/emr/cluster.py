"""EMR on EC2: a cluster that ends by itself.

The step is in the launch and the cluster ends after it, failed or not, whatever becomes of
this process. Three nets hold what falls through: a time limit around the step, YARN's own
limit of an application's life, and for clusters that are kept a limit of idle time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Callable, Iterator, Optional, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from verger.emr.aws import Aws, is_throttled, is_unclear, told
from verger.emr.cost import DISK_GB
from verger.emr.identity import RUN_TAG, RunId
from verger.emr.outcomes import CheckFailed, Interrupted, Refused, WrongUsage
from verger.emr.prices import instance_price, known_families, table
from verger.emr.settings import Settings

ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
# AmazonEMRServicePolicy_v2 asks for it, on the request and on subnets.
POLICY_TAG = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
LIMIT_TAG = "verger:limit-seconds"
SPOT_MINUTES = 10  # to wait for Spot before nodes on demand are taken
LOOK_SECONDS = 120  # for a cluster whose launch was not answered
LOOK_AGAIN = 10
IDLE_LIMITS = (60, 7 * 24 * 3600)
DRIVER_CORES = 2
OLDEST = (7, 11)  # release that takes MonitoringConfiguration


@dataclass(frozen=True)
class InstanceKind:
    """Of ListSupportedInstanceTypes."""

    name: str
    vcpus: int
    memory_gb: float
    arch: str


@dataclass(frozen=True)
class ClusterPlan:
    """A cluster to launch. Without words it has no step, and is kept."""

    name: str
    run: Optional[RunId]
    kinds: tuple[InstanceKind, ...]  # the first is preferred
    nodes: int
    limit_seconds: int
    words: tuple[str, ...] = ()
    spot: bool = False
    idle_seconds: Optional[int] = None  # kept until so long idle; None ends after the step

    @property
    def spot_nodes(self) -> int:
        """One node is on demand: it has the driver."""
        return self.nodes - 1 if self.spot else 0

    @property
    def primary(self) -> str:
        """The smallest size that EMR takes, of the same family."""
        return self.kinds[0].name.partition(".")[0] + ".xlarge"


# --- What may be launched -------------------------------------------------------


def check_release(label: str) -> None:
    """The archive's pyarrow is for Python 3.9, which emr-7 has and emr-spark-8 has not."""
    family, _, version = label.rpartition("-")
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if family != "emr" or numbers[:1] != (7,) or numbers < OLDEST:
        raise WrongUsage(f"release {label}: the archive is for the Python 3.9 of emr-7, from "
                         "emr-7.11.0 on", '--release emr-7.11.0')


def supported_kinds(aws: Aws, release: str) -> dict[str, InstanceKind]:
    """Instance types of a release, by name, with their own data."""
    kinds: dict[str, InstanceKind] = {}
    marker: dict[str, str] = {}
    with told(aws, f"list the instance types of {release}"):
        while True:
            page = aws.emr.list_supported_instance_types(ReleaseLabel=release, **marker)
            for row in page["SupportedInstanceTypes"]:
                arch = "arm64" if row["Architecture"].upper() == "AARCH64" else "x86_64"
                kinds[row["Type"]] = InstanceKind(row["Type"], row["VCPU"], row["MemoryGB"], arch)
            if not page.get("Marker"):
                return kinds
            marker = {"Marker": page["Marker"]}


def kinds_like(kinds: dict[str, InstanceKind], name: str) -> tuple[InstanceKind, ...]:
    """The type itself and those of equal size, same processor and known price, for a launch
    that finds no capacity."""
    first = kinds.get(name)
    if first is None:
        raise WrongUsage(f"{name} is no instance type of this release",
                         "aws emr list-supported-instance-types --release-label ...")
    if instance_price(name) is None:
        raise WrongUsage(f"{name} has no price in this tool, so nothing could be said before: "
                         f"take a size of {', '.join(known_families())}")
    others = [kind for family in known_families()
              if (kind := kinds.get(f"{family}.{name.partition('.')[2]}"))
              and kind.name != name and kind.arch == first.arch and kind.vcpus == first.vcpus]
    return (first, *others)


# --- The request ----------------------------------------------------------------


def _fleet(name: str, plan: ClusterPlan, kinds: Sequence[str], on_demand: int,
           spot: int = 0) -> dict[str, Any]:
    disks = {"EbsBlockDeviceConfigs": [{"VolumeSpecification": {"VolumeType": "gp3",
                                                                "SizeInGB": DISK_GB},
                                        "VolumesPerInstance": 1}], "EbsOptimized": True}
    fleet: dict[str, Any] = {
        "Name": name.lower(), "InstanceFleetType": name, "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": [{"InstanceType": kind, "WeightedCapacity": 1,
                                 "EbsConfiguration": disks} for kind in kinds]}
    if spot:
        fleet["LaunchSpecifications"] = {"SpotSpecification": {
            "TimeoutDurationMinutes": SPOT_MINUTES, "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            "AllocationStrategy": "price-capacity-optimized"}}
    else:
        for number, config in enumerate(fleet["InstanceTypeConfigs"]):
            config["Priority"] = float(number)
        fleet["LaunchSpecifications"] = {"OnDemandSpecification": {
            "AllocationStrategy": "prioritized"}}
    return fleet


def configurations(plan: ClusterPlan) -> list[dict[str, Any]]:
    """Of YARN, whose own idea of a node leaves no core for the driver."""
    cores = str(plan.kinds[0].vcpus * table()["speed"]["tasks_per_vcpu"] + DRIVER_CORES)
    life = "yarn.scheduler.capacity.root.default.{}-application-lifetime"
    site = {"yarn.nodemanager.resource.cpu-vcores": cores,
            # Larger requests are refused, whatever the scheduler counts.
            "yarn.scheduler.maximum-allocation-vcores": cores}
    if plan.spot:
        # A driver on a node that Spot takes back would end the job.
        site |= {"yarn.node-labels.enabled": "true",
                 "yarn.node-labels.am.default-node-label-expression": "CORE"}
    return [
        {"Classification": "yarn-site", "Properties": site},
        {"Classification": "capacity-scheduler", "Properties": {
            # Tasks wait more than they compute: memory alone decides what fits.
            "yarn.scheduler.capacity.resource-calculator":
                "org.apache.hadoop.yarn.util.resource.DefaultResourceCalculator",
            life.format("maximum"): str(plan.limit_seconds),
            life.format("default"): str(plan.limit_seconds)}}]


def step_request(run: RunId, words: Sequence[str], *, ends_cluster: bool) -> dict[str, Any]:
    """The step of a run."""
    return {"Name": run.name(),
            "ActionOnFailure": "TERMINATE_CLUSTER" if ends_cluster else "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(words)}}


def launch_request(plan: ClusterPlan, settings: Settings) -> dict[str, Any]:
    """Of RunJobFlow."""
    keeps = plan.idle_seconds is not None
    names = [kind.name for kind in plan.kinds]
    family_sizes = [name.partition(".")[0] + ".xlarge" for name in names]
    fleets = [_fleet("MASTER", plan, family_sizes, 1),
              _fleet("CORE", plan, names, plan.nodes - plan.spot_nodes)]
    if plan.spot_nodes:
        fleets.append(_fleet("TASK", plan, names, 0, plan.spot_nodes))
    instances: dict[str, Any] = {"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": keeps,
                                 "TerminationProtected": False, "UnhealthyNodeReplacement": True}
    if settings.subnets:
        instances["Ec2SubnetIds"] = list(settings.subnets)
    tags = [POLICY_TAG, {"Key": "application", "Value": "verger"},
            {"Key": LIMIT_TAG, "Value": str(plan.limit_seconds)}]
    if plan.run:
        tags.append({"Key": RUN_TAG, "Value": plan.run.text})
    request: dict[str, Any] = {
        "Name": plan.name, "ReleaseLabel": settings.release,
        "LogUri": f"s3://{settings.need('bucket')}/logs/",
        "Applications": [{"Name": "Spark"}], "Instances": instances,
        "Configurations": configurations(plan),
        "ServiceRole": settings.need("service_role"),
        "JobFlowRole": settings.need("instance_profile"),
        "Tags": tags, "VisibleToAllUsers": True, "StepConcurrencyLevel": 1,
        # Logs stay in the customer's bucket; by default EMR keeps copies.
        "MonitoringConfiguration": {"S3LoggingConfiguration": {"LogTypeUploadPolicy": {
            "system-logs": "on-customer-s3only", "application-logs": "on-customer-s3only",
            "persistent-ui-logs": "disabled"}}}}
    if settings.security_configuration:
        request["SecurityConfiguration"] = settings.security_configuration
    if plan.run and plan.words:
        request["Steps"] = [step_request(plan.run, plan.words, ends_cluster=not keeps)]
    if keeps:
        request["AutoTerminationPolicy"] = {"IdleTimeout": plan.idle_seconds}
    return request


# --- Launch, once ----------------------------------------------------------------


def launch(aws: Aws, request: dict[str, Any], now: Callable[[], datetime],
           sleep: Callable[[float], None]) -> str:
    """The id of the cluster. RunJobFlow has no client token, so it is sent once; where the
    answer is lost the cluster is looked for by its name. Raises Refused, or Interrupted which
    says what runs."""
    began = now() - timedelta(minutes=15)  # clocks differ, and the name is unique
    client = aws.client("emr", once=True)
    for patience in (5, 15, 30, 60, None):
        try:
            return str(client.run_job_flow(**request)["JobFlowId"])
        except KeyboardInterrupt:
            found = look_for(aws, request["Name"], began, now, sleep, seconds=30)
            raise Interrupted(_of_interrupted_launch(request["Name"], found)) from None
        except (BotoCoreError, ClientError) as error:
            if is_throttled(error) and patience is not None:
                sleep(patience)
                continue
            if not is_unclear(error):
                with told(aws, "launch the cluster"):
                    raise
            found = look_for(aws, request["Name"], began, now, sleep)
            if found:
                return found
            raise Refused(f"AWS gave no answer to the launch of {request['Name']} ({error}), and "
                          "for two minutes no cluster of that name was seen",
                          "verger-emr list, before you run again") from error
    raise AssertionError("the last attempt returns or raises")


def _of_interrupted_launch(name: str, found: Optional[str]) -> str:
    if found:
        return (f"interrupted while {name} was launched; it runs as {found} and ends by itself: "
                f"verger-emr watch or stop {name.removeprefix('verger-')}")
    return (f"interrupted while {name} was launched; no cluster of that name was seen, and one "
            "would end by itself: verger-emr list")


def look_for(aws: Aws, name: str, since: datetime, now: Callable[[], datetime],
             sleep: Callable[[float], None], seconds: float = LOOK_SECONDS) -> Optional[str]:
    """The cluster of that name, if it appears in time: lists lag behind launches."""
    deadline = now() + timedelta(seconds=seconds)
    while True:
        try:
            for row in list_clusters(aws, since):
                if row["Name"] == name:
                    return str(row["Id"])
        except Refused:
            pass  # the network may be what is gone
        if now() >= deadline:
            return None
        sleep(LOOK_AGAIN)


def list_clusters(aws: Aws, since: Optional[datetime] = None,
                  states: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The newest first."""
    words: dict[str, Any] = {"ClusterStates": list(states)} if states else {}
    if since:
        words["CreatedAfter"] = since
    with told(aws, "list clusters"):
        yield from aws.pages("emr", "list_clusters", "Clusters", **words)


def terminate(aws: Aws, cluster: str) -> None:
    """Asks for its end; that takes minutes (runs.py waits)."""
    with told(aws, f"end {cluster}"):
        answer = aws.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        if answer.get("TerminationProtected"):
            raise Refused(f"{cluster} is protected from termination, which this tool never does",
                          "aws emr modify-cluster-attributes --no-termination-protected "
                          f"--cluster-id {cluster}")
        aws.emr.terminate_job_flows(JobFlowIds=[cluster])


def cancel_step(aws: Aws, cluster: str, step: str) -> None:
    """Of a cluster that is kept."""
    with told(aws, f"stop {step}"):
        aws.emr.cancel_steps(ClusterId=cluster, StepIds=[step],
                             StepCancellationOption="TERMINATE_PROCESS")


# --- Clusters that are kept --------------------------------------------------------


def look_at_kept(aws: Aws, cluster: str) -> tuple[InstanceKind, int, int]:
    """Type and number of its workers, and the longest that a job on it may take. Raises
    CheckFailed where it takes no steps."""
    with told(aws, f"look at {cluster}"):
        found = aws.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        rows = [row for row in aws.pages("emr", "list_instances", "Instances", ClusterId=cluster,
                                         InstanceStates=["RUNNING"])]
    state = found["Status"]["State"]
    if state not in ("RUNNING", "WAITING") or found.get("AutoTerminate", True):
        raise CheckFailed(f"{cluster} is {state} and takes no jobs", "verger-emr cluster create")
    kinds = supported_kinds(aws, found["ReleaseLabel"])
    workers = [kinds[row["InstanceType"]] for row in rows][1:]  # less the primary node
    if not workers:
        raise CheckFailed(f"{cluster} has no workers yet", "the same command in a minute")
    limit = next((int(tag["Value"]) for tag in found.get("Tags", []) if tag["Key"] == LIMIT_TAG),
                 7200)
    return min(workers, key=lambda kind: (kind.vcpus, kind.memory_gb)), len(workers), limit


def add_step(aws: Aws, cluster: str, run: RunId, words: Sequence[str]) -> str:
    """The id of the step. AddJobFlowSteps has no client token, so it is sent once."""
    request = step_request(run, words, ends_cluster=False)
    try:
        answer = aws.client("emr", once=True).add_job_flow_steps(JobFlowId=cluster, Steps=[request])
        return str(answer["StepIds"][0])
    except (BotoCoreError, ClientError) as error:
        if not is_unclear(error):
            with told(aws, "add the step"):
                raise
    with told(aws, "look for the step"):
        for step in aws.pages("emr", "list_steps", "Steps", ClusterId=cluster):
            if step["Name"] == request["Name"]:
                return str(step["Id"])
    raise Refused(f"AWS gave no answer to the step {run}, and {cluster} has none of that name",
                  "verger-emr list, before you run again")
