"""Spark on this machine: local, with real processes of a standalone cluster, or on YARN
(see hadoop.py); and its applications, run by spark-submit on all of them alike.

Each cluster has a folder. What it starts runs in there, so that all of it is found and
ended at the end, and what it logs stays there, for a test that failed.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import time
import urllib.request

from spark.events import CONF as EVENT_CONF
from spark.events import EventLog
from spark.processes import Daemon, end_all_in, last_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
LOCAL = "127.0.0.1"

# Clusters of tests live for seconds: they gain nothing by the slower compiler, and two
# cores have no need of a collector with threads.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
FRUGAL = {"spark.ui.enabled": "false", "spark.driver.defaultJavaOptions": SHORT_LIVED,
          "spark.executor.defaultJavaOptions": SHORT_LIVED}


@dataclasses.dataclass(frozen=True)
class Spark:
    """A Spark that tools/setup installed."""

    name: str  # of its folder in .deps
    task: str  # of tools/setup

    @property
    def python(self):
        return DEPS / self.name / "bin/python"

    @property
    def home(self):
        return next((DEPS / self.name).glob("lib/python*/site-packages/pyspark"), None)

    @property
    def jars(self):
        return self.home / "jars"

    def missing(self):
        """Why it cannot run here, or None."""
        if shutil.which("java") is None:
            return f"no java on PATH: run tools/setup {self.task}"
        if self.home is None:
            return f"no pyspark in .deps/{self.name}: run tools/setup {self.task}"
        return None

    def environment(self, **changes):
        """Nothing of the machine's own settings."""
        ours = ("SPARK_", "PYSPARK_", "HADOOP_", "YARN_", "AWS_", "PYTHONPATH", "PYTHONHOME")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "SPARK_HOME": str(self.home), "SPARK_LOCAL_IP": LOCAL,
                "PYSPARK_PYTHON": str(self.python), "PYTHONDONTWRITEBYTECODE": "1",
                "SPARK_DAEMON_MEMORY": "512m", "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED, **changes}


SPARK3, SPARK4 = Spark("spark3", "spark"), Spark("spark4", "spark4")
S3A_JARS = DEPS / "jars/s3a"


def missing_s3a():
    """Why Spark 3 cannot read s3a:// here, or None."""
    return None if any(S3A_JARS.glob("hadoop-aws-*.jar")) else \
        "no hadoop-aws in .deps/jars/s3a: run tools/setup spark-clusters"


def s3a_conf(endpoint, key, secret, region):
    """For an S3 server at http://127.0.0.1:port. The jars are read where they lie: given
    as --jars, every executor would fetch 270 MB from the driver. Markers of folders are
    kept, because S3A tries to delete those above each file it writes, and versitygw, whose
    folders are real, refuses to. Files that tests put into its folders have no ETag."""
    jars = f"{S3A_JARS}/*"
    hadoop = {
        "endpoint": endpoint, "endpoint.region": region, "path.style.access": "true",
        "access.key": key, "secret.key": secret, "connection.ssl.enabled": "false",
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "connection.maximum": "64", "threads.max": "32", "attempts.maximum": "5",
        "directory.marker.retention": "keep", "change.detection.version.required": "false",
        "connection.establish.timeout": "5000", "connection.timeout": "30000",
    }
    return {"spark.driver.extraClassPath": jars, "spark.executor.extraClassPath": jars,
            **{f"spark.hadoop.fs.s3a.{name}": value for name, value in hadoop.items()}}


def magic_committer_conf():
    """Writes to s3a:// without a rename: parts are uploads that the job completes."""
    cloud = "org.apache.spark.internal.io.cloud"
    return {"spark.sql.sources.commitProtocolClass": f"{cloud}.PathOutputCommitProtocol",
            "spark.sql.parquet.output.committer.class": f"{cloud}.BindingParquetOutputCommitter",
            "spark.hadoop.fs.s3a.committer.name": "magic",
            "spark.hadoop.fs.s3a.committer.magic.enabled": "true"}


class Cluster:
    """What spark-submit has to know; by itself, a Spark within one process."""

    deploy_mode = "client"

    def __init__(self, folder, spark=SPARK3, master="local[2]"):
        self.folder, self.spark, self.master = pathlib.Path(folder), spark, master
        self.applications = 0

    def environment(self):
        return self.spark.environment()

    def conf(self, folder):
        """For an application in this folder."""
        return {**FRUGAL, "spark.driver.host": LOCAL, "spark.driver.bindAddress": LOCAL,
                "spark.local.dir": folder / "local",
                "spark.hadoop.hadoop.tmp.dir": folder / "hadoop",
                "spark.sql.warehouse.dir": folder / "warehouse"}

    def next_folder(self):
        self.applications += 1
        folder = self.folder / f"application-{self.applications}"
        folder.mkdir(parents=True)
        return folder

    def output_elsewhere(self, application):
        """What the application printed where spark-submit does not show it."""
        return ""

    def end(self, application):
        """Ends what runs of it elsewhere."""


@contextlib.contextmanager
def local_cluster(folder, spark=SPARK3, cores=2):
    yield Cluster(folder, spark, f"local[{cores}]")


