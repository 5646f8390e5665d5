"""Times verger's network and its peers on one core, turn about in one run.

All run the same weights in float32 on the same core. Before anything is timed, the
features of each peer are held against verger's, and against those the reference system
published where they are here: a peer that computes something else is no peer. Prints a
table in Markdown; asserts no time.
"""

import argparse
import io
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
import pyarrow.parquet
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT / "tests" / "model"))
sys.path.insert(0, str(Path(__file__).parent))
from reference_network import read_safetensors  # noqa: E402

SIZE = 224
CHECKED_IMAGES = 8
TOLERANCE = 1e-5  # relative L2


def network_input(encoded):
    """Encoded bytes to [224][224][3] as the reference prepares them."""
    image = Image.open(io.BytesIO(encoded)).convert("RGB").resize((SIZE, SIZE))
    return np.asarray(image, np.float32) / np.float32(127.5) - np.float32(1)


def arranged(images, peer):
    """Images [n][224][224][3] in the layout the peer takes; no part of what is timed."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2) if peer.channels_first else images)


# --- The peers --------------------------------------------------------------------


class Peer(NamedTuple):
    name: str
    channels_first: bool  # the layout of the images it takes
    run: Callable[[np.ndarray], np.ndarray]


def onnx_runtime(weights, batch):
    import onnxruntime
    from onnx_model import build

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(build(weights, batch), options,
                                           providers=["CPUExecutionProvider"])
    return Peer(f"ONNX Runtime {onnxruntime.__version__}", True,
                lambda images: session.run(["features"], {"input": images})[0])


def openvino(weights, batch):
    import openvino
    from onnx_model import build

    # Its default on CPUs that have bf16 is bf16, whose features are off by a fifth.
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    core = openvino.Core()
    request = core.compile_model(core.read_model(build(weights, batch)), "CPU",
                                 settings).create_infer_request()
    return Peer(f"OpenVINO {openvino.__version__.split('-')[0]}", True,
                lambda images: request.infer({0: images})[0])


def litert(weights, batch):
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter
    from tflite_model import build

    interpreter = Interpreter(model_content=build(weights, batch), num_threads=1)
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images):
        interpreter.set_tensor(taken["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return Peer(f"LiteRT {version('ai-edge-litert')}", False, run)


PEERS = {"onnxruntime": onnx_runtime, "openvino": openvino, "litert": litert}


# --- What is computed: checked before it is timed ---------------------------------


def sample():
    """Some images by path, and the published features of those, where both are here."""
    features_file = SHARED / "reference" / "mini" / "features.snappy.parquet"
    archive = SHARED / "fruits-360" / "fruits-360-sample.tar"
    if features_file.exists() and archive.exists():
        rows = pyarrow.parquet.read_table(features_file).slice(0, CHECKED_IMAGES).to_pylist()
        paths = ["Training/" + row["path"].split("/Training/")[1] for row in rows]
        with tarfile.open(archive) as tar:
            images = {path: tar.extractfile(path).read() for path in paths}
        return images, np.array([row["features"] for row in rows], np.float32)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ROOT / "tools/generate-fruits", "--classes", str(CHECKED_IMAGES),
                        "--per-class", "1", folder], check=True, stdout=subprocess.DEVNULL)
        files = sorted(Path(folder).glob("Training/*/*.jpg"))
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}, None


def verger_features(verger, weights, images):
    with tempfile.TemporaryDirectory() as folder:
        for path, content in images.items():
            target = Path(folder) / "in" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        listed = Path(folder) / "list"
        listed.write_text("".join(f"{path}\n" for path in images))
        subprocess.run([verger, "run", Path(folder) / "in", Path(folder) / "out", "-k", "2",
                        "--files-from", listed, "--model", weights, "--format", "parquet",
                        "--progress", "none", "--log-level", "error"],
                       check=True, stdout=subprocess.DEVNULL)
        [table] = (Path(folder) / "out/features/parquet").glob("features_*/part-*.parquet")
        rows = pyarrow.parquet.ParquetFile(table).read().to_pylist()
    by_path = {row["path"].removeprefix(f"{folder}/in/"): row["features"] for row in rows}
    return np.array([by_path[path] for path in images], np.float32)


def distance(features, expected):
    return float(np.linalg.norm(features - expected) / np.linalg.norm(expected))


def check(name, features, expected, of_whom):
    error = distance(features, expected)
    print(f"{name}: features differ by {error:.1e} (relative L2) from {of_whom}")
    if not error <= TOLERANCE:
        sys.exit(f"compare: more than {TOLERANCE:.0e}: the two do not compute the same")


# --- How fast ---------------------------------------------------------------------


def time_verger(verger, seconds):
    done = subprocess.run([verger, "bench", "--network", "--threads", "1", "--kernels", "best",
                           "--seconds", str(seconds), "--json"],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def time_peer(run, images, seconds):
    start = time.perf_counter()
    rounds, elapsed = 0, 0.0
    while elapsed < seconds:
        run(images)
        rounds += 1
        elapsed = time.perf_counter() - start
    return rounds * len(images) / elapsed


def cpu_name():
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


def find_weights(named):
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    file = "mobilenet_v2_1.0_224.safetensors"
    places = [cache / "verger" / file, SHARED / "models" / file]
    for path in [Path(named)] if named else places:
        if path.exists():
            return path
    sys.exit("compare: no weights: run 'verger model fetch', or name a file with --model")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", metavar="BUILD", type=Path, help="folder of the verger command")
    parser.add_argument("--model", default=os.environ.get("VERGER_MODEL"), metavar="FILE")
    parser.add_argument("--peer", action="append", choices=PEERS, metavar="NAME",
                        help=f"{', '.join(PEERS)}; may be given again (default onnxruntime)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=int, default=2, metavar="S", help="of each turn")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="images a peer's call")
    options = parser.parse_args()
    verger = (options.build / "verger").resolve()

    # Everything below, children included, stays on one core.
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})

    weights = find_weights(options.model)
    tensors = read_safetensors(weights)
    images, published = sample()
    inputs = np.stack([network_input(content) for content in images.values()])
    ours = verger_features(verger, weights, images)
    if published is not None:
        check("verger", ours, published, "the published ones")

    peers = []
    for peer in options.peer or ["onnxruntime"]:
        one = PEERS[peer](tensors, 1)
        features = np.concatenate([one.run(arranged(image[None], one)) for image in inputs])
        check(one.name, features, ours, "verger's")
        peers.append(PEERS[peer](tensors, options.batch))
    images = [arranged(np.resize(inputs, (options.batch, SIZE, SIZE, 3)), peer) for peer in peers]

    # One turn to warm up, then those that count.
    rates = {name: [] for name in ["verger", *(peer.name for peer in peers)]}
    for turn in range(-1, options.rounds):
        facts = time_verger(verger, options.seconds)
        measured = [facts["network_images_per_second"]]
        measured += [time_peer(peer.run, batch, options.seconds)
                     for peer, batch in zip(peers, images)]
        for name, rate in zip(rates, measured):
            if turn >= 0:
                rates[name].append(rate)

    print(f"\n{cpu_name()}, core {core}, {options.rounds} rounds of {options.seconds} s, "
          f"verger's kernels {facts['kernels']}, peers' batch {options.batch}\n")
    print("| network alone, one core | images/s, median | lowest | highest | verger is |")
    print("|---|---|---|---|---|")
    for name, measured in rates.items():
        # Rounds lie side by side in time, so that their quotients are compared alike.
        quotient = statistics.median(v / m for v, m in zip(rates["verger"], measured))
        note = "" if name == "verger" else f"{quotient:.2f} x"
        print(f"| {name} | {statistics.median(measured):.1f} | {min(measured):.1f} "
              f"| {max(measured):.1f} | {note} |")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as problem:
        sys.exit(f"compare: {' '.join(map(str, problem.cmd))}: exit {problem.returncode}")
