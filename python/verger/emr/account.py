"""setup: what lives for months, by a change set of CloudFormation that is shown first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import resources
from typing import Any, Callable, Mapping, Optional

from botocore.exceptions import ClientError

from verger.emr.aws import Aws, code_of, told
from verger.emr.outcomes import Refused

POLL_SECONDS = 5
LIMIT_SECONDS = 1800
# Outputs of the template, and the settings that they become.
OUTPUTS = {"Bucket": "bucket", "Release": "release", "ServiceRole": "service_role",
           "InstanceProfile": "instance_profile", "SecurityConfiguration": "security_configuration",
           "JobRole": "job_role", "Application": "application", "Arch": "arch"}
BROKEN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS")


def template() -> str:
    """The text of account.yaml."""
    return resources.files(__package__).joinpath("account.yaml").read_text()


@dataclass(frozen=True)
class Change:
    """One line of a change set."""

    action: str  # Add, Modify, Remove
    kind: str
    name: str
    replaces: bool


class Stack:
    """The stack of this account and region, made or not."""

    def __init__(self, aws: Aws, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.aws, self.name, self.sleep = aws, name, sleep
        self.client = aws.client("cloudformation")

    def find(self) -> Optional[dict[str, Any]]:
        """What CloudFormation says of it, or None."""
        with told(self.aws, f"look for the stack {self.name}"):
            try:
                return dict(self.client.describe_stacks(StackName=self.name)["Stacks"][0])
            except ClientError as error:
                if code_of(error) == "ValidationError":
                    return None
                raise

    def outputs(self) -> dict[str, str]:
        """The settings that it gives."""
        stack = self.find() or {}
        values = {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}
        settings = {OUTPUTS[key]: value for key, value in values.items() if key in OUTPUTS}
        if "arch" in settings:
            settings["arch"] = settings["arch"].lower()
        return settings

    def propose(self, parameters: Mapping[str, str], change_set: str) -> list[Change]:
        """Makes a change set and waits for what it would do; nothing is changed yet."""
        stack = self.find()
        is_new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        if stack and not is_new and stack["StackStatus"] in BROKEN:
            raise Refused(f"the stack {self.name} is {stack['StackStatus']}: it cannot be changed",
                          "verger-emr setup --delete, then setup again")
        given: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": value}
                                       for key, value in parameters.items()]
        if not is_new and stack:
            given += [{"ParameterKey": row["ParameterKey"], "UsePreviousValue": True}
                      for row in stack.get("Parameters", [])
                      if row["ParameterKey"] not in parameters]
        with told(self.aws, "ask for a change set"):
            self.client.create_change_set(
                StackName=self.name, ChangeSetName=change_set, TemplateBody=template(),
                ChangeSetType="CREATE" if is_new else "UPDATE", Parameters=given,
                Capabilities=["CAPABILITY_IAM"], Tags=[{"Key": "application", "Value": "verger"}])
            if self.aws.is_dry:
                return []
            answer = self._wait_for(lambda: self.client.describe_change_set(
                StackName=self.name, ChangeSetName=change_set),
                lambda a: a["Status"] in ("CREATE_COMPLETE", "FAILED"))
        if answer["Status"] == "FAILED":
            reason = answer.get("StatusReason", "")
            if "No updates" in reason or "didn't contain changes" in reason:
                return []
            raise Refused(f"CloudFormation refuses the change set: {reason}")
        return [Change(row["Action"], row["ResourceType"], row["LogicalResourceId"],
                       row.get("Replacement") in ("True", "Conditional"))
                for row in (item["ResourceChange"] for item in answer["Changes"])]

    def drop(self, change_set: str) -> None:
        """Of a change set that nobody wants, and the empty stack that it may have made."""
        with told(self.aws, "delete the change set"):
            self.client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        stack = self.find()
        if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            with told(self.aws, "delete the empty stack"):
                self.client.delete_stack(StackName=self.name)

    def execute(self, change_set: str) -> None:
        """Carries a change set out and waits for its end. Raises Refused with the reason of the
        first resource that failed."""
        with told(self.aws, "change the stack"):
            self.client.execute_change_set(StackName=self.name, ChangeSetName=change_set)
            if self.aws.is_dry:
                return
            answer = self._wait_for(
                lambda: self.client.describe_stacks(StackName=self.name)["Stacks"][0],
                lambda a: not a["StackStatus"].endswith("_IN_PROGRESS"))
        if answer["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise Refused(f"the stack {self.name} ended as {answer['StackStatus']}: "
                          f"{self._first_failure()}")

    def delete(self) -> None:
        """All of it but the bucket and its policy, which are kept; waits for its end."""
        with told(self.aws, f"delete the stack {self.name}"):
            self.client.delete_stack(StackName=self.name)
        if self.aws.is_dry:
            return
        answer = self._wait_for(lambda: self.find() or {"StackStatus": "DELETE_COMPLETE"},
                                lambda a: not a["StackStatus"].endswith("_IN_PROGRESS"))
        if answer["StackStatus"] != "DELETE_COMPLETE":
            raise Refused(f"the stack {self.name} ended as {answer['StackStatus']}: "
                          f"{self._first_failure()}", "verger-emr setup --delete")

    def _wait_for(self, ask: Callable[[], Any], is_over: Callable[[Any], bool]) -> Any:
        for _ in range(LIMIT_SECONDS // POLL_SECONDS):
            answer = ask()
            if is_over(answer):
                return answer
            self.sleep(POLL_SECONDS)
        raise Refused(f"the stack {self.name} is not ready after {LIMIT_SECONDS // 60} minutes",
                      f"aws cloudformation describe-stack-events --stack-name {self.name}")

    def _first_failure(self) -> str:
        """CloudFormation tells the newest first; the oldest failure is the cause."""
        with told(self.aws, "read the stack's events"):
            events = list(self.aws.pages("cloudformation", "describe_stack_events", "StackEvents",
                                         StackName=self.name))
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")
                  and "cancelled" not in event.get("ResourceStatusReason", "").lower()]
        if not failed:
            return "no event says why"
        first = failed[-1]
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', '')}"
