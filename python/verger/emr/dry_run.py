"""--dry-run: requests that would change something are shown instead of sent.

botocore builds and validates a request against AWS's service model and then emits
`before-call`; an answer given there keeps it from the network. What is shown is so exactly
what would have been sent, and beside it the line of the AWS CLI that sends the same.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any, Callable, Optional

READS = re.compile(r"(List|Describe|Get|Head|Search|Simulate|Validate)")


@dataclass(frozen=True)
class Request:
    """One that was not sent."""

    service: str  # as the AWS CLI calls it
    operation: str
    parameters: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"service": self.service, "operation": self.operation,
                "parameters": _plain(self.parameters), "aws": self.cli()}

    def cli(self) -> str:
        """The line that does the same."""
        words = SPECIAL.get((self.service, self.operation), _generic)(self)
        return shlex.join(["aws", *words])


class _Answer:
    """Of the request that was not sent."""

    status_code = 200


class Recorder:
    """Catches the requests of the clients that it watches."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def watch(self, client: Any) -> None:
        events = client.meta.events
        events.register("provide-client-params.*.*", self._note)
        events.register("before-call.*.*", self._catch)

    def _note(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["verger"] = dict(params)

    def _catch(self, model: Any, context: dict[str, Any], **_: Any) -> Optional[tuple[Any, Any]]:
        if READS.match(model.name):
            return None
        service = {"EMR": "emr"}.get(model.service_model.service_id,
                                     model.service_model.service_name)
        self.requests.append(Request(service, model.name, context.get("verger", {})))
        return _Answer(), {"JobFlowId": "j-DRYRUN", "StepIds": ["s-DRYRUN"], "jobRunId": "dry-run",
                           "UploadId": "dry-run", "ETag": '"dry-run"', "Id": "dry-run",
                           "StackId": "dry-run", "ResponseMetadata": {"HTTPStatusCode": 200}}


def _plain(value: Any) -> Any:
    """As JSON has it; the content of files is left out."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    name = getattr(value, "name", None)
    if isinstance(name, str):
        return f"<file {name}>"
    return "<content>" if hasattr(value, "read") else str(value)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _generic(request: Request) -> list[str]:
    command = "s3api" if request.service == "s3" else request.service
    words = [command, _kebab(request.operation)]
    parameters = dict(request.parameters)
    body = parameters.pop("Body", None)
    if body is not None:
        words += ["--body", str(getattr(body, "name", "FILE"))]
    return [*words, "--cli-input-json", _json(parameters)]


# The CLI has commands of its own for these, with other names of parameters.


def _create_cluster(request: Request) -> list[str]:
    given = dict(request.parameters)
    instances = dict(given.pop("Instances"))
    keeps = instances.pop("KeepJobFlowAliveWhenNoSteps")
    attributes = {"InstanceProfile": given.pop("JobFlowRole", None),
                  "SubnetIds": instances.pop("Ec2SubnetIds", None)}
    words = ["emr", "create-cluster", "--name", given.pop("Name"),
             "--release-label", given.pop("ReleaseLabel"),
             "--no-auto-terminate" if keeps else "--auto-terminate",
             "--termination-protected" if instances.pop("TerminationProtected", False)
             else "--no-termination-protected"]
    if "UnhealthyNodeReplacement" in instances:
        words.append("--unhealthy-node-replacement" if instances.pop("UnhealthyNodeReplacement")
                     else "--no-unhealthy-node-replacement")
    words += ["--instance-fleets", _json(instances.pop("InstanceFleets")),
              "--ec2-attributes", _json({k: v for k, v in attributes.items() if v}),
              "--applications", *(f"Name={a['Name']}" for a in given.pop("Applications"))]
    if "Steps" in given:
        words += ["--steps", _json([_cli_step(step) for step in given.pop("Steps")])]
    words += ["--tags", *(f"{tag['Key']}={tag['Value']}" for tag in given.pop("Tags"))]
    words += ["--visible-to-all-users"] if given.pop("VisibleToAllUsers", True) else []
    for name, value in given.items():
        words += [f"--{_kebab(name)}",
                  value if isinstance(value, str) else _json(value)]
    return words


def _cli_step(step: dict[str, Any]) -> dict[str, Any]:
    jar = step["HadoopJarStep"]
    return {"Type": "CUSTOM_JAR", "Name": step["Name"], "ActionOnFailure": step["ActionOnFailure"],
            "Jar": jar["Jar"], "Args": jar["Args"]}


def _add_steps(request: Request) -> list[str]:
    given = request.parameters
    return ["emr", "add-steps", "--cluster-id", given["JobFlowId"],
            "--steps", _json([_cli_step(step) for step in given["Steps"]])]


def _terminate(request: Request) -> list[str]:
    return ["emr", "terminate-clusters", "--cluster-ids", *request.parameters["JobFlowIds"]]


SPECIAL: dict[tuple[str, str], Callable[[Request], list[str]]] = {
    ("emr", "RunJobFlow"): _create_cluster,
    ("emr", "AddJobFlowSteps"): _add_steps,
    ("emr", "TerminateJobFlows"): _terminate,
}
