"""The peers: each builds the same network from the weights, in float32.

An engine imports its package when it is asked for, so that one peer can be timed where
another is not installed.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np


class Peer(NamedTuple):
    name: str
    channels_first: bool  # the layout of the images it takes
    run: Callable[[np.ndarray], np.ndarray]


def onnx_runtime(weights, batch, threads):
    import onnxruntime
    from onnx_model import build

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(build(weights, batch), options,
                                           providers=["CPUExecutionProvider"])
    return Peer(f"ONNX Runtime {onnxruntime.__version__}", True,
                lambda images: session.run(["features"], {"input": images})[0])


def openvino_with(settings, named, weights, batch, threads):
    import openvino
    from onnx_model import build

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                "ENABLE_CPU_PINNING": False, **settings}
    core = openvino.Core()
    request = core.compile_model(core.read_model(build(weights, batch)), "CPU",
                                 settings).create_infer_request()
    return Peer(f"OpenVINO {openvino.__version__.split('-')[0]}{named}", True,
                lambda images: request.infer({0: images})[0])


def openvino(weights, batch, threads):
    return openvino_with({"INFERENCE_PRECISION_HINT": "f32"}, "", weights, batch, threads)


def openvino_default(weights, batch, threads):
    """As it comes: on CPUs that have bf16 it takes bf16, whose features are off by a fifth."""
    return openvino_with({}, ", precision of its choice", weights, batch, threads)


def litert(weights, batch, threads):
    from ai_edge_litert.interpreter import Interpreter
    from tflite_model import build

    interpreter = Interpreter(model_content=build(weights, batch), num_threads=threads)
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images):
        interpreter.set_tensor(taken["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return Peer(f"LiteRT {version('ai-edge-litert')}", False, run)


def ncnn(weights, batch, threads):
    """It has no batches: as many calls as images."""
    import ncnn
    from ncnn_model import build

    net = ncnn.Net()
    net.opt.num_threads = threads
    for shortcut in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed",
                     "bf16_storage"):
        setattr(net.opt, f"use_{shortcut}", False)
    parameters, values = build(weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bin"
        file.write_bytes(values)
        if net.load_param_mem(parameters) != 0 or net.load_model(str(file)) != 0:
            raise RuntimeError("ncnn does not take the model")

    def features(image):
        extractor = net.create_extractor()
        extractor.input("input", ncnn.Mat(image))
        return np.array(extractor.extract("features")[1])

    return Peer(f"ncnn {version('ncnn')}", True,
                lambda images: np.stack([features(image) for image in images]))


# By the names that --peer takes.
ENGINES = {"onnxruntime": onnx_runtime, "openvino": openvino, "litert": litert, "ncnn": ncnn,
           "openvino-default": openvino_default}
