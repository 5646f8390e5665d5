"""AWS as far as verger-emr sees it, in this process: moto, and what moto lacks of EMR.

moto never moves a state, ignores fleets, client tokens and limits. Here clusters and job runs
live by a clock and a script: how long each stage takes and how it ends. Whether a cluster ends
is not in the script: it follows from the request, as it does at AWS. Every answer is held
against the service model, so that no key is invented.
"""

import contextlib
import dataclasses
import functools
import gzip
import itertools
import json
from datetime import datetime, timedelta, timezone

import botocore.session
from botocore.exceptions import ReadTimeoutError
from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet, cloudformation_backends
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.emr.responses import ElasticMapReduceResponse
from moto.emrserverless.responses import EMRServerlessResponse

START = datetime(2026, 11, 28, 13, 45, tzinfo=timezone.utc)
ACCOUNT = "123456789012"
FOREVER = 10 ** 9


@functools.lru_cache(maxsize=None)
def service_model(name):
    return botocore.session.get_session().get_service_model(name)


class Fault(ServiceException):
    """What AWS answers in place of the answer."""

    def __init__(self, code, message="as the script says"):
        super().__init__(code, message)


@dataclasses.dataclass
class Life:
    """Of a cluster or a job run: seconds of its stages, and how it ends."""

    start: float = 240
    bootstrap: float = 90
    work: float = 60
    end: float = 60
    fails: str = ""  # STARTING, BOOTSTRAPPING, RUNNING: the cluster goes there
    outcome: str = "COMPLETED"  # of the step, or of a job run SUCCESS and FAILED
    code: str = ""
    message: str = ""
    details: tuple = ()  # of the cluster's errors
    reason: str = ""  # of the step's failure, or stateDetails
    logs: dict = dataclasses.field(default_factory=dict)  # name below the run's folder: text
    logs_after: float = 0  # seconds after the end until they are in the bucket
    tells_application: bool = True  # whether AWS names YARN's application
    spot_lost: int = 0  # instances that go in the middle


@dataclasses.dataclass
class Step:
    id: str
    name: str
    words: list
    action: str
    life: Life
    created: datetime
    cancelled: datetime = None

    @property
    def limit(self):
        """Of `timeout` in its words."""
        return float(self.words[2]) if self.words[:1] == ["timeout"] else FOREVER


@dataclasses.dataclass
class Cluster:
    id: str
    request: dict
    life: Life
    created: datetime
    steps: list
    stopped: datetime = None

    @property
    def keeps(self):
        return self.request["Instances"]["KeepJobFlowAliveWhenNoSteps"]

    @property
    def ready(self):
        return self.created + timedelta(seconds=self.life.start + self.life.bootstrap)


