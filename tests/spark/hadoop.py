"""YARN, and HDFS if asked for: the real daemons of Hadoop 3.3.4, out of the jar that
Hadoop's own tests use, beside the client jars of pyspark."""

import contextlib
import getpass
import json
import re
import urllib.request

from spark.clusters import DEPS, FRUGAL, LOCAL, SHORT_LIVED, SPARK3, Cluster
from spark.processes import Daemon, end_all_in, wait_for
from store.gateway import free_port

JARS = DEPS / "jars/yarn"
YARN = "org.apache.hadoop.yarn.server"
HDFS = "org.apache.hadoop.hdfs.server"

ENDED = ("FINISHED", "FAILED", "KILLED")

LOG4J = """rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n%ex
"""


def missing():
    """Why there is no YARN here, or None."""
    return None if any(JARS.glob("hadoop-client-minicluster-*.jar")) else \
        "no hadoop-client-minicluster in .deps/jars/yarn: run tools/setup spark-clusters"


def write_site(path, settings):
    entries = "".join(f"<property><name>{name}</name><value>{value}</value></property>\n"
                      for name, value in settings.items())
    path.write_text(f"<configuration>\n{entries}</configuration>\n")


class Yarn(Cluster):
    """Made by yarn_cluster."""

    deploy_mode = "cluster"

    def __init__(self, folder, memory, cores, with_hdfs, site, scheduler):
        super().__init__(folder, SPARK3, "yarn")
        self.settings = folder / "conf"
        self.settings.mkdir(parents=True)
        self.nodes = []  # those that live
        self.started = 0
        self.page = f"{LOCAL}:{free_port()}"
        self.hdfs = f"hdfs://{LOCAL}:{free_port()}" if with_hdfs else None
        self.write_settings(memory, cores, site, scheduler)
        self.manager = self.start("resource-manager", f"{YARN}.resourcemanager.ResourceManager")
        if with_hdfs:
            self.start_hdfs()

    def write_settings(self, memory, cores, site, scheduler):
        (self.settings / "log4j2.properties").write_text(LOG4J)
        write_site(self.settings / "core-site.xml", {
            "fs.defaultFS": self.hdfs or "file:///", "hadoop.tmp.dir": self.folder / "tmp"})
        write_site(self.settings / "hdfs-site.xml", {
            "dfs.replication": 1, "dfs.namenode.http-address": f"{LOCAL}:0",
            "dfs.datanode.address": f"{LOCAL}:0", "dfs.datanode.http.address": f"{LOCAL}:0",
            "dfs.datanode.ipc.address": f"{LOCAL}:0"})
        manager = ("", ".scheduler", ".resource-tracker", ".admin")
        write_site(self.settings / "yarn-site.xml", {
            **{f"yarn.resourcemanager{part}.address": f"{LOCAL}:{free_port()}" for part in manager},
            "yarn.resourcemanager.webapp.address": self.page,
            "yarn.resourcemanager.am.max-attempts": 2,
            # A node that is gone is seen to be within seconds; the default is ten minutes.
            "yarn.resourcemanager.nm.liveness-monitor.expiry-interval-ms": 20000,
            "yarn.nodemanager.hostname": LOCAL, "yarn.nodemanager.address": f"{LOCAL}:0",
            "yarn.nodemanager.localizer.address": f"{LOCAL}:0",
            "yarn.nodemanager.webapp.address": f"{LOCAL}:0",
            "yarn.nodemanager.resource.memory-mb": memory,
            "yarn.nodemanager.resource.cpu-vcores": cores,
            # By default a node refuses work when the disk is nine tenths full.
            "yarn.nodemanager.disk-health-checker.enable": "false",
            "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.scheduler.minimum-allocation-mb": 128, **site})
        queue = "yarn.scheduler.capacity"
        write_site(self.settings / "capacity-scheduler.xml", {
            f"{queue}.root.queues": "default", f"{queue}.root.default.capacity": 100,
            f"{queue}.maximum-am-resource-percent": 1.0, **scheduler})

    def start(self, name, main, *arguments):
        classes = ":".join(map(str, (self.settings, JARS / "*", self.spark.jars / "*")))
        # Guice, in Hadoop's web pages, defines classes by reflection.
        command = ["java", *SHORT_LIVED.split(), "-Xmx256m", "--add-opens",
                   "java.base/java.lang=ALL-UNNAMED", "-cp", classes, main, *arguments]
        environment = self.spark.environment(HADOOP_CONF_DIR=str(self.settings))
        return Daemon(self.folder / name, command, environment)

    def start_hdfs(self):
        form = self.start("format", f"{HDFS}.namenode.NameNode", "-format", "-nonInteractive")
        wait_for(lambda: form.poll() is not None, "formatted HDFS", 60)
        assert form.poll() == 0, form
        names = self.start("name-node", f"{HDFS}.namenode.NameNode")
        names.wait_for(lambda: "NameNode RPC up at" in names.text(), "HDFS")
        data = self.start("data-node", f"{HDFS}.datanode.DataNode")
        data.wait_for(lambda: "Successfully sent block report" in data.text(), "HDFS")

    def ask(self, path, **request):
        """Of the ResourceManager's REST interface. Out of this jar it says little of an
        application besides its state."""
        asked = urllib.request.Request(f"http://{self.page}/ws/v1/cluster/{path}", **request)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def state_of(self, number):
        """ACCEPTED, RUNNING, FINISHED, FAILED, KILLED: of an application by its number."""
        return self.ask(f"apps/{number}/state")["state"]

    def start_node(self):
        """One more; returns at once."""
        self.started += 1
        name = f"node-{self.started}"
        folder = self.folder / name
        node = self.start(name, f"{YARN}.nodemanager.NodeManager",
                          "-D", f"yarn.nodemanager.local-dirs={folder / 'local'}",
                          "-D", f"yarn.nodemanager.log-dirs={folder / 'logs'}")
        self.nodes.append(node)
        return node

    def wait_for_nodes(self, seconds=90):
        """Until all that live have joined."""
        for node in self.nodes:
            node.wait_for(lambda: "Registered with ResourceManager" in node.text(),
                          "registration with the ResourceManager", seconds)

    def kill_node(self, node):
        """With its containers."""
        self.nodes.remove(node)
        node.kill()

    def environment(self):
        return self.spark.environment(HADOOP_CONF_DIR=str(self.settings))

    def conf(self, folder):
        # A container has the folders that YARN gives it.
        conf = {**FRUGAL, "spark.yarn.jars": f"local:{self.spark.jars}/*",
                "spark.yarn.stagingDir": (folder / "staging").as_uri(),
                "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": LOCAL,
                "spark.executorEnv.SPARK_LOCAL_IP": LOCAL,
                "spark.yarn.report.interval": "200ms", "spark.executor.instances": 1,
                "spark.driver.memory": "512m", "spark.executor.memory": "512m"}
        if self.hdfs:
            del conf["spark.yarn.stagingDir"]
        return conf

    def application_id(self, application):
        found = re.search(r"application_\d+_\d+", application.daemon.text())
        return found and found[0]

    def output_elsewhere(self, application):
        """Of all containers, the driver's among them."""
        number = self.application_id(application)
        logs = sorted(self.folder.glob(f"node-*/logs/{number}/*/std*")) if number else []
        return "".join(f"--- {log.parent.name} {log.name}\n{log.read_text(errors='replace')}"
                       for log in logs)

    def end(self, application):
        """By the ResourceManager, if spark-submit still waits for it."""
        number = self.application_id(application)
        if number is None or application.daemon.poll() is not None:
            return
        self.ask(f"apps/{number}/state?user.name={getpass.getuser()}", method="PUT",
                 data=b'{"state": "KILLED"}', headers={"Content-Type": "application/json"})
        wait_for(lambda: self.state_of(number) in ENDED, f"end of {number}", 30)


@contextlib.contextmanager
def yarn_cluster(folder, nodes=1, memory=3072, cores=4, with_hdfs=False, site=None,
                 scheduler=None):
    """A ResourceManager and NodeManagers of so many megabytes and cores each; files are
    those of this machine, or with_hdfs also those at cluster.hdfs; `site` and `scheduler` are
    settings of yarn-site.xml and capacity-scheduler.xml."""
    try:
        cluster = Yarn(folder, memory, cores, with_hdfs, site or {}, scheduler or {})
        for _ in range(nodes):
            cluster.start_node()
        cluster.wait_for_nodes()
        yield cluster
    finally:
        end_all_in(folder)
