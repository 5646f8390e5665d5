"""MobileNetV2 in float64 with numpy, written to be read: the oracle of the tests."""

import json
import struct

import numpy as np

# (name, stride, has a residual); the first block has no expansion.
BLOCKS = [
    ("expanded_conv", 1, False),
    ("block_1", 2, False), ("block_2", 1, True),
    ("block_3", 2, False), ("block_4", 1, True), ("block_5", 1, True),
    ("block_6", 2, False), ("block_7", 1, True), ("block_8", 1, True), ("block_9", 1, True),
    ("block_10", 1, False), ("block_11", 1, True), ("block_12", 1, True),
    ("block_13", 2, False), ("block_14", 1, True), ("block_15", 1, True),
    ("block_16", 1, False),
]


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = file.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(values[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
    }


def relu6(x):
    return np.clip(x, 0.0, 6.0)


def patches(x, stride):
    """The nine shifted views of a 3x3 window, TensorFlow's SAME padding."""
    before = 1 if stride == 1 else 0
    padded = np.pad(x, ((before, 1), (before, 1), (0, 0)))
    size = x.shape[0] // stride
    for i in range(3):
        for j in range(3):
            yield i, j, padded[i : i + size * stride : stride, j : j + size * stride : stride]


def convolution(x, kernel, stride=1):
    kernel = kernel.astype(np.float64)
    if kernel.shape[0] == 1:
        return x @ kernel[0, 0]
    return sum(view @ kernel[i, j] for i, j, view in patches(x, stride))


def depthwise(x, kernel, stride):
    kernel = kernel.astype(np.float64)
    return sum(view * kernel[i, j, :, 0] for i, j, view in patches(x, stride))


def features(weights, rgb):
    """rgb: uint8 [224][224][3]; weights: as in the safetensors file; 1280 features."""

    def bias(layer):
        return weights[layer + "/bias"].astype(np.float64)

    def pointwise(x, layer):
        return convolution(x, weights[layer + "/kernel"]) + bias(layer)

    x = rgb.astype(np.float64) / 127.5 - 1.0
    x = relu6(convolution(x, weights["Conv1/kernel"], 2) + bias("Conv1"))
    for name, stride, has_residual in BLOCKS:
        block_input = x
        if name != "expanded_conv":
            x = relu6(pointwise(x, name + "_expand"))
        kernel = weights[name + "_depthwise/depthwise_kernel"]
        x = relu6(depthwise(x, kernel, stride) + bias(name + "_depthwise"))
        x = pointwise(x, name + "_project")
        if has_residual:
            x = x + block_input
    return relu6(pointwise(x, "Conv_1")).mean(axis=(0, 1))
