"""verify: what has to be so before a run is paid for; a function a check, each with the one
command that mends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Iterator, Optional

from botocore.exceptions import ClientError

from verger.emr import cluster as clusters
from verger.emr import serverless
from verger.emr.artifacts import is_uploaded, local_artifacts
from verger.emr.aws import Aws, code_of, told
from verger.emr.cluster import POLICY_TAG, InstanceKind
from verger.emr.console import bytes_text
from verger.emr.images_in import count_images
from verger.emr.outcomes import Outcome
from verger.emr.settings import Settings, split_address
from verger.emr.spark_words import SERVERLESS_VCPUS
from verger.regions import EU_REGIONS

CLOCK_SECONDS = 240  # AWS refuses signatures that are five minutes off
# Of Service Quotas: vCPUs at a time. Looked up in the list of EMR Serverless; those of EC2 are
# for standard instances (A, C, D, H, I, M, R, T, Z), on demand and on Spot.
QUOTAS = {"serverless": ("emr-serverless", "L-D05C8A75"), "ec2": ("ec2", "L-1216C47A"),
          "spot": ("ec2", "L-34B43A08")}


@dataclass(frozen=True)
class Finding:
    """Of one check. `ok` is None where nobody can tell."""

    name: str
    ok: Optional[bool]
    found: str
    remedy: str = ""

    @property
    def mark(self) -> str:
        return {True: "✓", False: "✗", None: "?"}[self.ok]


@dataclass
class Place:
    """What the checks look at."""

    aws: Aws
    settings: Settings
    on: str
    mode: str = "full"
    spot: bool = False

    @property
    def bucket(self) -> str:
        return self.settings.need("bucket")


def good(found: str) -> tuple[Optional[bool], str, str]:
    return True, found, ""


def bad(found: str, remedy: str) -> tuple[Optional[bool], str, str]:
    return False, found, remedy


def unknown(found: str, remedy: str = "") -> tuple[Optional[bool], str, str]:
    return None, found, remedy


Result = tuple[Optional[bool], str, str]

# --- Who and where ----------------------------------------------------------------


def credentials(place: Place) -> Result:
    with told(place.aws, "ask who you are"):
        who = place.aws.client("sts").get_caller_identity()
    return good(who["Arn"])


def clock(place: Place) -> Result:
    with told(place.aws, "ask for the time"):
        answer = place.aws.client("sts").get_caller_identity()
    text = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not text:
        return unknown("AWS did not tell the time")
    off = abs((parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    if off > CLOCK_SECONDS:
        return bad(f"{off:.0f} s off AWS's: signatures will be refused",
                   "sudo timedatectl set-ntp true")
    return good(f"{off:.0f} s off AWS's")


def region(place: Place) -> Result:
    name = place.settings.region
    if name in EU_REGIONS:
        return good(f"{name}, in the European Union")
    return good(f"{name}, allowed by name")


def stack(place: Place) -> Result:
    from verger.emr.account import Stack
    found = Stack(place.aws, place.settings.stack).find()
    if found is None:
        return bad(f"there is no stack {place.settings.stack}", "verger-emr setup --bucket NAME")
    status = found["StackStatus"]
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return bad(f"{place.settings.stack} is {status}", "verger-emr setup")
    return good(f"{place.settings.stack} is {status}")


# --- The bucket --------------------------------------------------------------------


def bucket(place: Place) -> Result:
    try:
        answer = place.aws.s3.head_bucket(Bucket=place.bucket)
    except ClientError as error:
        if code_of(error) in ("404", "NoSuchBucket"):
            return bad(f"there is no bucket {place.bucket}",
                       f"verger-emr setup --bucket {place.bucket}")
        return bad(f"{place.bucket}: {code_of(error)}", "verger-emr setup; is the bucket yours?")
    where = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get(
        "x-amz-bucket-region", "")
    if where != place.settings.region:
        return bad(f"{place.bucket} is in {where or 'nobody says which region'}",
                   f"--region {where}, or another bucket: jobs read at the region's price")
    return good(f"{place.bucket} in {where}")


def public_access(place: Place) -> Result:
    try:
        with_block = place.aws.s3.get_public_access_block(Bucket=place.bucket)
        settings = with_block["PublicAccessBlockConfiguration"]
    except ClientError as error:
        return _of_denied(error, "nothing blocks public access", (
            f"aws s3api put-public-access-block --bucket {place.bucket} "
            "--public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,"
            "BlockPublicPolicy=true,RestrictPublicBuckets=true"))
    if not all(settings.values()):
        return bad("public access is not blocked in full", "verger-emr setup")
    return good("blocked")


def encryption(place: Place) -> Result:
    try:
        rules = place.aws.s3.get_bucket_encryption(Bucket=place.bucket)[
            "ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        return _of_denied(error, "no encryption by default", "verger-emr setup")
    return good(rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])


def replication(place: Place) -> Result:
    """A rule may copy what is written into another region."""
    try:
        rules = place.aws.s3.get_bucket_replication(Bucket=place.bucket)[
            "ReplicationConfiguration"]["Rules"]
    except ClientError as error:
        if code_of(error) == "ReplicationConfigurationNotFoundError":
            return good("none")
        return _of_denied(error, "", "")
    targets = {rule["Destination"]["Bucket"].rpartition(":")[2] for rule in rules
               if rule["Status"] == "Enabled"}
    if targets:
        return unknown(f"copies go to {', '.join(sorted(targets))}: are they in the EU?",
                       f"aws s3api get-bucket-location --bucket {min(targets)}")
    return good("none that is enabled")


def tls(place: Place) -> Result:
    try:
        policy = json.loads(place.aws.s3.get_bucket_policy(Bucket=place.bucket)["Policy"])
    except ClientError as error:
        return _of_denied(error, "no policy asks for TLS", "verger-emr setup")
    asks = any(statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(statement)
               for statement in policy["Statement"])
    return good("asked for") if asks else bad("no policy asks for TLS", "verger-emr setup")


def lifecycle(place: Place) -> Result:
    try:
        rules = place.aws.s3.get_bucket_lifecycle_configuration(Bucket=place.bucket)["Rules"]
    except ClientError as error:
        return _of_denied(error, "unfinished uploads would stay for ever", "verger-emr setup")
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        return bad("unfinished uploads would stay for ever", "verger-emr setup")
    return good("unfinished uploads go by themselves")


def _of_denied(error: ClientError, absent: str, remedy: str) -> Result:
    if code_of(error) in ("AccessDenied", "403"):
        return unknown("you may not look",
                       "attach the policy that the stack's output Operator names")
    return bad(absent, remedy) if absent else unknown(code_of(error))


# --- What a run reads -----------------------------------------------------------------


def images(place: Place) -> Result:
    found = count_images(place.aws, place.settings.input_address, place.mode)
    return good(f"{found.number:,} images, {bytes_text(found.bytes)}, "
                f"below {place.settings.input_address}")


def input_region(place: Place) -> Result:
    name, _ = split_address(place.settings.input_address)
    if name == place.bucket:
        return good("the same bucket")
    with told(place.aws, f"ask where {name} is"):
        answer = place.aws.s3.head_bucket(Bucket=name)
    where = answer.get("BucketRegion", "")
    if where != place.settings.region:
        return bad(f"{name} is in {where}: each image would be paid for and slow",
                   f"take a bucket in {place.settings.region}")
    return good(f"{name} in {where}")


def artifacts(place: Place) -> Result:
    found = local_artifacts(place.settings)
    absent = [item.kind for item in found.all
              if not is_uploaded(place.aws, place.bucket, item)]
    if absent:
        return bad(f"not in the bucket as they are here: {', '.join(absent)}", "verger-emr upload")
    return good(", ".join(f"{item.kind} {item.sha256[:12]}" for item in found.all))


# --- Serverless ------------------------------------------------------------------------


def application(place: Place) -> Result:
    found = serverless.application(place.aws, place.settings)
    if found["state"] == "TERMINATED":
        return bad("it is deleted", "verger-emr setup")
    clusters.check_release(found["releaseLabel"])
    most = found.get("maximumCapacity", {}).get("cpu", "no ceiling")
    return good(f"{found['state']}, {found['releaseLabel']}, "
                f"{found.get('architecture', place.settings.arch)}, at most {most}")


def application_logs(place: Place) -> Result:
    found = serverless.application(place.aws, place.settings)
    keeps = found.get("monitoringConfiguration", {}).get(
        "managedPersistenceMonitoringConfiguration", {}).get("enabled", True)
    if keeps:
        return unknown("AWS would keep copies of other jobs' logs; runs of this tool turn that off",
                       "verger-emr setup")
    return good("in your bucket alone")


def job_role(place: Place) -> Result:
    name = place.settings.need("job_role").rpartition("/")[2]
    return _role(place, name, "emr-serverless")


def serverless_quota(place: Place) -> Result:
    found = serverless.application(place.aws, place.settings)
    cpu = found.get("maximumCapacity", {}).get("cpu", "16").partition(" ")[0]
    return _quota(place, "serverless", int(float(cpu)), f"--nodes, in steps of {SERVERLESS_VCPUS}")


# --- EC2 --------------------------------------------------------------------------------


def release(place: Place) -> Result:
    label = place.settings.release
    clusters.check_release(label)
    with told(place.aws, "list releases"):
        labels = list(place.aws.emr.list_release_labels(
            Filters={"Prefix": "emr-7"}).get("ReleaseLabels", []))
    if label not in labels:
        return bad(f"{label} is not offered in {place.aws.region}",
                   f"--release {max(labels, default='emr-7.11.0')}")
    return good(f"{label}, which has Python 3.9")


def service_role(place: Place) -> Result:
    return _role(place, place.settings.need("service_role"), "elasticmapreduce")


def node_role(place: Place) -> Result:
    name = place.settings.need("instance_profile")
    with told(place.aws, f"look at {name}"):
        roles = place.aws.client("iam").get_instance_profile(InstanceProfileName=name)[
            "InstanceProfile"]["Roles"]
    if not roles:
        return bad(f"{name} holds no role", "verger-emr setup")
    return _role(place, roles[0]["RoleName"], "ec2")


def _role(place: Place, name: str, service: str) -> Result:
    with told(place.aws, f"look at the role {name}"):
        role = place.aws.client("iam").get_role(RoleName=name)["Role"]
    document = role["AssumeRolePolicyDocument"]
    text = document if isinstance(document, str) else json.dumps(document)
    if f"{service}.amazonaws" not in text:
        return bad(f"{name} may not be taken by {service}", "verger-emr setup")
    return good(name)


def subnets(place: Place) -> Result:
    """The managed policy of the service role asks for the tag on them, and on their VPC."""
    names = place.settings.subnets
    if not names:
        return unknown("none given: EMR takes the default VPC, whose subnets need the tag "
                       f"{POLICY_TAG['Key']}=true", 'subnets = ["subnet-..."] in verger-emr.toml')
    with told(place.aws, "look at the subnets"):
        rows = place.aws.client("ec2").describe_subnets(SubnetIds=list(names))["Subnets"]
    bare = [row["SubnetId"] for row in rows if POLICY_TAG not in row.get("Tags", [])]
    if bare:
        return bad(f"{', '.join(bare)} lack the tag", f"aws ec2 create-tags --resources "
                   f"{' '.join(bare)} --tags Key={POLICY_TAG['Key']},Value=true   (their VPC too)")
    few = [row["SubnetId"] for row in rows
           if row["AvailableIpAddressCount"] < place.settings.nodes + 1]
    if few:
        return bad(f"{', '.join(few)} have too few addresses left", "take other subnets")
    return good(", ".join(f"{row['SubnetId']} in {row['AvailabilityZone']}" for row in rows))


def _kind(place: Place) -> tuple[InstanceKind, ...]:
    return clusters.kinds_like(clusters.supported_kinds(place.aws, place.settings.release),
                               place.settings.type)


def instance_type(place: Place) -> Result:
    kinds = _kind(place)
    with told(place.aws, "ask for the zones"):
        rows = place.aws.client("ec2").describe_instance_type_offerings(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": [kinds[0].name]}])
    zones = sorted(row["Location"] for row in rows["InstanceTypeOfferings"])
    if not zones:
        return bad(f"{kinds[0].name} is in no zone of {place.aws.region}", "--type ANOTHER")
    others = ", ".join(kind.name for kind in kinds[1:]) or "nothing"
    return good(f"{kinds[0].name}: {kinds[0].vcpus} vCPU, {kinds[0].memory_gb:g} GB, in "
                f"{', '.join(zones)}; in its place {others}")


def ec2_quota(place: Place) -> Result:
    vcpus = _kind(place)[0].vcpus
    nodes = 2 if place.spot else place.settings.nodes + 1
    return _quota(place, "ec2", nodes * vcpus, "--nodes")


def spot_quota(place: Place) -> Result:
    if not place.spot:
        return good("not asked for")
    return _quota(place, "spot", (place.settings.nodes - 1) * _kind(place)[0].vcpus, "--nodes")


def no_public_clusters(place: Place) -> Result:
    with told(place.aws, "ask for EMR's block of public access"):
        answer = place.aws.emr.get_block_public_access_configuration()
    if not answer["BlockPublicAccessConfiguration"].get("BlockPublicSecurityGroupRules"):
        return bad("EMR would start clusters that are open to the world",
                   "aws emr put-block-public-access-configuration --block-public-access-"
                   "configuration BlockPublicSecurityGroupRules=true")
    return good("on")


def security_configuration(place: Place) -> Result:
    if not place.settings.security_configuration:
        return bad("none: instances would answer the old metadata service", "verger-emr setup")
    return good(place.settings.security_configuration)


def _quota(place: Place, kind: str, needed: int, flag: str) -> Result:
    service, code = QUOTAS[kind]
    try:
        quota = place.aws.client("service-quotas").get_service_quota(
            ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
    except ClientError as error:
        return unknown(f"the quota is not told ({code_of(error)}); {needed} vCPU are needed")
    if quota < needed:
        return bad(f"{needed} vCPU are needed and {quota:g} allowed",
                   f"fewer {flag}, or aws service-quotas request-service-quota-increase "
                   f"--service-code {service} --quota-code {code} --desired-value {needed}")
    return good(f"{needed} of {quota:g} vCPU")


# --- All ----------------------------------------------------------------------------------

Check = Callable[[Place], Result]
BOTH: list[tuple[str, Check]] = [
    ("credentials", credentials), ("clock", clock), ("region", region), ("stack", stack),
    ("bucket", bucket), ("public access", public_access), ("encryption", encryption),
    ("TLS", tls), ("replication", replication), ("unfinished uploads", lifecycle),
    ("images", images), ("region of the images", input_region), ("artifacts", artifacts)]
OF: dict[str, list[tuple[str, Check]]] = {
    "serverless": [("application", application), ("copies of logs", application_logs),
                   ("job's role", job_role), ("vCPUs of Serverless", serverless_quota)],
    "ec2": [("release", release), ("service role", service_role), ("nodes' role", node_role),
            ("subnets", subnets), ("instance type", instance_type), ("vCPUs of EC2", ec2_quota),
            ("vCPUs on Spot", spot_quota), ("open clusters", no_public_clusters),
            ("security configuration", security_configuration)]}


def verify(place: Place) -> Iterator[Finding]:
    """One finding a check. Where the credentials do not do, nothing else is asked."""
    for name, check in [*BOTH, *OF[place.on]]:
        finding = _run(place, name, check)
        yield finding
        if name == "credentials" and finding.ok is False:
            return


def _run(place: Place, name: str, check: Check) -> Finding:
    try:
        return Finding(name, *check(place))
    except Outcome as outcome:
        return Finding(name, False, outcome.message, outcome.remedy)
    except ClientError as error:
        return Finding(name, False, str(error), "")


def verdict(findings: list[Finding]) -> dict[str, Any]:
    """For programs."""
    return {"ok": all(finding.ok is not False for finding in findings),
            "checks": [vars(finding) for finding in findings]}
