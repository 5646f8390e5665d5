"""Weights files in the layouts in which Keras writes MobileNetV2, with random values."""

import h5py
import numpy as np

from reference_network import BLOCKS

EPSILON = 1e-3
CHANNELS = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320]
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def layer_shapes():
    """(name, batch norm's name, kernel's shape) in the order of the network."""
    yield "Conv1", "bn_Conv1", (3, 3, 3, 32)
    channels = 32
    for (block, _, _), out in zip(BLOCKS, CHANNELS):
        expanded = channels if block == "expanded_conv" else 6 * channels
        if block != "expanded_conv":
            yield block + "_expand", block + "_expand_BN", (1, 1, channels, expanded)
        yield block + "_depthwise", block + "_depthwise_BN", (3, 3, expanded, 1)
        yield block + "_project", block + "_project_BN", (1, 1, expanded, out)
        channels = out
    yield "Conv_1", "Conv_1_bn", (1, 1, channels, 1280)


def is_depthwise(shape):
    return shape[3] == 1


def random_layers(seed):
    """name -> (batch norm's name, kernel, {variable: values}), sized to keep features alive."""
    random = np.random.default_rng(seed)
    layers = {}
    for name, norm, shape in layer_shapes():
        channels = shape[2] if is_depthwise(shape) else shape[3]
        fan_in = shape[0] * shape[1] * (1 if is_depthwise(shape) else shape[2])
        layers[name] = norm, random.normal(0, fan_in**-0.5, shape).astype("f4"), {
            "gamma": random.uniform(0.8, 1.8, channels).astype("f4"),
            "beta": random.normal(0, 0.2, channels).astype("f4"),
            "moving_mean": random.normal(0, 0.2, channels).astype("f4"),
            "moving_variance": random.uniform(0.6, 1.5, channels).astype("f4"),
        }
    return layers


def folded(layers):
    """What the import should give: batch norm folded in float64, rounded once."""
    tensors = {}
    for name, (_, kernel, norm) in layers.items():
        norm = {key: values.astype("f8") for key, values in norm.items()}
        scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + EPSILON)
        depthwise = is_depthwise(kernel.shape)
        by_channel = scale[:, np.newaxis] if depthwise else scale
        key = "/depthwise_kernel" if depthwise else "/kernel"
        tensors[name + key] = (kernel.astype("f8") * by_channel).astype("f4")
        tensors[name + "/bias"] = (norm["beta"] - norm["moving_mean"] * scale).astype("f4")
    return tensors


def unfolded(tensors):
    """Layers that fold back into these tensors, but for the last bit."""
    layers = {}
    for name, norm, shape in layer_shapes():
        kernel = tensors[name + ("/depthwise_kernel" if is_depthwise(shape) else "/kernel")]
        bias = tensors[name + "/bias"]
        layers[name] = norm, kernel, {
            "gamma": np.ones_like(bias), "beta": bias, "moving_mean": np.zeros_like(bias),
            "moving_variance": np.full_like(bias, 1 - EPSILON),
        }
    return layers


def kernel_name(kernel):
    return "depthwise_kernel" if is_depthwise(kernel.shape) else "kernel"


def write_by_name(path, layers, parent="/", rename=lambda name: name, extra=(), suffix=":0",
                  keep_depthwise_name=True, variable_strings=False):
    """The layout of the published files. `rename` gives layers other names."""
    with h5py.File(path, "w") as file:
        root = file.require_group(parent)
        names = ["input_1"]
        root.create_group("input_1").attrs["weight_names"] = np.array([], "S1")

        def add(layer, variables):
            layer = rename(layer)
            names.append(layer)
            group = root.create_group(layer)
            group.attrs["weight_names"] = np.array(
                [f"{layer}/{key}{suffix}".encode() for key in variables]
            )
            for key, values in variables.items():
                group.create_dataset(f"{layer}/{key}{suffix}", data=values)

        for layer, (norm, kernel, variables) in layers.items():
            key = kernel_name(kernel) if keep_depthwise_name else "kernel"
            add(layer, {key: kernel})
            add(norm, variables)
            names.append(layer + "_relu")
            root.create_group(layer + "_relu").attrs["weight_names"] = np.array([], "S1")
        for layer, variables in extra:
            add(layer, variables)
        root.attrs["layer_names"] = (
            names if variable_strings else np.array([name.encode() for name in names])
        )
        root.attrs["backend"] = b"tensorflow"


def write_by_class(path, layers, parent="layers"):
    """The layout of save_weights("x.weights.h5"), Keras 3."""
    counts = {}

    def numbered(kind):
        count = counts.get(kind, 0)
        counts[kind] = count + 1
        return kind if count == 0 else f"{kind}_{count}"

    with h5py.File(path, "w") as file:
        root = file.create_group(parent)
        root.create_group("input_layer/vars")
        for norm, kernel, variables in layers.values():
            kind = "depthwise_conv2d" if is_depthwise(kernel.shape) else "conv2d"
            root.create_dataset(f"{numbered(kind)}/vars/0", data=kernel)
            group = root.create_group(numbered("batch_normalization") + "/vars")
            for index, key in enumerate(BATCH_NORM):
                group.create_dataset(str(index), data=variables[key])
            root.create_group(numbered("re_lu") + "/vars")
