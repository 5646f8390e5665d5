"""Those who take turns: verger, and a peer's workers, each pinned to its cores."""

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judging import Row, distance

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600  # seconds of silence after which a worker is given up


class Failed(Exception):
    """A worker that cannot go on; says what it said last."""


@dataclass
class Work:
    """What all have in common: `files` are extracted in a turn, or where there are none
    the network alone runs for `seconds`."""

    verger: Path
    weights: Path
    scratch: Path
    checked: list  # files whose features are known
    reference: np.ndarray
    folder: Path  # of the files
    files: list
    seconds: int
    batch: int = 1


def pinned(cores):
    return lambda: os.sched_setaffinity(0, cores)


def extraction_rate(events):
    """Images/s between the first image and the last: as with the peers, the weights have
    been read by then, and no table is written yet."""
    times = [(event["done"], event["seconds"]) for event in events
             if event["event"] == "progress" and event["phase"] == "extract"]
    (done, start), (total, end) = times[0], times[-1]
    return (total - done) / (end - start)


class Verger:
    """The command with its best float32 kernels or another set: its own threads on the cores, its
    own figures."""

    def __init__(self, work, cores, off, kernels="best"):
        self.work, self.cores, self.kernels = work, cores, kernels
        self.row = Row("verger" if kernels == "best" else f"verger, {kernels}",
                       f"{len(cores)} threads" if len(cores) > 1 else "", off)
        self.list = work.scratch / "list"
        self.list.write_text("".join(f"{file.relative_to(work.folder)}\n" for file in work.files))

    def command(self, *words):
        command = [self.work.verger, *words, "--model", self.work.weights, "--threads",
                   len(self.cores)]
        return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                              text=True, preexec_fn=pinned(self.cores))

    def turn(self):
        if not self.work.files:
            done = self.command("bench", "--network", "--kernels", self.kernels, "--seconds",
                                self.work.seconds, "--json")
            return json.loads(done.stdout.splitlines()[-1])["network_images_per_second"]
        with tempfile.TemporaryDirectory(dir=self.work.scratch) as output:
            done = self.command("run", self.work.folder, output, "-k", "2", "--files-from",
                                self.list, "--format", "parquet", "--progress", "json",
                                *(["--kernels", self.kernels] if self.kernels != "best" else []))
            return extraction_rate(map(json.loads, done.stderr.splitlines()))


class Worker:
    def __init__(self, asked, cores):
        self.messages = tempfile.TemporaryFile()
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name("worker.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=self.messages, preexec_fn=pinned(cores))
        self.ask(asked)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.messages.close()

    def ask(self, asked):
        try:
            print(json.dumps(asked), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise Failed(self.last_words()) from None

    def answer(self):
        readable, _, _ = select.select([self.process.stdout], [], [], LIMIT)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            raise Failed(self.last_words() if readable else f"silent for {LIMIT} s")
        return json.loads(line)

    def last_words(self):
        code = self.process.wait()
        self.messages.seek(0)
        lines = self.messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit {code}"


class Team:
    """One engine on the cores: a process on each `threads` of them."""

    def __init__(self, stack, work, engine, cores, threads=1, decoder="pillow"):
        self.work, self.workers = work, []
        shares = [cores[i : i + threads] for i in range(0, len(cores), threads)]
        self.row = Row(f"{engine}, {decoder}" if work.files else engine)
        if len(cores) > 1:
            self.row.way = f"{threads} threads" if threads > 1 else f"{len(shares)} processes"
        for number, share in enumerate(shares):
            asked = {"engine": engine, "decoder": decoder, "threads": threads,
                     "weights": str(work.weights), "batch": work.batch, "seconds": work.seconds,
                     "checked": list(map(str, work.checked)),
                     "files": list(map(str, work.files[number :: len(shares)])),
                     "features": str(work.scratch / f"features-{number}.npz")}
            self.workers.append(stack.enter_context(Worker(asked, share)))
        try:
            for number, worker in enumerate(self.workers):
                self.check(worker.answer(), work.scratch / f"features-{number}.npz")
        except Failed as problem:
            self.row.verdict = f"does not run here: {problem}"

    def check(self, names, features):
        self.row.name = names["engine"]
        if self.work.files:
            self.row.name += f", {names['decoder']}"
        if not self.row.verdict:
            with np.load(features) as found:
                self.row.judge(distance(found["network"], self.work.reference),
                               distance(found["decoded"], self.work.reference))

    def turn(self):
        for worker in self.workers:
            worker.ask("go")
        answers = [worker.answer() for worker in self.workers]
        if self.work.files:  # done when the last one is
            return sum(a["images"] for a in answers) / max(a["seconds"] for a in answers)
        return sum(a["images"] / a["seconds"] for a in answers)
