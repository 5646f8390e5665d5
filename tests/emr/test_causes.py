"""The table of causes: each is found by an error as it looks in the logs, and first."""

import pytest

from verger.emr import causes

EXAMPLES = {
    "verger": "verger: error: no image below s3://b/raw matches Training/*/*.jpg",
    "no python 3.9": "/usr/bin/env: 'python3.9': No such file or directory",
    "archive missing": "java.io.FileNotFoundException: No such file or directory: "
                       "s3://b/artifacts/0/verger-emr.tar.gz does not exist",
    "weights": "FileNotFoundError: s3://b/artifacts/0/weights.safetensors: No such file",
    "key denied": "AccessDenied: User: x is not authorized to perform: kms:Decrypt",
    "bucket denied": "java.nio.file.AccessDeniedException: s3://in/raw: Access Denied (Service: "
                     "Amazon S3; Status Code: 403; Error Code: AccessDenied)",
    "another region": "Status Code: 301; Error Code: PermanentRedirect",
    "bucket absent": "Error Code: NoSuchBucket; The specified bucket does not exist",
    "memory of a container": "Container killed by YARN for exceeding physical memory limits. 3.5 GB",
    "heap": "java.lang.OutOfMemoryError: Java heap space",
    "spot": "i-0abc: Spot instance was terminated, instance-terminated-no-capacity",
    "executor lost": "ExecutorLostFailure (executor 3 exited caused by one of the running tasks)",
    "quota of vCPUs": "VcpuLimitExceeded: You have requested more vCPU capacity than your current "
                      "vCPU limit of 16 allows",
    "no capacity": "INSTANCE_FLEET_TIMEOUT The instance fleet could not be provisioned",
    "service role": "VALIDATION_ERROR Service role x has insufficient EC2 permissions",
    "role invalid": "VALIDATION_ERROR Invalid InstanceProfile: verger-nodes.",
    "subnet": "VALIDATION_ERROR The subnet subnet-1 does not exist",
    "bootstrap": "BOOTSTRAP_FAILURE On the master instance (i-1), bootstrap action 1 returned 1",
    "time limit": "The step's process exited with code 124",
    "expired": "com.amazonaws...: The security token included in the request is expired",
    "throttled": "Error Code: SlowDown; Please reduce your request rate",
    "output exists": "org.apache.hadoop.mapred.FileAlreadyExistsException: Output directory",
    "client mode": "ModuleNotFoundError: No module named 'verger'",
    "network": "java.net.UnknownHostException: b.s3.eu-west-1.amazonaws.com",
    "stopped": "USER_REQUEST Terminated by user request",
    "too many cores": "InvalidResourceRequestException: Invalid resource request! Cannot allocate "
                      "containers as requested resource is greater than maximum allowed allocation",
    "python error": "KeyError: 'path'",
}


@pytest.mark.parametrize("cause", causes.table(), ids=lambda cause: cause.name)
def test_each_is_found(cause):
    assert causes.cause_of(EXAMPLES[cause.name]).name == cause.name


@pytest.mark.parametrize("text, error", [
    ("INFO x\nverger: error: a\nERROR y\nverger: error: b\n", "verger: error: b"),
    ("Traceback (most recent call last):\n  File \"a\", line 1, in f\n    g()\n\nValueError: odd\n"
     "ERROR ShutdownHook\n", "ValueError: odd"),
    ("java.lang.Exception: top\n\tat x\nCaused by: a.B: middle\n\tat y\nCaused by: c.D: inner\n",
     "Caused by: c.D: inner"),
    ("Traceback (most recent call last):\n  File \"a\", line 1\npy4j.protocol.Py4JJavaError: An error "
     "occurred while calling o57.parquet.\n: java.lang.Exception: top\nCaused by: c.D: inner\n",
     "Caused by: c.D: inner"),
    ("INFO fine\n26/11/28 ERROR Client: Application diagnostics message: lost\n",
     "26/11/28 ERROR Client: Application diagnostics message: lost"),
    ("INFO all is well\nWARN slow\n", None), ("", None)])
def test_the_line_that_tells_most(text, error):
    assert causes.first_error(text) == error


def test_a_known_cause_later_beats_an_unknown_error_earlier():
    found = causes.diagnose([("driver", "ERROR something\n"),
                             ("executor", "java.lang.OutOfMemoryError: Java heap space\n")])
    assert (found.source, found.cause.name) == ("executor", "heap")
    found = causes.diagnose([("driver", "ERROR something\n"), ("executor", "fine\n")])
    assert (found.error, found.cause) == ("ERROR something", None)
    assert causes.diagnose([("driver", "fine\n")]) is None


def test_the_first_source_with_a_cause_counts():
    found = causes.diagnose([("driver", EXAMPLES["heap"]), ("executor", EXAMPLES["executor lost"])])
    assert found.cause.name == "heap"
