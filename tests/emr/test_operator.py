"""The operator's policy, against a whole life: all that the commands ask for and no more."""

import re

import boto3
import pytest
import world as worlds
from conftest import BUCKET, CLIENTS, ROOT
from test_account import ready  # noqa: F401

TEMPLATE = (ROOT / "python/verger/emr/account.yaml").read_text()
# Operations whose IAM action has another name (docs.aws.amazon.com/service-authorization).
ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket", "s3:HeadBucket": "s3:ListBucket",
           "s3:HeadObject": "s3:GetObject", "s3:DeleteObjects": "s3:DeleteObject",
           "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
           "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
           "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
           "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
           "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads"}
PREFIXES = {"emr": "elasticmapreduce", "service-quotas": "servicequotas"}
# What a call needs beside its own action, and what is asked for when things go wrong.
BESIDE = {"iam:PassRole", "elasticmapreduce:AddTags", "emr-serverless:TagResource",
          "emr-serverless:StartApplication", "s3:GetBucketLocation"}
# Behind a key of KMS.
OF_KEYS = {"kms:Decrypt", "kms:GenerateDataKey"}


def allowed():
    policy = TEMPLATE[TEMPLATE.index("  OperatorPolicy:"):TEMPLATE.index("  Budget:\n")]
    found = re.findall(r"\b([a-z0-9-]+:[A-Z]\w+)", policy)
    return {action for action in found if action not in (
        "aws:RequestedRegion", "iam:PassedToService")}


def action_of(model):
    name = PREFIXES.get(model.service_model.service_name, model.service_model.service_name)
    action = f"{name}:{model.name}"
    return ACTIONS.get(action, action)


@pytest.fixture
def asked(monkeypatch):
    """Actions that the tool's own clients ask for."""
    from verger.emr.aws import Aws
    found = set()
    make = Aws.client

    def client(self, service, **words):
        made = make(self, service, **words)
        made.meta.events.register("before-call.*.*", note, unique_id="asked")
        return made

    def note(model, **_):
        found.add(action_of(model))

    monkeypatch.setattr(Aws, "client", client)
    yield found
    CLIENTS.clear()


def live(account, world):
    """Everything but setup, which is an administrator's."""
    (account.folder / "weights.safetensors").write_bytes(b"newer weights")
    account.call("upload")
    account.call("verify", "--mode", "mini")
    ec2 = boto3.client("ec2", region_name="eu-west-1")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    account.call("verify", "--on", "ec2", "--mode", "mini", "--config", with_subnet(account, subnet),
                 status=3)
    account.call("run", "mini", "--on", "ec2", "--yes")
    account.call("run", "mini", "--yes")
    for words in (["list"], ["status"], ["logs", "--errors"], ["download"], ["cost", "last"]):
        account.call(*words)
    world.lives = [worlds.Life(work=5000)] * 2
    for on in ("ec2", "serverless"):
        account.call("run", "mini", "--on", on, "--yes", "--detach")
        world.sleep(400)
        account.call("stop", "last", "--yes")
    identity = account.call("cluster", "create", "--yes", "--json").json["cluster"]
    world.sleep(400)
    world.lives = [worlds.Life(work=5000)]
    account.call("cluster", "submit", identity, "mini", "--detach")
    world.sleep(60)
    account.call("stop", "last", "--yes")
    account.call("stop", identity, "--yes")
    account.s3.create_multipart_upload(Bucket=BUCKET, Key="output/part")
    account.call("clean", "--all", "--confirm", BUCKET)


def with_subnet(account, subnet):
    path = account.folder / "with-subnet.toml"
    path.write_text((account.folder / "verger-emr.toml").read_text() + f'subnets = ["{subnet}"]\n')
    return path


def test_all_that_the_commands_ask_for_and_no_more(ready, world, asked):  # noqa: F811
    live(ready, world)
    missing = asked - allowed()
    assert not missing, f"the operator's policy lacks {sorted(missing)}"
    unused = allowed() - asked - BESIDE - OF_KEYS
    assert not unused, f"nobody asks for {sorted(unused)}"
