"""Times verger beside its peers on one core and on two, turn about in one run.

All run the same weights in float32. Before anything is timed, the features of each peer
are held against those the reference system published, where they are here, else against
verger's: a peer that computes something else is printed as wrong, not as fast. Then come
the network alone, an image a call, and the way from JPEG files to features. Prints tables
in Markdown; asserts no time. Fewer cores to use: taskset -c 0 before the command.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import sample
from engines import ENGINES
from judging import distance, is_wrong, percent, table
from machine import cores as usable_cores
from machine import cpu_name, siblings
from teams import Failed, Team, Verger, Work

DEFAULT_PEERS = ("onnxruntime", "openvino", "litert", "ncnn")
PARTS = ("network", "files")
DECODERS = ("pillow", "opencv")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE",
                        help="weights (default: $VERGER_MODEL, the cache, ../shared/models)")
    parser.add_argument("--peer", action="append", choices=ENGINES, metavar="NAME",
                        help=f"{', '.join(ENGINES)}; may be given again (default: "
                             f"{', '.join(DEFAULT_PEERS)})")
    parser.add_argument("--only", choices=PARTS, help="the network alone, or from files alone")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns of each (default 7)")
    parser.add_argument("--seconds", type=int, metavar="S",
                        help="of a turn of the network alone (default 2)")
    parser.add_argument("--count", type=int, metavar="N",
                        help="files of a turn from files (default 300)")
    parser.add_argument("--images", type=Path, metavar="FOLDER",
                        help="JPEG files to time, at any depth (default: Fruits-360 in "
                             ".deps or ../shared, else drawn ones)")
    parser.add_argument("--batch", type=int, default=1, metavar="N",
                        help="images a peer's call, network alone (default 1)")
    parser.add_argument("--quick", action="store_true",
                        help="to see that all works: 2 rounds, 1 second, 32 files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, round by round")
    options = parser.parse_args()
    usual = {"rounds": 2, "seconds": 1, "count": 32} if options.quick else {
        "rounds": 7, "seconds": 2, "count": 300}
    for name, value in usual.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if min(options.rounds, options.seconds, options.count, options.batch) < 1:
        parser.error("numbers are 1 and more")
    options.peer = list(dict.fromkeys(options.peer or DEFAULT_PEERS))
    return options


def has_amx(verger):
    """Whether the CPU has the set whose bits are others, which is used by name alone."""
    said = subprocess.run([verger, "--version"], check=True, capture_output=True, text=True).stdout
    return any(re.search(r"by name alone.*\bamx$", line) for line in said.splitlines())


def checked_images(verger, weights, fruits):
    """Files, their reference features, and how far those of verger's kernel sets are off (None:
    the reference is verger's own)."""
    published = sample.published(fruits)
    files = published[0] if published else sample.spread(fruits, sample.CHECKED_IMAGES)
    sets = ("best", "amx") if has_amx(verger) else ("best",)
    ours = {kernels: sample.verger_features(verger, weights, fruits, files, kernels)
            for kernels in sets}
    reference = published[1] if published else ours["best"]
    off = {kernels: distance(features, reference) for kernels, features in ours.items()}
    if not published:
        off["best"] = None
    elif is_wrong(off["best"]):
        sys.exit(f"compare: verger's features are off by {percent(off['best'])} from the published "
                 "ones: other weights?")
    return files, reference, off


def teams(stack, work, peers, cores, off):
    """Verger first. On two cores a peer's network has two ways: a process on each core, and
    one with two threads; what is done file by file would gain nothing from the latter."""
    for kernels, far in off.items():
        yield Verger(work, cores, far, kernels)
    for peer in peers:
        if work.files:
            for decoder in DECODERS:
                yield Team(stack, work, peer, cores, decoder=decoder)
        else:
            yield Team(stack, work, peer, cores)
            if len(cores) > 1:
                yield Team(stack, work, peer, cores, threads=len(cores))


def contest(work, peers, cores, off, rounds):
    """The rows, verger's first: a turn of each to warm up, then those that count."""
    with contextlib.ExitStack() as stack:
        entered = []
        for team in teams(stack, work, peers, cores, off):
            entered.append(team)
            print(f"compare: {team.row.full_name()}: {team.row.verdict or 'ready'}",
                  file=sys.stderr)
        for turn in range(-1, rounds):
            for team in entered:
                if team.row.verdict:
                    continue
                try:
                    rate = team.turn()
                except Failed as problem:
                    team.row.verdict = f"gave up: {problem}"
                    continue
                if turn >= 0:
                    team.row.rates.append(rate)
    return [team.row for team in entered]


def title(what, cores):
    return f"{what}, {'one core' if len(cores) == 1 else 'two cores'}"


def main():
    options = parse()
    verger = (options.build / "verger").resolve()
    if not verger.exists():
        sys.exit(f"compare: no {verger}: run make")
    weights = sample.find_weights(options.model)
    usable = usable_cores()[:2]
    facts = {"cpu": cpu_name(), "cores": usable, "rounds": options.rounds,
             "seconds": options.seconds, "files": options.count, "batch": options.batch,
             "contests": []}
    print(f"{facts['cpu']}, CPUs {' and '.join(map(str, usable))}; {options.rounds} rounds, "
          f"{options.seconds} s or {options.count} files a turn"
          + (f"; peers' batch {options.batch}" if options.batch > 1 else ""))
    if len(usable) == 1:
        print("One core is all there is to use: nothing is timed on two.")

    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch).resolve()
        fruits = sample.fruits(scratch, options.count)
        checked, reference, off = checked_images(verger, weights, fruits)
        folder = options.images.resolve() if options.images else fruits
        network = Work(verger, weights, scratch, checked, reference, folder, [], options.seconds,
                       options.batch)
        files = Work(verger, weights, scratch, checked, reference, folder,
                     sample.spread(folder, options.count), options.seconds)
        for part, what, work in zip(PARTS, ("network alone", "from JPEG files"), (network, files)):
            if options.only not in (None, part):
                continue
            for cores in [usable[:1], usable] if len(usable) > 1 else [usable]:
                rows = contest(work, options.peer, cores, off, options.rounds)
                print(f"\n{table(title(what, cores), rows)}", flush=True)
                facts["contests"].append({"what": what, "cores": cores,
                                          "rows": [row.facts(rows[0].rates) for row in rows]})
    if options.json:
        options.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as problem:
        sys.exit(f"compare: {' '.join(map(str, problem.cmd))}: exit {problem.returncode}\n"
                 f"{problem.stderr or ''}")
