"""MobileNetV2 as a TFLite file, from the same safetensors weights that verger reads."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from reference_network import BLOCKS

SIZE, FEATURES = 224, 1280


class Graph:
    """Tensors and operators under construction; `last` is the newest output."""

    def __init__(self, weights, batch):
        self.weights = weights
        self.batch = batch
        self.tensors, self.operators, self.codes = [], [], []
        # By the format's rule the first buffer is empty; tensors without values share it.
        self.buffers = [schema.BufferT()]
        self.last = self.tensor("input", [batch, SIZE, SIZE, 3])

    def tensor(self, name, shape, kind=schema.TensorType.FLOAT32, values=None):
        made = schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), kind
        made.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            made.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def constant(self, name, values):
        return self.tensor(name, values.shape, values=values)

    def operator(self, code, inputs, name, shape, options_kind, options):
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = self.codes.index(code)
        made.inputs = inputs
        self.last = self.tensor(name, shape)
        made.outputs = [self.last]
        made.builtinOptionsType, made.builtinOptions = options_kind, options
        self.operators.append(made)

    def convolution(self, layer, stride=1, relu6=True, is_depthwise=False):
        """Kernels go from HWIO to OHWI, depthwise ones from HWC1 to 1HWC."""
        if is_depthwise:
            kernel = self.weights[f"{layer}/depthwise_kernel"].transpose(3, 0, 1, 2)
            code, channels = schema.BuiltinOperator.DEPTHWISE_CONV_2D, kernel.shape[3]
            kind = schema.BuiltinOptions.DepthwiseConv2DOptions
            options = schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
        else:
            kernel = self.weights[f"{layer}/kernel"].transpose(3, 0, 1, 2)
            code, channels = schema.BuiltinOperator.CONV_2D, kernel.shape[0]
            kind = schema.BuiltinOptions.Conv2DOptions
            options = schema.Conv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideW = options.strideH = stride
        options.dilationWFactor = options.dilationHFactor = 1
        options.fusedActivationFunction = (schema.ActivationFunctionType.RELU6 if relu6
                                           else schema.ActivationFunctionType.NONE)
        inputs = [self.last, self.constant(f"{layer}/kernel", kernel),
                  self.constant(f"{layer}/bias", self.weights[f"{layer}/bias"])]
        size = self.tensors[self.last].shape[1] // stride
        self.operator(code, inputs, layer, [self.batch, size, size, channels], kind, options)

    def add(self, block_input, name):
        self.operator(schema.BuiltinOperator.ADD, [block_input, self.last], name,
                      self.tensors[self.last].shape, schema.BuiltinOptions.AddOptions,
                      schema.AddOptionsT())

    def average(self):
        axes = self.tensor("axes", [2], schema.TensorType.INT32, np.array([1, 2], np.int32))
        self.operator(schema.BuiltinOperator.MEAN, [self.last, axes], "features",
                      [self.batch, FEATURES], schema.BuiltinOptions.ReducerOptions,
                      schema.ReducerOptionsT())

    def serialized(self):
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = [0], [self.last]
        model = schema.ModelT()
        model.version = 3
        model.subgraphs, model.buffers = [subgraph], self.buffers
        model.operatorCodes = []
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            entry.version = 1
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(1 << 24)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def build(weights, batch):
    """The serialised model: input [batch][224][224][3], output features [batch][1280]."""
    graph = Graph(weights, batch)
    graph.convolution("Conv1", stride=2)
    for name, stride, has_residual in BLOCKS:
        block_input = graph.last
        if name != "expanded_conv":
            graph.convolution(f"{name}_expand")
        graph.convolution(f"{name}_depthwise", stride, is_depthwise=True)
        graph.convolution(f"{name}_project", relu6=False)
        if has_residual:
            graph.add(block_input, f"{name}_add")
    graph.convolution("Conv_1")
    graph.average()
    return graph.serialized()
