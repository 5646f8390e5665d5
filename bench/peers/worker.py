"""A peer in a process of its own, at work when it is told to (teams.py is its other end).

The parent has put it on its cores. The first line of its input says what to load; it
writes the features of the checked images, says that it is ready, and answers each line
that follows with a turn: how many images in how many seconds.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "model"))
from decoders import DECODERS, pillow  # noqa: E402
from engines import ENGINES  # noqa: E402
from reference_network import read_safetensors  # noqa: E402


def arranged(images, peer):
    """Images [n][224][224][3] in the layout the peer takes."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2) if peer.channels_first else images)


def features(peer, load, files, batch):
    """By calls of the size that is timed, the last one filled up with the first images."""
    images = np.stack([load(file) for file in files])
    calls = [np.take(images, range(start, start + batch), axis=0, mode="wrap")
             for start in range(0, len(files), batch)]
    return np.concatenate([peer.run(arranged(call, peer)) for call in calls])[: len(files)]


def network_turn(peer, images, seconds):
    """The images are arranged beforehand: no part of what is timed."""
    peer.run(images)
    start = time.perf_counter()
    calls, elapsed = 0, 0.0
    while elapsed < seconds:
        peer.run(images)
        calls += 1
        elapsed = time.perf_counter() - start
    return calls * len(images), elapsed


def files_turn(peer, load, files):
    def extract(file):
        return peer.run(arranged(load(file)[None], peer))

    extract(files[0])
    start = time.perf_counter()
    for file in files:
        extract(file)
    return len(files), time.perf_counter() - start


def main():
    # Whatever a library prints goes elsewhere than the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**facts):
        print(json.dumps(facts), file=answers, flush=True)

    asked = json.loads(sys.stdin.readline())
    batch = asked["batch"]
    peer = ENGINES[asked["engine"]](read_safetensors(asked["weights"]), batch, asked["threads"])
    reference_decoder = pillow()
    decoder = DECODERS[asked["decoder"]]()
    checked = asked["checked"]
    np.savez(asked["features"], network=features(peer, reference_decoder.load, checked, batch),
             decoded=features(peer, decoder.load, checked, batch))
    answer(engine=peer.name, decoder=decoder.name)

    images = arranged(np.resize(reference_decoder.load(checked[0]), (batch, 224, 224, 3)), peer)
    for _ in sys.stdin:
        if asked["files"]:
            images_done, seconds = files_turn(peer, decoder.load, asked["files"])
        else:
            images_done, seconds = network_turn(peer, images, asked["seconds"])
        answer(images=images_done, seconds=seconds)


main()
