#!/usr/bin/env python3
"""Holds `verger predict -` against other engines: from a path through a pipe to a label.

Each is a process that reads a path, decodes the image, runs the network and the classifier, and
writes a line; what is timed is from the line that is sent to the one that comes back. The others
decode by Pillow, to the pixels that verger has, and take the classifier's weights in numpy. All have
as many threads as there are CPUs, and work in turns, a hundred images each; the labels have to agree.
Prints a table in Markdown; asserts no time.
"""

import argparse
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench" / "peers"), str(ROOT / "tests"), str(ROOT / "tests" / "model")]

from decoders import pillow  # noqa: E402
from engines import ENGINES  # noqa: E402
from machine import cpu_name  # noqa: E402
from reference_network import read_safetensors  # noqa: E402
from sample import find_weights, spread  # noqa: E402
from tensor_files import read_tensors  # noqa: E402

TURN = 100


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("classifier", metavar="CLASSIFIER", type=Path)
    parser.add_argument("images", metavar="FOLDER", type=Path, help="JPEG files below are taken")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    return parser.parse_args()


def serve(options):
    """The other end of a pipe: a path in, a label out."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes elsewhere
    peer = ENGINES[options.serve](read_safetensors(find_weights(options.model)), 1, options.threads)
    load, (_, tensors) = pillow().load, read_tensors(options.classifier)
    names = tensors["labels"].tobytes().decode().split("\0")
    weights = np.float32(tensors["weights"].T)
    bias = np.float32(tensors["bias"] - tensors["weights"] @ tensors["mean"])
    print(peer.name, file=answers, flush=True)
    for line in sys.stdin:
        image = load(line.rstrip("\n"))[None]
        if peer.channels_first:
            image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
        scores = peer.run(image)[0] @ weights + bias
        print(names[scores.argmax()], file=answers, flush=True)


class Answerer:
    def __init__(self, name, command):
        self.name, self.seconds, self.labels = name, [], {}
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, path):
        start = time.perf_counter()
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return line.rstrip("\n"), time.perf_counter() - start

    def turn(self, paths, counts):
        """The median; the first round warms up."""
        taken = []
        for path in paths:
            line, seconds = self.ask(path)
            words = line.split("\t")
            self.labels[path] = words[1] if len(words) > 1 else words[0]
            taken.append(seconds)
        if counts:
            self.seconds += taken
        return np.median(taken)


def main():
    options = parse()
    if options.serve:
        return serve(options)
    weights = find_weights(options.model)
    given = ["--model", weights, "--threads", options.threads]
    answerers = [Answerer("verger predict", [options.build / "verger", "predict", options.classifier,
                                             "-", *given])]
    for engine in ("litert", "onnxruntime", "openvino"):
        answerers.append(Answerer(engine, [sys.executable, __file__, options.build,
                                           options.classifier, options.images, *given, "--serve", engine]))
        answerers[-1].name = f"{answerers[-1].process.stdout.readline().strip()} and Pillow"
    paths = spread(options.images, TURN)
    medians = [[one.turn(paths, number > 0) for one in answerers] for number in range(options.rounds + 1)]
    print(f"{date.today()}, {cpu_name()}, {options.threads} threads, {len(paths)} JPEG files, "
          f"{options.rounds} rounds\n\n| | p50, ms | p90, ms | p99, ms | its median by verger's |"
          " the same label |\n|---|---|---|---|---|---|")
    ours = answerers[0]
    for number, one in enumerate(answerers):
        p50, p90, p99 = np.quantile(one.seconds, (0.5, 0.9, 0.99)) * 1e3
        quotients = [row[number] / row[0] for row in medians[1:]]
        same = np.mean([one.labels[path] == ours.labels[path] for path in paths])
        print(f"| {one.name} | {p50:.2f} | {p90:.2f} | {p99:.2f} | {np.median(quotients):.2f} | {same:.1%} |")
        one.process.stdin.close()
        one.process.wait()


main()