class World:
    """All of it. `lives` are those of the next launches; without one, a launch does well."""

    def __init__(self, clock=None):
        self.clock = clock
        self.time = START
        self.slept = []
        self.lives = []
        self.clusters, self.job_runs, self.applications = {}, {}, {}
        self.faults = []  # [operation, what, times, whether it is done all the same]
        self.calls = []
        self.numbers = itertools.count(1)
        self.on_done = lambda words: None  # writes the tables of a job
        self.put_log = lambda address, text: None
        self.at = []  # (time, what to do)

    # --- Time ----------------------------------------------------------------

    def now(self):
        if self.clock:
            return self.clock()
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        for entry in [entry for entry in self.at if entry[0] <= self.time]:
            self.at.remove(entry)
            entry[1]()

    def after(self, seconds, action):
        """Does something when so much time has been slept."""
        self.at.append((self.now() + timedelta(seconds=seconds), action))

    # --- Faults --------------------------------------------------------------

    def fail(self, operation, what, times=1, done=False):
        """The next calls answer with a code of AWS, or are not answered (an exception)."""
        self.faults.append([operation, what, times, done])

    def answer(self, service, operation, parameters):
        self.calls.append((operation, parameters))
        fault = next((f for f in self.faults if f[0] == operation and f[2] > 0), None)
        if fault:
            fault[2] -= 1
            if fault[3]:
                self.do(operation, parameters)
            if isinstance(fault[1], BaseException):
                raise fault[1]
            raise Fault(fault[1])
        result = self.do(operation, parameters)
        shape = service_model(service).operation_model(operation).output_shape
        check_shape(result, shape, operation)
        return ActionResult(result)

    def do(self, operation, parameters):
        return getattr(self, operation)(**parameters)

    def count(self, operation):
        return sum(1 for name, _ in self.calls if name == operation)

    # --- EMR on EC2 ----------------------------------------------------------

    def next_life(self):
        return self.lives.pop(0) if self.lives else Life()

    def RunJobFlow(self, **request):
        identity = f"j-{next(self.numbers):013}"
        life = self.next_life()
        steps = [self.new_step(step, life) for step in request.get("Steps", [])]
        self.clusters[identity] = Cluster(identity, request, life, self.now(), steps)
        return {"JobFlowId": identity, "ClusterArn": f"arn:aws:elasticmapreduce:::{identity}"}

    def new_step(self, step, life):
        jar = step["HadoopJarStep"]
        return Step(f"s-{next(self.numbers):013}", step["Name"], jar["Args"],
                    step["ActionOnFailure"], life, self.now())

    def AddJobFlowSteps(self, JobFlowId, Steps):
        cluster = self.clusters[JobFlowId]
        assert self.cluster_state(cluster)[0] in ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
        added = [self.new_step(step, self.next_life()) for step in Steps]
        cluster.steps += added
        return {"StepIds": [step.id for step in added]}

    def step_times(self, cluster):
        """(step, begins, ends, state, message): one after another from when nodes are ready."""
        free, alive = cluster.ready, True
        if cluster.life.fails in ("STARTING", "BOOTSTRAPPING"):
            alive = False
        for step in cluster.steps:
            begins = max(free, step.created)
            seconds, state, message = step.life.work, step.life.outcome, step.life.reason
            if state == "HANGS":
                seconds, state = FOREVER, "FAILED"
            if seconds > step.limit:
                seconds, state = step.limit, "FAILED"
                message = "The step's process exited with code 124"
            if cluster.life.fails == "RUNNING":
                alive = False
            ends = begins + timedelta(seconds=seconds) if seconds < FOREVER else datetime.max.replace(
                tzinfo=timezone.utc)
            if step.cancelled and step.cancelled < ends:
                ends, state, message = max(begins, step.cancelled), "CANCELLED", "cancelled"
            yield step, begins, ends, state if alive or state == "CANCELLED" else "LOST", message
            free = ends

    def end_of(self, cluster):
        """(when it begins to end, code, message), or None: what the request asks for."""
        life, moments = cluster.life, []
        if cluster.stopped:
            moments.append((cluster.stopped, "USER_REQUEST", "Terminated by user request"))
        if life.fails:
            at = {"STARTING": life.start, "BOOTSTRAPPING": life.start + life.bootstrap,
                  "RUNNING": life.start + life.bootstrap + life.work / 2}[life.fails]
            moments.append((cluster.created + timedelta(seconds=at), life.code, life.message))
        last = cluster.ready
        for step, _, ends, state, _ in self.step_times(cluster):
            if state == "LOST":
                break
            if state == "FAILED" and step.action == "TERMINATE_CLUSTER":
                # Seen on real clusters: nothing else says that a step failed.
                moments.append((ends, life.code, life.message))
            last = max(last, ends)
        else:
            if not cluster.keeps:
                moments.append((last, "ALL_STEPS_COMPLETED", "Steps completed"))
            elif "AutoTerminationPolicy" in cluster.request:
                idle = cluster.request["AutoTerminationPolicy"]["IdleTimeout"]
                with contextlib.suppress(OverflowError):
                    moments.append((last + timedelta(seconds=idle), "", "Idle"))
        return min(moments, key=lambda moment: moment[0]) if moments else None

    def cluster_state(self, cluster):
        """(state, code, message, when it is gone or None)."""
        now, end = self.now(), self.end_of(cluster)
        if end and now >= end[0]:
            gone = end[0] + timedelta(seconds=cluster.life.end)
            bad = end[1] not in ("ALL_STEPS_COMPLETED", "USER_REQUEST", "")
            final = "TERMINATED_WITH_ERRORS" if bad else "TERMINATED"
            return ("TERMINATING" if now < gone else final), end[1], end[2], gone
        age = (now - cluster.created).total_seconds()
        if age < cluster.life.start:
            return "STARTING", "", "", None
        if now < cluster.ready:
            return "BOOTSTRAPPING", "", "", None
        busy = any(begins <= now < ends for _, begins, ends, _, _ in self.step_times(cluster))
        return ("RUNNING" if busy else "WAITING"), "", "", None

    def step_answer(self, cluster, step):
        now, end = self.now(), self.end_of(cluster)
        _, begins, ends, state, message = next(row for row in self.step_times(cluster)
                                               if row[0] is step)
        if end and end[0] < ends:  # the cluster goes first
            ends, state = end[0], "CANCELLED"
        timeline = {"CreationDateTime": step.created}
        failure = {}
        if now >= begins and begins < ends:
            timeline["StartDateTime"] = begins
        if now >= ends:
            timeline["EndDateTime"] = ends
            shown = state
            if state == "FAILED":
                failure = {"Reason": "Unknown Error.", "Message": message or "",
                           "LogFile": f"{cluster.request['LogUri']}{cluster.id}/steps/{step.id}/"
                                      "stderr.gz"}
            if state in ("COMPLETED", "FAILED"):
                self.finish(step, cluster, ends, state)
        else:
            shown = "RUNNING" if now >= begins else "PENDING"
        answer = {"Id": step.id, "Name": step.name, "ActionOnFailure": step.action,
                  "Config": {"Jar": "command-runner.jar", "Properties": {}, "Args": step.words},
                  "Status": {"State": shown, "StateChangeReason": {}, "Timeline": timeline}}
        if failure:
            answer["Status"]["FailureDetails"] = failure
        if step.life.tells_application and shown not in ("PENDING",):
            answer["AdditionalInfo"] = {"ResourceManagerApplicationIds": [application(step)]}
        return answer

    def finish(self, step, cluster, ends, state):
        """Tables when it is done, logs when EMR has copied them."""
        if getattr(step, "is_done", False) is False and state == "COMPLETED":
            step.is_done = True
            self.on_done(job_words(step.words))
        late = timedelta(seconds=step.life.logs_after)
        if not getattr(step, "has_logs", False) and self.now() >= ends + late:
            step.has_logs = True
            for name, text in step.life.logs.items():
                name = name.format(step=step.id, application=application(step))
                self.put_log(f"{cluster.request['LogUri']}{cluster.id}/{name}", text)

    def DescribeCluster(self, ClusterId):
        if ClusterId not in self.clusters:
            raise Fault("InvalidRequestException", f"Cluster id '{ClusterId}' is not valid.")
        cluster = self.clusters[ClusterId]
        state, code, message, gone = self.cluster_state(cluster)
        if gone and self.now() >= gone:
            for name, text in cluster.life.logs.items():
                if name.startswith("node/"):
                    self.put_log(f"{cluster.request['LogUri']}{cluster.id}/{name}", text)
        timeline = {"CreationDateTime": cluster.created}
        if gone and self.now() >= gone:
            timeline["EndDateTime"] = gone
        reason = {key: value for key, value in (("Code", code), ("Message", message)) if value}
        details = [{"ErrorCode": code, "ErrorMessage": text} for text in cluster.life.details] \
            if gone else []
        return {"Cluster": {
            "Id": cluster.id, "Name": cluster.request["Name"],
            "Status": {"State": state, "StateChangeReason": reason, "Timeline": timeline,
                       "ErrorDetails": details},
            "AutoTerminate": not cluster.keeps, "TerminationProtected":
                cluster.request.get("protected", False), "InstanceCollectionType": "INSTANCE_FLEET",
            # Older regions answer with the scheme of the old file system.
            "LogUri": cluster.request["LogUri"].replace("s3://", "s3n://"),
            "ReleaseLabel": cluster.request["ReleaseLabel"], "Tags": cluster.request["Tags"]}}

    def ListClusters(self, CreatedAfter=0, ClusterStates=(), Marker=None):
        rows = []
        for cluster in reversed(self.clusters.values()):
            state = self.cluster_state(cluster)[0]
            if cluster.created.timestamp() >= CreatedAfter and (
                    not ClusterStates or state in ClusterStates):
                rows.append({"Id": cluster.id, "Name": cluster.request["Name"],
                             "Status": {"State": state}})
        start = int(Marker or 0)
        page = {"Clusters": rows[start:start + 50]}
        if len(rows) > start + 50:
            page["Marker"] = str(start + 50)
        return page

    def ListSteps(self, ClusterId):
        cluster = self.clusters[ClusterId]
        return {"Steps": [self.step_answer(cluster, step) for step in reversed(cluster.steps)]}

    def DescribeStep(self, ClusterId, StepId):
        cluster = self.clusters[ClusterId]
        step = next(step for step in cluster.steps if step.id == StepId)
        return {"Step": self.step_answer(cluster, step)}

    def ListInstances(self, ClusterId, InstanceStates=()):
        cluster = self.clusters[ClusterId]
        state, _, _, gone = self.cluster_state(cluster)
        rows = []
        if state == "STARTING" or cluster.life.fails == "STARTING":
            return {"Instances": rows}
        begins = cluster.created + timedelta(seconds=cluster.life.start)
        for fleet in cluster.request["Instances"]["InstanceFleets"]:
            for market in ("OnDemand", "Spot"):
                for _ in range(fleet.get(f"Target{market}Capacity", 0)):
                    timeline = {"CreationDateTime": begins}
                    if gone and self.now() >= gone:
                        timeline["EndDateTime"] = gone
                    rows.append({"Id": f"ci-{len(rows)}", "Ec2InstanceId": f"i-{len(rows)}",
                                 "Status": {"State": "TERMINATED" if "EndDateTime" in timeline
                                            else "RUNNING", "Timeline": timeline},
                                 "InstanceType": fleet["InstanceTypeConfigs"][0]["InstanceType"],
                                 "Market": "SPOT" if market == "Spot" else "ON_DEMAND"})
        return {"Instances": rows}

    def TerminateJobFlows(self, JobFlowIds):
        for identity in JobFlowIds:
            cluster = self.clusters[identity]
            if cluster.request.get("protected"):
                raise Fault("ValidationException", "The cluster is protected")
            cluster.stopped = cluster.stopped or self.now()
        return {}

    def CancelSteps(self, ClusterId, StepIds, StepCancellationOption):
        for step in self.clusters[ClusterId].steps:
            if step.id in StepIds:
                step.cancelled = self.now()
        return {"CancelStepsInfoList": [{"StepId": name, "Status": "SUBMITTED"}
                                        for name in StepIds]}

    def active(self):
        """Clusters that are there now."""
        return [cluster for cluster in self.clusters.values()
                if self.cluster_state(cluster)[0] not in ("TERMINATED", "TERMINATED_WITH_ERRORS")]

    # --- EMR Serverless ------------------------------------------------------

    def new_application(self, ceiling="16 vCPU"):
        identity = f"00f{next(self.numbers):013}"
        self.applications[identity] = {
            "applicationId": identity, "name": "verger", "arn": f"arn:aws:emr-serverless:::/{identity}",
            "releaseLabel": "emr-7.11.0", "type": "Spark", "state": "STOPPED",
            "architecture": "ARM64", "maximumCapacity": {"cpu": ceiling, "memory": "160 GB"},
            "monitoringConfiguration": {"managedPersistenceMonitoringConfiguration":
                                        {"enabled": False}},
            "createdAt": START, "updatedAt": START}
        return identity

    def GetApplication(self, applicationId):
        if applicationId not in self.applications:
            raise Fault("ResourceNotFoundException", f"Application {applicationId} does not exist")
        return {"application": self.applications[applicationId]}

    def StartJobRun(self, applicationId, clientToken, **request):
        for identity, run in self.job_runs.items():
            if run["token"] == clientToken:
                break
        else:
            identity = f"00r{next(self.numbers):013}"
            self.job_runs[identity] = {"token": clientToken, "request": request,
                                       "application": applicationId, "life": self.next_life(),
                                       "created": self.now(), "stopped": None, "done": False}
        return {"applicationId": applicationId, "jobRunId": identity, "arn": f"arn:::{identity}"}

    def job_answer(self, identity):
        run, now = self.job_runs[identity], self.now()
        life, request = run["life"], run["request"]
        begins = run["created"] + timedelta(seconds=life.start / 4)
        seconds, state, details = life.work, life.outcome, life.reason
        if state == "HANGS":
            seconds, state = FOREVER, "FAILED"
        limit = request["executionTimeoutMinutes"] * 60
        if seconds > limit:
            seconds, state, details = limit, "CANCELLED", "Execution timeout of the job run"
        ends = begins + timedelta(seconds=seconds)
        state = {"COMPLETED": "SUCCESS"}.get(state, state)
        if run["stopped"] and run["stopped"] < ends:
            ends, state, details = run["stopped"], "CANCELLED", "was cancelled by user"
        if now < begins and not (run["stopped"]):
            state, ended = "SCHEDULED", False
        elif now < ends:
            state, ended = "RUNNING", False
        else:
            ended = True
        if ended and not run["done"]:
            run["done"] = True
            if state == "SUCCESS":
                self.on_done(request["jobDriver"]["sparkSubmit"]["entryPointArguments"])
            uri = request["configurationOverrides"]["monitoringConfiguration"][
                "s3MonitoringConfiguration"]["logUri"]
            for name, text in life.logs.items():
                self.put_log(f"{uri}applications/{run['application']}/jobs/{identity}/{name}", text)
        answer = {"applicationId": run["application"], "jobRunId": identity,
                  "name": request["name"], "arn": f"arn:::{identity}", "createdBy": "somebody",
                  "createdAt": run["created"], "updatedAt": min(now, ends),
                  "executionRole": request["executionRoleArn"], "state": state,
                  "stateDetails": details if ended else "", "releaseLabel": "emr-7.11.0",
                  "jobDriver": request["jobDriver"], "tags": request["tags"]}
        if ended:
            answer["endedAt"] = ends
            hours = (ends - min(begins, ends)).total_seconds() / 3600
            answer["billedResourceUtilization"] = {"vCPUHour": 16 * hours, "memoryGBHour": 32 * hours,
                                                   "storageGBHour": 0.0}
        return answer

    def GetJobRun(self, applicationId, jobRunId):
        return {"jobRun": self.job_answer(jobRunId)}

    def ListJobRuns(self, applicationId):
        rows = []
        for identity in reversed(self.job_runs):
            answer = self.job_answer(identity)
            rows.append({"id": identity, **{key: answer[key] for key in (
                "applicationId", "name", "arn", "createdBy", "createdAt", "updatedAt",
                "executionRole", "state", "stateDetails", "releaseLabel")}})
        return {"jobRuns": rows}

    def CancelJobRun(self, applicationId, jobRunId):
        self.job_runs[jobRunId]["stopped"] = self.now()
        return {"applicationId": applicationId, "jobRunId": jobRunId}

    def StopApplication(self, applicationId):
        return {}


