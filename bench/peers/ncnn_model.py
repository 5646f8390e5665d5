"""MobileNetV2 as ncnn's two files, from the same safetensors weights that verger reads."""

import numpy as np
from reference_network import BLOCKS

SIZE = 224
MAGIC = "7767517"
RAW_FLOAT32 = bytes(4)  # the tag before weights that are not packed
RELU6 = "9=3 -23310=2,0.0,6.0"  # activation 3, clip, with two parameters


class Graph:
    """Layers and their values under construction; `last` names the newest output."""

    def __init__(self, weights):
        self.weights = weights
        self.layers, self.values = [], []
        self.blobs = 0
        self.layer("Input", [], ["input"], f"0={SIZE} 1={SIZE} 2=3")

    def layer(self, kind, inputs, outputs, parameters=""):
        self.layers.append(f"{kind} {outputs[0]} {len(inputs)} {len(outputs)} "
                           f"{' '.join([*inputs, *outputs])} {parameters}")
        self.blobs += len(outputs)
        self.last = outputs[0]

    def convolution(self, layer, stride=1, relu6=True, is_depthwise=False):
        """Kernels go from HWIO (depthwise: HWC1) to OIHW. TensorFlow's SAME padding of a
        3x3 window is on both sides at stride 1, at the bottom and right at stride 2."""
        kernel = self.weights[f"{layer}/{'depthwise_' if is_depthwise else ''}kernel"]
        kernel = kernel.transpose(2, 3, 0, 1) if is_depthwise else kernel.transpose(3, 2, 0, 1)
        channels, size = kernel.shape[0], kernel.shape[2]
        before, after = int(size == 3 and stride == 1), int(size == 3)
        parameters = (f"0={channels} 1={size} 3={stride} 4={before} 14={before} 15={after} "
                      f"16={after} 5=1 6={kernel.size}")
        if is_depthwise:
            parameters += f" 7={channels}"
        if relu6:
            parameters += f" {RELU6}"
        self.layer("ConvolutionDepthWise" if is_depthwise else "Convolution", [self.last], [layer],
                   parameters)
        self.values += [RAW_FLOAT32, np.ascontiguousarray(kernel, "<f4").tobytes(),
                        self.weights[f"{layer}/bias"].astype("<f4").tobytes()]

    def split(self):
        """A blob has one reader; gives the name that the second one reads."""
        first, second = f"{self.last}_first", f"{self.last}_second"
        self.layer("Split", [self.last], [first, second])
        return second


def build(weights):
    """Text of the .param file, bytes of the .bin file: input [3][224][224], features [1280]."""
    graph = Graph(weights)
    graph.convolution("Conv1", stride=2)
    for name, stride, has_residual in BLOCKS:
        block_input = graph.split() if has_residual else None
        if name != "expanded_conv":
            graph.convolution(f"{name}_expand")
        graph.convolution(f"{name}_depthwise", stride, is_depthwise=True)
        graph.convolution(f"{name}_project", relu6=False)
        if has_residual:
            graph.layer("BinaryOp", [block_input, graph.last], [f"{name}_add"], "0=0")
    graph.convolution("Conv_1")
    graph.layer("Pooling", [graph.last], ["features"], "0=1 4=1")
    lines = [MAGIC, f"{len(graph.layers)} {graph.blobs}", *graph.layers]
    return "".join(f"{line}\n" for line in lines), b"".join(graph.values)