class Standalone(Cluster):
    """Made by standalone_cluster."""

    def __init__(self, folder, spark, cores, memory):
        super().__init__(folder, spark)
        self.cores, self.memory = cores, memory
        self.workers = []  # those that live
        self.started = 0
        self.daemon = self.start("master", "master.Master", LOCAL)
        self.master = self.daemon.wait_for(
            lambda: re.search(r"spark://[\d.]+:\d+", self.daemon.text()),
            "address of the master")[0]
        ui = self.daemon.wait_for(
            lambda: re.search(r"MasterWebUI.* started at http://\S+?:(\d+)|"
                              r"'MasterUI' on port (\d+)", self.daemon.text()), "master's page")
        self.page = f"http://{LOCAL}:{ui[1] or ui[2]}/json/"

    def start(self, name, main, host, *arguments):
        command = [self.spark.home / "bin/spark-class", f"org.apache.spark.deploy.{main}",
                   "--host", host, "--port", 0, "--webui-port", 0, *arguments]
        folder = self.folder / name
        environment = self.spark.environment(SPARK_LOCAL_DIRS=str(folder / "local"),
                                             SPARK_LOCAL_IP=host)
        return Daemon(folder, command, environment)

    def state(self):
        """What the master says of itself."""
        with urllib.request.urlopen(self.page, timeout=10) as answer:
            return json.load(answer)

    def start_worker(self):
        """One more, with an address of its own, as machines have: Spark runs no second copy of
        a task on the same host. Returns at once."""
        self.started += 1
        name = f"worker-{self.started}"
        worker = self.start(name, "worker.Worker", f"127.0.0.{self.started}", "--cores", self.cores,
                            "--memory", self.memory, "--work-dir", self.folder / name / "work",
                            self.master)
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, seconds=60):
        """Until the master knows all that live."""
        for worker in self.workers:
            worker.wait_for(lambda: "Successfully registered with master" in worker.text(),
                            "registration with the master", seconds)

    def kill_worker(self, worker):
        """With its executors and their Python."""
        self.workers.remove(worker)
        worker.kill()

    def conf(self, folder):
        return {**super().conf(folder), "spark.executor.memory": self.memory}


@contextlib.contextmanager
def standalone_cluster(folder, spark=SPARK3, workers=2, cores=1, memory="768m"):
    """A master and its workers, each a process; an executor takes a whole worker."""
    try:
        cluster = Standalone(folder, spark, cores, memory)
        for _ in range(workers):
            cluster.start_worker()
        cluster.wait_for_workers()
        yield cluster
    finally:
        end_all_in(folder)


class Application:
    """A spark-submit that runs. Made by `start`."""

    def __init__(self, cluster, folder, daemon, limit):
        self.cluster, self.folder, self.daemon = cluster, folder, daemon
        self.deadline = time.monotonic() + limit

    def output(self):
        return self.daemon.text() + self.cluster.output_elsewhere(self)

    def wait_for_output(self, pattern):
        """Until it matches; with a cluster's deploy mode, what the driver prints too."""
        return self.daemon.wait_for(lambda: re.search(pattern, self.output()), f"'{pattern}'",
                                    max(1, self.deadline - time.monotonic()))

    def wait(self):
        self.daemon.wait_for(lambda: self.daemon.poll() is not None or
                             time.monotonic() > self.deadline, "end", float("inf"))
        return self.result()

    def result(self):
        code = self.daemon.poll()
        return Result(code, self.output(), self.folder, code is None)

    def end(self):
        self.cluster.end(self)
        self.daemon.kill()


@dataclasses.dataclass(frozen=True)
class Result:
    code: int  # None if it was out of time
    output: str = dataclasses.field(repr=False)  # of driver and spark-submit
    folder: pathlib.Path
    out_of_time: bool

    @property
    def events(self):
        """Of an application that was run with events=True."""
        logs = [path for path in (self.folder / "events").iterdir() if path.name[0] != "."]
        assert len(logs) == 1, logs
        return EventLog(logs[0])

    def __str__(self):
        ended = "was out of time" if self.out_of_time else f"ended with {self.code}"
        return f"the application in {self.folder} {ended}:\n{last_lines(self.output)}"


def script_of(folder, application):
    """A .py file as it is; for a module, one that runs it."""
    if str(application).endswith(".py"):
        return pathlib.Path(application).resolve()
    script = folder / "module.py"
    script.write_text("import runpy\n"
                      f"runpy.run_module({application!r}, run_name='__main__', alter_sys=True)\n")
    return script


@contextlib.contextmanager
def start(cluster, application, *arguments, conf=None, options=(), environment=None, events=False,
          limit=180):
    """Runs a .py file, or a module by its name; it is ended at the end."""
    folder = cluster.next_folder()
    all_conf = cluster.conf(folder)
    if events:
        (folder / "events").mkdir()
        all_conf |= {**EVENT_CONF, "spark.eventLog.dir": (folder / "events").as_uri()}
    all_conf |= conf or {}
    words = [cluster.spark.home / "bin/spark-submit", "--master", cluster.master,
             "--deploy-mode", cluster.deploy_mode]
    for name, value in all_conf.items():
        words += ["--conf", f"{name}={value}"]
    words += [*options, script_of(folder, application), *arguments]
    # What an application that is killed leaves there stays in its folder.
    (folder / "tmp").mkdir()
    daemon = Daemon(folder, words, {
        **cluster.environment(), "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={folder / 'tmp'}",
        **(environment or {})})
    running = Application(cluster, folder, daemon, limit)
    try:
        yield running
    finally:
        running.end()


def submit(cluster, application, *arguments, **settings):
    """Runs it to its end, or to the end of its time (limit=seconds).

    conf         {name: value}, before the cluster's own
    options      words for spark-submit, as in ["--archives", "model.tar.gz#model"]
    environment  {name: value} for spark-submit
    events       whether to keep an event log: result.events
    """
    with start(cluster, application, *arguments, **settings) as running:
        return running.wait()
