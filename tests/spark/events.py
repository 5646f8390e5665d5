"""An application's event log: what Spark says of its jobs, stages, tasks and blocks."""

import json
import pathlib

CONF = {
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
    "spark.eventLog.logBlockUpdates.enabled": "true",
}


class EventLog:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.events = [json.loads(line) for line in self.path.read_text().splitlines()]

    def of(self, kind):
        """Events by name, as in "TaskEnd"."""
        return [event for event in self.events if event["Event"] == f"SparkListener{kind}"]

    def conf(self):
        return dict(self.of("EnvironmentUpdate")[0]["Spark Properties"])

    def attempts(self, stage=None):
        """The ends of tasks, one for each attempt, in the order of their coming."""
        return [event for event in self.of("TaskEnd") if stage in (None, event["Stage ID"])]

    def failed_attempts(self, stage=None):
        return [event for event in self.attempts(stage)
                if event["Task End Reason"]["Reason"] != "Success"]

    def speculative_attempts(self):
        """Second copies of tasks that Spark found slow."""
        return [event for event in self.attempts() if event["Task Info"]["Speculative"]]

    def tasks(self, stage=None):
        """The tasks that succeeded, as (stage, partition)."""
        return {(event["Stage ID"], event["Task Info"]["Partition ID"])
                for event in self.attempts(stage)
                if event["Task End Reason"]["Reason"] == "Success"}

    def stages(self):
        """The numbers of those that ran to their end."""
        return sorted({event["Stage Info"]["Stage ID"] for event in self.of("StageCompleted")})

    def executors(self):
        return [event["Executor ID"] for event in self.of("ExecutorAdded")]

    def lost_executors(self):
        return [event["Executor ID"] for event in self.of("ExecutorRemoved")]

    def metric(self, *names):
        """The sum of one of the tasks' metrics, as in "Shuffle Write Metrics",
        "Shuffle Bytes Written"; attempts that failed count too."""
        return sum(self.found(event.get("Task Metrics"), names) for event in self.attempts())

    @staticmethod
    def found(value, names):
        for name in names:
            value = (value or {}).get(name)
        return value or 0

    def shuffle_bytes(self):
        """Written; what is read again is not counted again."""
        return self.metric("Shuffle Write Metrics", "Shuffle Bytes Written")

    def result_bytes(self):
        """Of what tasks sent to the driver."""
        return self.metric("Result Size")

    def broadcasts(self):
        """Bytes by name, as the driver holds them for the executors. Every stage has one
        of some kilobytes for its code."""
        pieces = {}
        for event in self.of("BlockUpdated"):
            info = event["Block Updated Info"]
            name, is_piece, _ = info["Block ID"].partition("_piece")
            if name.startswith("broadcast_") and is_piece and \
                    info["Block Manager ID"]["Executor ID"] == "driver":
                size = info["Memory Size"] + info["Disk Size"]
                pieces[info["Block ID"]] = max(size, pieces.get(info["Block ID"], 0))
        sizes = {}
        for piece, size in pieces.items():
            name = piece.partition("_piece")[0]
            sizes[name] = sizes.get(name, 0) + size
        return sizes
