"""MobileNetV2 as an ONNX graph, from the same safetensors weights that verger reads."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from reference_network import BLOCKS

SIZE, FEATURES = 224, 1280


class Graph:
    """Nodes and constants under construction; `last` names the newest output."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = [numpy_helper.from_array(np.float32(0), "zero"),
                          numpy_helper.from_array(np.float32(6), "six")]
        self.last = "input"

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.last = name

    def convolution(self, layer, stride=1, is_depthwise=False):
        """Kernels go from HWIO (depthwise: HWC1) to OIHW. TensorFlow's SAME padding of a
        3x3 window is on both sides at stride 1, at the bottom and right at stride 2."""
        kernel = self.weights[f"{layer}/{'depthwise_' if is_depthwise else ''}kernel"]
        kernel = kernel.transpose(2, 3, 0, 1) if is_depthwise else kernel.transpose(3, 2, 0, 1)
        size = kernel.shape[2]
        before = int(size == 3 and stride == 1)
        after = int(size == 3)
        inputs = [self.last, self.constant(f"{layer}/kernel", kernel),
                  self.constant(f"{layer}/bias", self.weights[f"{layer}/bias"])]
        self.node("Conv", inputs, layer, kernel_shape=[size, size], strides=[stride, stride],
                  pads=[before, before, after, after],
                  group=kernel.shape[0] if is_depthwise else 1)

    def relu6(self):
        self.node("Clip", [self.last, "zero", "six"], f"{self.last}_relu6")


def build(weights, batch=1):
    """The serialised model: input [batch][3][224][224], output features [batch][1280]."""
    graph = Graph(weights)
    graph.convolution("Conv1", stride=2)
    graph.relu6()
    for name, stride, has_residual in BLOCKS:
        block_input = graph.last
        if name != "expanded_conv":
            graph.convolution(f"{name}_expand")
            graph.relu6()
        graph.convolution(f"{name}_depthwise", stride, is_depthwise=True)
        graph.relu6()
        graph.convolution(f"{name}_project")
        if has_residual:
            graph.node("Add", [block_input, graph.last], f"{name}_add")
    graph.convolution("Conv_1")
    graph.relu6()
    graph.node("GlobalAveragePool", [graph.last], "pooled")
    graph.node("Flatten", [graph.last], "features", axis=1)

    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, SIZE, SIZE])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, FEATURES])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "mobilenet_v2", [image], [features], graph.constants),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
