"""How the job is called on either kind of machine, and how large its processes are.

Sizes come from the instance's own vCPUs and memory (docs/spark.md, Settings that matter): a task a
vCPU, for the command in it has many reads under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from verger.emr.artifacts import Artifacts
from verger.emr.identity import RunId
from verger.emr.outcomes import WrongUsage
from verger.emr.prices import table

PYTHON = "./verger/bin/python"
HEAP_MB = 2048
TASK_MB = 300  # of the command, and of the Python worker that waits for it
PROCESS_MB = 256  # of an executor beside its tasks
DRIVER_OVERHEAD_MB = 512
# EMR gives YARN some three quarters of a node's memory; the rest is the system's.
YARN_SHARE = 0.7
SERVERLESS_VCPUS, SERVERLESS_GB = 2, 4  # of a worker, driver or executor
# What the tool says itself; given after -- it would be said twice.
OURS = ("--model", "--timestamp", "--require-region", "-k", "--components")


@dataclass(frozen=True)
class Job:
    """What is computed, wherever it runs."""

    run: RunId
    mode: str
    k: int
    input: str
    output: str
    artifacts: Artifacts
    required_region: str
    options: tuple[str, ...] = ()  # of the user, after --

    def __post_init__(self) -> None:
        for word in self.options:
            if word.split("=")[0] in OURS:
                raise WrongUsage(f"{word} is verger-emr's to say: it follows from the run and the "
                                 "settings")

    def arguments(self) -> list[str]:
        """Of process_fruits_data.py."""
        return [self.input, self.output, self.mode, str(self.k),
                "--model", self.artifacts.model_words, "--timestamp", self.run.timestamp,
                "--require-region", self.required_region, *self.options]


@dataclass(frozen=True)
class Sizes:
    """Of the processes of a job."""

    executors: int
    cores: int
    heap_mb: int
    overhead_mb: int

    def conf(self) -> dict[str, str]:
        return {"spark.dynamicAllocation.enabled": "false",
                "spark.executor.instances": str(self.executors),
                "spark.executor.cores": str(self.cores),
                "spark.executor.memory": f"{self.heap_mb}m",
                "spark.executor.memoryOverhead": f"{self.overhead_mb}m"}


def sizes_ec2(name: str, vcpus: int, memory_gb: float, nodes: int) -> Sizes:
    """An executor a node; on one of them the driver has to fit as well."""
    cores = vcpus * table()["speed"]["tasks_per_vcpu"]
    overhead = PROCESS_MB + cores * TASK_MB
    driver = HEAP_MB + DRIVER_OVERHEAD_MB
    if HEAP_MB + overhead + driver > memory_gb * 1024 * YARN_SHARE:
        raise WrongUsage(f"{name} has {memory_gb:g} GB: {cores} tasks and the driver need "
                         f"{(HEAP_MB + overhead + driver) / 1024 / YARN_SHARE:.1f}",
                         "take a type with more memory to a vCPU, as m7g")
    return Sizes(nodes, cores, HEAP_MB, overhead)


def sizes_serverless(executors: int) -> Sizes:
    """Workers of 2 vCPUs and 4 GB."""
    return Sizes(executors, SERVERLESS_VCPUS, HEAP_MB, SERVERLESS_GB * 1024 - HEAP_MB)


def common_conf(sizes: Sizes) -> dict[str, str]:
    return {**sizes.conf(),
            # EMR's own protocol shows files at the commit of a task, so a task that ran twice
            # could show its rows twice.
            "spark.sql.execution.datasources.SQLEmrOptimizedCommitProtocol."
            "leverageMagicCommitProtocol": "false",
            "spark.rpc.askTimeout": "20s"}


def submit_words(job: Job, sizes: Sizes, limit_seconds: int) -> list[str]:
    """For command-runner.jar. EMR has no time limit for a step; `timeout` is one. In client mode
    the driver would not get the archive (SPARK-36088)."""
    bucket = job.artifacts.bucket
    conf = {**common_conf(sizes), "spark.pyspark.python": PYTHON,
            "spark.driver.memory": f"{HEAP_MB}m",
            "spark.driver.memoryOverhead": f"{DRIVER_OVERHEAD_MB}m",
            # A broken job is not paid for twice.
            "spark.yarn.maxAppAttempts": "1", "spark.yarn.tags": job.run.name()}
    words = ["timeout", "--kill-after=60", str(limit_seconds), "spark-submit",
             "--deploy-mode", "cluster", "--name", job.run.name(),
             "--archives", f"{job.artifacts.archive.address(bucket)}#verger"]
    for name, value in conf.items():
        words += ["--conf", f"{name}={value}"]
    return [*words, job.artifacts.job.address(bucket), *job.arguments()]


def submit_parameters(job: Job, sizes: Sizes) -> str:
    """sparkSubmitParameters of EMR Serverless."""
    bucket = job.artifacts.bucket
    conf = {**common_conf(sizes),
            "spark.archives": f"{job.artifacts.archive.address(bucket)}#verger",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
            "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
            "spark.driver.cores": str(SERVERLESS_VCPUS),
            "spark.driver.memory": f"{HEAP_MB}m",
            "spark.driver.memoryOverhead": f"{SERVERLESS_GB * 1024 - HEAP_MB}m"}
    return " ".join(f"--conf {name}={value}" for name, value in conf.items())


def arguments_in(words: Sequence[str]) -> list[str]:
    """Those of the job, in the words of a step: what follows the .py."""
    for number, word in enumerate(words):
        if word.endswith(".py"):
            return list(words[number + 1:])
    return []
