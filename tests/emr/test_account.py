"""setup, verify, upload, clean: what lives for months."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import boto3
import pytest
from conftest import BUCKET, REGION, ROOT
from verger.emr import account as account_room
from verger.emr import checks

from verger.regions import EU_REGIONS

TEMPLATE = ROOT / "python/verger/emr/account.yaml"


# --- The template ------------------------------------------------------------------------


def test_the_template_is_sound():
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), "-r", REGION, "--", TEMPLATE],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_its_regions_are_those_of_the_union():
    default = re.search(r"AllowedRegions:.*?Default: (\S+)", TEMPLATE.read_text(), re.S)[1]
    assert tuple(default.split(",")) == EU_REGIONS


def test_its_outputs_are_settings():
    from verger.emr.settings import FIELDS
    outputs = set(re.findall(r"^  (\w+): \{", TEMPLATE.read_text().split("Outputs:")[1], re.M))
    assert outputs - {"Operator"} == set(account_room.OUTPUTS)
    assert set(account_room.OUTPUTS.values()) <= set(FIELDS)


def test_what_it_promises():
    text = TEMPLATE.read_text()
    for promise in ("DeletionPolicy: Retain", "BlockPublicAcls: true", "aws:SecureTransport",
                    "AmazonEMRServicePolicy_v2", "aws:RequestedRegion", "aws:SourceArn",
                    "ManagedPersistenceMonitoringConfiguration: {Enabled: false}",
                    "MinimumInstanceMetadataServiceVersion: 2"):
        assert promise in text, promise
    assert "arn:aws" not in text
    assert not re.search(r"Action: (\"\*\"|\[?\"?s3:\*)(?!.*Deny)", text.replace(
        'Action: "s3:*"', "", 1)), "one statement alone has a star, and it denies"


# --- setup ---------------------------------------------------------------------------------


def test_setup_shows_asks_makes_and_remembers(account, tmp_path):
    (tmp_path / "verger-emr.toml").unlink()
    assert "--yes" in account.call("setup", "--bucket", "a-new-bucket", status=2).err
    said = account.call("setup", "--bucket", "a-new-bucket", "--yes")
    assert re.search(r"Add\s+AWS::IAM::Role\s+ServiceRole", said.out)
    text = (tmp_path / "verger-emr.toml").read_text()
    assert 'bucket = "a-new-bucket"' in text and "job_role" in text and "service_role" in text
    assert "secret" not in text.lower()
    assert boto3.client("s3", region_name=REGION).head_bucket(Bucket="a-new-bucket")


def test_setup_again_keeps_what_was_chosen(account, tmp_path):
    account.call("setup", "--bucket", "a-new-bucket", "--vcpus", "32", "--yes")
    request = account.call("setup", "--input-bucket", "images-of-ours", "--dry-run",
                           "--json").json["requests"][0]["parameters"]
    given = {row.pop("ParameterKey"): row for row in request["Parameters"]}
    assert request["ChangeSetType"] == "UPDATE"
    assert given["InputBucket"] == {"ParameterValue": "images-of-ours"}
    assert given["MaximumVcpus"] == {"UsePreviousValue": True}


def test_setup_that_is_refused_leaves_nothing(account, tmp_path, monkeypatch):
    from verger.emr.console import Console
    monkeypatch.setattr(Console, "agree", lambda self, question: False)
    account.call("setup", "--bucket", "a-new-bucket", status=3)
    stacks = boto3.client("cloudformation", region_name=REGION).describe_stacks()["Stacks"]
    assert [stack["StackStatus"] for stack in stacks if stack["StackName"] == "verger"
            and stack["StackStatus"] != "REVIEW_IN_PROGRESS"] == []


def test_setup_without_a_bucket(account, tmp_path):
    (tmp_path / "verger-emr.toml").unlink()
    assert "--bucket NAME" in account.call("setup", status=2).err


def test_a_budget_needs_somebody(account):
    assert "--mail" in account.call("setup", "--bucket", "b-b-b", "--budget", "3", status=2).err


def test_the_template_alone(account):
    assert account.call("setup", "--template").out == TEMPLATE.read_text()


def test_delete_wants_the_name(account):
    account.call("setup", "--bucket", "a-new-bucket", "--yes")
    account.call("setup", "--delete", "--yes", status=2)  # --yes is not enough
    account.call("setup", "--delete", "--confirm", "wrong", status=3)
    said = account.call("setup", "--delete", "--confirm", "verger")
    assert "stays" in said.out
    assert "there is no stack" in account.call("setup", "--delete", "--confirm", "verger",
                                               status=3).err


# --- verify ----------------------------------------------------------------------------------


@pytest.fixture
def ready(account, monkeypatch):
    """An account in which every check can be good."""
    account.call("setup", "--bucket", "a-new-bucket", "--yes")
    made = tomllib.loads((account.folder / "verger-emr.toml").read_text())
    account.settings(**{name: made[name] for name in ("stack", "service_role", "instance_profile",
                                                      "job_role")})
    s3 = account.s3
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={
        name: True for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                "RestrictPublicBuckets")})
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy='{"Version": "2012-10-17", "Statement": [{"Effect": '
                         '"Deny", "Principal": "*", "Action": "s3:PutObjectAcl", "Resource": "*", "Condition": '
                         '{"Bool": {"aws:SecureTransport": "false"}}}]}')
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [
        {"ID": "uploads", "Status": "Enabled", "Filter": {"Prefix": ""},
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]})
    boto3.client("emr", region_name=REGION).put_block_public_access_configuration(
        BlockPublicAccessConfiguration={"BlockPublicSecurityGroupRules": True})
    account.call("upload")
    return account


def finding(account, name, *words, status=3):
    found = account.call("verify", "--mode", "mini", "--json", *words, status=status).events
    checked = next(event for event in found if "checks" in event)["checks"]
    return next(check for check in checked if check["name"] == name)


@pytest.mark.parametrize("on", ["serverless", "ec2"])
def test_all_is_well(ready, on):
    said = ready.call("verify", "--on", on, "--mode", "mini")
    assert "none failed" in said.out and "✗" not in said.out
    assert len(re.findall("^[✓?]", said.out, re.M)) >= 17


def break_public_access(account):
    account.s3.delete_public_access_block(Bucket=BUCKET)


def break_encryption(account):
    account.s3.delete_bucket_encryption(Bucket=BUCKET)


def break_tls(account):
    account.s3.delete_bucket_policy(Bucket=BUCKET)


def break_uploads(account):
    account.s3.delete_bucket_lifecycle(Bucket=BUCKET)


def break_artifacts(account):
    (account.folder / "weights.safetensors").write_bytes(b"others")


def break_images(account):
    for key in account.keys("raw/"):
        account.s3.delete_object(Bucket=BUCKET, Key=key)


def break_bucket(account):
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="abroad")
    account.settings(bucket="abroad")


def break_application(account):
    account.settings(application="00absent")


def break_stack(account):
    account.settings(stack="absent")


BREAKS = [("public access", break_public_access, "put-public-access-block"),
          ("encryption", break_encryption, "setup"), ("TLS", break_tls, "setup"),
          ("unfinished uploads", break_uploads, "setup"), ("artifacts", break_artifacts, "upload"),
          ("images", break_images, "upload --data"), ("bucket", break_bucket, "--region"),
          ("application", break_application, ""), ("stack", break_stack, "setup --bucket")]


@pytest.mark.parametrize("name, damage, remedy", BREAKS, ids=lambda value: value if isinstance(
    value, str) else "")
def test_a_check_that_fails_says_what_mends_it(ready, name, damage, remedy):
    damage(ready)
    found = finding(ready, name)
    assert found["ok"] is False and remedy in found["remedy"]


def test_a_subnet_without_the_tag(ready):
    ec2 = boto3.client("ec2", region_name=REGION)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ready.settings(subnets=[subnet])
    found = finding(ready, "subnets", "--on", "ec2")
    assert found["ok"] is False and f"aws ec2 create-tags --resources {subnet}" in found["remedy"]
    ec2.create_tags(Resources=[subnet], Tags=[
        {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}])
    assert finding(ready, "subnets", "--on", "ec2")["ok"] is True


@pytest.mark.parametrize("words, name", [(("--type", "m7g.nano"), "instance type"),
                                         (("--release", "emr-spark-8.0.0"), "release")])
def test_what_emr_does_not_offer(ready, words, name):
    assert finding(ready, name, "--on", "ec2", *words)["ok"] is False


@pytest.mark.parametrize("quota, ok", [(20, True), (8, False)])
def test_quotas(ready, monkeypatch, quota, ok):
    from verger.emr.aws import Aws
    client = Aws.client

    class Quotas:
        def get_service_quota(self, ServiceCode, QuotaCode):
            return {"Quota": {"Value": float(quota)}}

    monkeypatch.setattr(Aws, "client", lambda self, service, **words: (
        Quotas() if service == "service-quotas" else client(self, service, **words)))
    found = finding(ready, "vCPUs of EC2", "--on", "ec2", "--nodes", "4", status=0 if ok else 3)
    assert found["ok"] is ok and f"of {quota} vCPU" in found["found"] or "allowed" in found["found"]


def test_replication_is_looked_at(ready):
    ready.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="elsewhere")
    boto3.client("s3", region_name="us-east-1").put_bucket_versioning(
        Bucket="elsewhere", VersioningConfiguration={"Status": "Enabled"})
    ready.s3.put_bucket_replication(Bucket=BUCKET, ReplicationConfiguration={
        "Role": "arn:aws:iam::1:role/x", "Rules": [{"ID": "1", "Status": "Enabled", "Prefix": "",
                                                   "Destination": {"Bucket": "arn:aws:s3:::elsewhere"}}]})
    found = finding(ready, "replication", status=0)
    assert found["ok"] is None and "elsewhere" in found["found"]


def test_no_credentials(account, monkeypatch):
    monkeypatch.setattr(checks, "credentials", lambda place: checks.bad("no", "aws configure sso"))
    monkeypatch.setitem(checks.__dict__, "BOTH", [("credentials", checks.credentials)])
    assert "aws configure sso" in account.call("verify", status=3).out


# --- upload ------------------------------------------------------------------------------------


def images_below(folder, number=5):
    for name in range(number):
        path = folder / f"Training/Pear {name % 2}/{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8" + bytes([name]))
    (folder / "readme.md").write_text("no image")
    (folder / ".hidden.jpg").write_text("no image either")


def test_images_are_sent_once(account, tmp_path):
    images_below(tmp_path / "fruits")
    first = account.call("upload", "--data", "fruits", "--json").events[-1]["images"]
    assert (first["sent"], first["known"], first["left_out"]) == (5, 0, 1)
    second = account.call("upload", "--data", "fruits", "--json").events[-1]["images"]
    assert (second["sent"], second["known"]) == (0, 5)
    assert f"raw/Training/Pear 1/1.jpg" in account.keys("raw/")


def test_an_upload_that_was_broken_off_goes_on(account, tmp_path):
    images_below(tmp_path / "fruits")
    account.call("upload", "--data", "fruits")
    account.s3.delete_object(Bucket=BUCKET, Key="raw/Training/Pear 0/2.jpg")
    (tmp_path / "fruits/Training/Pear 0/4.jpg").write_bytes(b"another size")
    again = account.call("upload", "--data", "fruits", "--json").events[-1]["images"]
    assert again["sent"] == 2


def test_a_link_that_leaves_the_folder_is_not_followed(account, tmp_path):
    images_below(tmp_path / "fruits")
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "fruits/Training/Pear 0/link.jpg").symlink_to(tmp_path / "secret.jpg")
    account.call("upload", "--data", "fruits")
    assert not [key for key in account.keys("raw/") if "link" in key]


def test_a_folder_without_training(account, tmp_path):
    images_below(tmp_path / "fruits")
    said = account.call("upload", "--data", "fruits/Training", status=2)
    assert "name the folder above" in said.err


@pytest.mark.parametrize("damage, message", [
    (lambda folder: (folder / "verger-emr.tar.gz").unlink(), "make emr-archive"),
    (lambda folder: (folder / "verger-emr.tar.gz").write_bytes(b"x"), "is no archive"),
    (lambda folder: (folder / "weights.safetensors").unlink(), "verger model fetch")])
def test_what_is_missing_here(account, tmp_path, damage, message):
    damage(tmp_path)
    said = account.call("upload", status=2 if "fetch" in message else 3)
    assert message in said.err and not account.keys("artifacts/")


def test_an_artifact_that_is_not_what_it_says_is_sent_again(account):
    account.call("upload")
    key = next(key for key in account.keys("artifacts/") if key.endswith(".safetensors"))
    account.s3.put_object(Bucket=BUCKET, Key=key, Body=b"WEIGHTS")
    assert account.call("upload", "--json").events[-1]["model"]["sent"] is True


# --- clean ----------------------------------------------------------------------------------------


@pytest.fixture
def full(account):
    account.call("run", "mini", "--yes", "--no-download")
    account.put_log(f"s3://{BUCKET}/logs/x/stderr", "text")
    return account


def test_clean_takes_what_it_names(full):
    full.call("clean", "--logs", status=2)
    assert "logs" in full.call("clean", "--logs", "--yes").out
    assert not full.keys("logs/") and full.keys("artifacts/")
    full.call("clean", "--artifacts", "--yes")
    assert not full.keys("artifacts/") and full.keys("output/") and full.keys("raw/")


def test_tables_go_only_by_name(full):
    run = full.call("list", "--json").json["runs"][0]["run"]
    full.call("clean", "--outputs", run, "--yes", status=2)  # no terminal, and --yes is not enough
    full.call("clean", "--outputs", run, "--confirm", "yes", status=3)
    assert full.keys("output/")
    full.call("clean", "--outputs", run, "--confirm", run)
    assert not full.keys("output/") and full.keys("raw/")


def test_clean_all_leaves_the_images(full):
    upload = full.s3.create_multipart_upload(Bucket=BUCKET, Key="output/part")["UploadId"]
    said = full.call("clean", "--all", "--confirm", BUCKET, "--json").json
    assert said["uploads"] == 1 and upload
    assert {key.partition("/")[0] for key in full.keys()} == {"raw"}
    assert "Uploads" not in full.s3.list_multipart_uploads(Bucket=BUCKET)


def test_clean_of_nothing(account):
    account.call("clean", status=2)