def application(step):
    """YARN's id."""
    return f"application_1764337500000_{int(step.id[2:]):04}"


def job_words(words):
    """Of a step: what follows the .py."""
    place = next(number for number, word in enumerate(words) if word.endswith(".py"))
    return words[place + 1:]


def check_shape(value, shape, where):
    """No key that AWS does not answer."""
    if shape is None:
        assert value == {}, where
    elif shape.type_name == "structure":
        for key, item in value.items():
            assert key in shape.members, f"{where}: {shape.name} has no {key}"
            check_shape(item, shape.members[key], f"{where}.{key}")
        for key in shape.required_members:
            assert key in value, f"{where}: {shape.name} needs {key}"
    elif shape.type_name == "list":
        for item in value:
            check_shape(item, shape.member, where)


EMR = ("RunJobFlow", "AddJobFlowSteps", "DescribeCluster", "ListClusters", "ListSteps",
       "DescribeStep", "ListInstances", "TerminateJobFlows", "CancelSteps")
SERVERLESS = ("GetApplication", "StartJobRun", "GetJobRun", "ListJobRuns", "CancelJobRun",
              "StopApplication")


def snake(name):
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).strip("_")


def install(world, patch):
    """Answers of the world in place of moto's; `patch` is monkeypatch.setattr or setattr. The
    release data and the instance types stay moto's, which are AWS's own."""
    def emr(operation):
        return lambda self: world.answer("emr", operation, json.loads(self.body or "{}"))

    def serverless(operation):
        def method(self):
            body = json.loads(self.body) if self.body else {}
            return world.answer("emr-serverless", operation, {**body, **self.uri_match})
        return method

    drop_no_values(patch)
    apply_change_sets_whole(patch)
    for operation in EMR:
        patch(ElasticMapReduceResponse, snake(operation), emr(operation), raising=False)
    for operation in SERVERLESS:
        patch(EMRServerlessResponse, snake(operation), serverless(operation), raising=False)


def drop_no_values(patch):
    """What AWS::NoValue stands for in a list is not there; moto leaves a null."""
    clean = parsing.clean_json

    def cleaned(value, resources):
        found = clean(value, resources)
        return [item for item in found if item is not None] if isinstance(found, list) else found

    patch(parsing, "clean_json", cleaned)


def apply_change_sets_whole(patch):
    """moto's change sets make the resources, and leave the stack without its outputs."""
    def apply(self):
        backend = cloudformation_backends[ACCOUNT]["eu-west-1"]
        held = backend.stacks.pop(self.stack_id)
        made = backend.create_stack(self.stack.name, self.template, self.parameters)
        del backend.stacks[made.stack_id]
        backend.stacks[self.stack_id] = held
        for name in ("resource_map", "output_map", "parameters"):
            setattr(self.stack, name, getattr(made, name))

    patch(ChangeSet, "apply", apply)


def no_answer():
    """As when the line is cut while AWS works."""
    return ReadTimeoutError(endpoint_url="https://elasticmapreduce.eu-west-1.amazonaws.com")


def zipped(text):
    return gzip.compress(text.encode())
