"""Measures what reduced precision would do to the features of fruits.

Each precision is simulated in ONNX Runtime: weights are rounded beforehand, the inputs of
convolutions by nodes put before them, and sums stay in float32, which bf16 instructions
do and which the exact sums of int8 differ little from. Features, nearest neighbours, a
linear classifier and PCA are held against those of float32. Prints a table in Markdown;
nothing in it is drawn by chance. How fast a precision would be is not asked here.
"""

import argparse
import io
import os
import sys
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Callable, NamedTuple

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
sys.path[:0] = [str(ROOT / "tests" / "model"), str(ROOT / "bench" / "peers")]
from decoders import pillow  # noqa: E402
from onnx_model import build  # noqa: E402
from reference_network import read_safetensors  # noqa: E402

WEIGHTS = "mobilenet_v2_1.0_224.safetensors"
FRUITS = SHARED / "fruits-360" / "fruits-360-sample.tar"
CALIBRATION_IMAGES = 200
COMPONENTS = 50
PENALTY = 0.05  # the best by cross-validation on the images for fitting, in float32
REFERENCE = "float32"


# --- Precisions -------------------------------------------------------------------


def through(kind):
    return lambda kernel: kernel.astype(kind).astype(np.float32)


def int8_kernel(kernel):
    """Symmetric, a scale for each output channel, which is the first axis."""
    largest = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
    scale = np.maximum(largest, np.finfo(np.float32).tiny) / np.float32(127)
    return np.rint(kernel / scale) * scale


def bf16_nodes(name, limits):
    short, back = f"{name}_bf16", f"{name}_rounded"
    return [helper.make_node("Cast", [name], [short], to=TensorProto.BFLOAT16),
            helper.make_node("Cast", [short], [back], to=TensorProto.FLOAT)], []


def int8_nodes(name, limits):
    """Unsigned with a zero point, one scale for the tensor."""
    low, high = limits[name]
    scale = (high - low) / 255
    constants = [numpy_helper.from_array(np.float32(scale), f"{name}_scale"),
                 numpy_helper.from_array(np.uint8(round(-low / scale)), f"{name}_zero")]
    how = [constant.name for constant in constants]
    short, back = f"{name}_int8", f"{name}_rounded"
    return [helper.make_node("QuantizeLinear", [name, *how], [short]),
            helper.make_node("DequantizeLinear", [short, *how], [back])], constants


class Precision(NamedTuple):
    kernel: Callable  # rounds the weights of a layer
    nodes: Callable | None = None  # makes the nodes that round its inputs
    only_pointwise: bool = False


PRECISIONS = {
    REFERENCE: Precision(through(np.float32)),
    "bf16": Precision(through(ml_dtypes.bfloat16), bf16_nodes),
    "bf16, 1x1 layers only": Precision(through(ml_dtypes.bfloat16), bf16_nodes,
                                       only_pointwise=True),
    "bf16, weights only": Precision(through(ml_dtypes.bfloat16)),
    "fp16, weights only": Precision(through(np.float16)),
    "int8": Precision(int8_kernel, int8_nodes),
    "int8, 1x1 layers only": Precision(int8_kernel, int8_nodes, only_pointwise=True),
    "int8, weights only": Precision(int8_kernel),
}


# --- Networks ---------------------------------------------------------------------


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    # Else a layer with rounded inputs gets int8 weights of ONNX Runtime's own making, one
    # scale for all channels, whose features are off by more than their length.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options,
                                        providers=["CPUExecutionProvider"])


def has_rounded_input(node):
    """The image's bytes are exact in every precision: their scale can go into weights."""
    return node.op_type == "Conv" and node.input[0] != "input"


def calibrated(weights, images):
    """The lowest and the highest value, 0 among them, of each convolution's inputs."""
    model = onnx.load_from_string(build(weights))
    names = [node.input[0] for node in model.graph.node if has_rounded_input(node)]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    network = session(model)
    limits = dict.fromkeys(names, (0.0, 0.0))
    for image in images:
        for name, values in zip(names, network.run(names, {"input": image})):
            low, high = limits[name]
            limits[name] = min(low, float(values.min())), max(high, float(values.max()))
    return limits


def reduced(weights, precision, limits):
    model = onnx.load_from_string(build(weights))
    constants = {constant.name: constant for constant in model.graph.initializer}
    nodes = []
    for node in list(model.graph.node):
        kernel = numpy_helper.to_array(constants[node.input[1]]) if node.op_type == "Conv" else None
        if kernel is not None and (kernel.shape[2] == 1 or not precision.only_pointwise):
            constants[node.input[1]].CopyFrom(
                numpy_helper.from_array(precision.kernel(kernel), node.input[1]))
            if precision.nodes and has_rounded_input(node):
                made, more = precision.nodes(node.input[0], limits)
                node.input[0] = made[-1].output[0]
                nodes += made
                model.graph.initializer.extend(more)
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return session(model)


