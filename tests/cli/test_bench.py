"""What `verger bench` says, but for the figures themselves: those are the machine's."""
import json
import os
import re
import subprocess
import time
from pathlib import Path

MULTIPLY_ADDS = 299_494_272


def bench(call, *words):
    done = call("bench", "--kernels", "best", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_network_as_json(call):
    figures = json.loads(bench(call, "--network", "--json"))
    assert set(figures) == {"kernels", "threads", "peak_gflops", "network_images_per_second",
                            "network_share_of_peak"}
    assert figures["network_images_per_second"] > 0
    assert figures["network_share_of_peak"] > 0


def test_layers_as_json(call):
    figures = json.loads(bench(call, "--layers", "--json"))
    layers = figures["layers"]
    assert len({layer["name"] for layer in layers}) == len(layers) == 52
    for key, total in (("multiply_adds", MULTIPLY_ADDS), ("bytes", figures["bytes"])):
        assert sum(layer[key] for layer in layers) == figures[key] == total
    for layer in layers:
        assert layer["microseconds"] > 0
        assert layer["gflops"] > 0
        assert layer["share_of_peak_at_best"] >= layer["share_of_peak"] > 0


def test_layers_as_a_table(call):
    first, heading, *rows, sums = bench(call, "--layers", "--threads", 2).splitlines()
    assert ", 2 threads, peak " in first
    assert heading.split()[:3] == ["layer", "output", "channels"]
    assert len(rows) == 52
    assert re.match(r"Conv1 +112 x 112 /2 +3 > 32 ", rows[0])
    assert re.match(r"Conv_1 +7 x 7 +320 > 1280 ", rows[-1])
    assert sums.startswith("all 52 ")
    assert len({len(line) for line in [heading, *rows, sums]}) == 1


def test_latencies_as_json(call):
    figures = json.loads(bench(call, "--latency", "--threads", 2, "--json"))
    assert figures["threads"] == 2
    for who in ("one", "team"):
        assert 0 < figures[f"{who}_p50_ms"] <= figures[f"{who}_p99_ms"]


def test_latencies_go_alone(call):
    done = call("bench", "--latency", "--layers")
    assert done.returncode == 2
    assert "--latency goes with none of --layers, --network and --pin" in done.stderr


def affinities(process):
    """The CPUs that each thread of a process may run on."""
    found = set()
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        try:
            found.add(re.search(r"^Cpus_allowed_list:\s*(\S+)", status.read_text(), re.M)[1])
        except FileNotFoundError:  # it has just ended
            pass
    return found


def test_pinned_threads_have_a_cpu_each(verger, environment):
    cpus = {str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:2]}
    command = [verger, "bench", "--network", "--kernels", "best", "--threads", "2", "--pin"]
    seen = set()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            seen |= affinities(process)
            time.sleep(0.02)
    assert process.returncode == 0
    assert cpus <= seen