# --- Images -----------------------------------------------------------------------


def spread(names, count):
    return [names[i * len(names) // count] for i in range(min(count, len(names)))]


def select(tar, count):
    """Paths for fitting and for judging: as many of each class that has both."""
    paths = {"Training": defaultdict(list), "Test": defaultdict(list)}
    for path in sorted(tar.getnames()):
        parts = path.split("/")
        if len(parts) == 3:
            paths[parts[0]][parts[1]].append(path)
    classes = sorted(paths["Training"].keys() & paths["Test"].keys())
    each = max(3, count // len(classes))
    return [[path for label in classes for path in spread(paths[kind][label], share)]
            for kind, share in (("Training", each - each // 3), ("Test", each // 3))]


def label(path):
    return path.split("/")[1]


def network_input(encoded):
    """Encoded bytes to [1][3][224][224] as the reference prepares them."""
    return np.ascontiguousarray(pillow().load(io.BytesIO(encoded)).transpose(2, 0, 1)[None])


# --- What the features are good for ----------------------------------------------


def neighbours(queries, stored):
    """The nearest stored row of each query by cosine."""
    stored = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    return (queries @ stored.T).argmax(axis=1)


def classifier(features, classes):
    """Ridge regression of each class against all others, on standardised features."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1
    x = (features - mean) / deviation
    targets = np.eye(classes.max() + 1)[classes]
    share = targets.mean(axis=0)
    penalty = PENALTY * len(x) * np.eye(x.shape[1])
    solved = np.linalg.solve(x.T @ x + penalty, x.T @ (targets - share))
    return lambda rows: ((rows - mean) / deviation @ solved + share).argmax(axis=1)


def variance(features):
    values = np.linalg.eigvalsh(np.cov(features, rowvar=False))[::-1]
    return values[:COMPONENTS].sum() / values.sum()


def figures(fitted, judged, reference, classes):
    """The columns of one precision; each pair is of the images to fit on and to judge by."""
    error = np.linalg.norm(judged - reference[1], axis=1) / np.linalg.norm(reference[1], axis=1)
    nearest, expected = neighbours(judged, fitted), neighbours(reference[1], reference[0])
    shares = [error.mean(), error.max(),
              np.mean(nearest == expected),
              np.mean(neighbours(judged, reference[0]) == expected),
              np.mean(classes[0][nearest] == classes[1]),
              np.mean(classifier(reference[0], classes[0])(judged) == classes[1]),
              np.mean(classifier(fitted, classes[0])(judged) == classes[1])]
    return [*(f"{100 * share:.1f} %" for share in shares),
            f"{100 * variance(np.concatenate([fitted, judged])):.2f} %"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, metavar="FILE",
                        default=os.environ.get("VERGER_MODEL", SHARED / "models" / WEIGHTS),
                        help="weights (default %(default)s)")
    parser.add_argument("--images", type=int, default=3420, metavar="N",
                        help="two thirds to fit on, one third to judge by (default %(default)s)")
    options = parser.parse_args()

    for needed in (FRUITS, options.model):
        if not needed.exists():
            sys.exit(f"precision: no {needed}")
    with tarfile.open(FRUITS) as tar:
        chosen = select(tar, options.images)
        content = {path: tar.extractfile(path).read() for paths in chosen for path in paths}

    weights = read_safetensors(options.model)
    limits = calibrated(weights, (network_input(content[path])
                                  for path in spread(chosen[0], CALIBRATION_IMAGES)))
    networks = {name: reduced(weights, precision, limits)
                for name, precision in PRECISIONS.items()}
    features = {name: [] for name in networks}
    for count, path in enumerate(content, 1):
        one = {"input": network_input(content[path])}
        for name, network in networks.items():
            features[name].append(network.run(["features"], one)[0][0].astype(float))
        if sys.stderr.isatty():
            print(f"\r{count} of {len(content)} images", end="", file=sys.stderr)

    fitting = len(chosen[0])
    features = {name: np.split(np.array(rows), [fitting]) for name, rows in features.items()}
    classes = np.split(np.unique([label(path) for path in content], return_inverse=True)[1],
                       [fitting])
    print(f"{fitting:,} images to fit on, {len(chosen[1]):,} to judge by, "
          f"{classes[0].max() + 1} classes\n")
    print("| precision | relative L2, mean | worst | same nearest neighbour | the same among "
          "rows of float32 | neighbour of the right class | classifier fitted on float32 "
          f"| classifier fitted on its own | variance of {COMPONENTS} components |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (fitted, judged) in features.items():
        row = figures(fitted, judged, features[REFERENCE], classes)
        print(f"| {' | '.join([name, *row])} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
