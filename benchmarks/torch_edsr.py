"""The generator in PyTorch and as an ONNX model, for comparisons in the environment of `other_frameworks`."""

import numpy as np


def torch_network(shape: dict, convolutions: list[tuple[np.ndarray, np.ndarray]]):
    """`EDSR` as a `torch.nn.Module`: float [N, 3, h, w] in [0, 255] to [N, 3, scale · h, scale · w]."""
    import torch
    from torch import nn
    from torch.nn.functional import relu

    class EDSR(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList()
            for kernel, bias in convolutions:
                layer = nn.Conv2d(kernel.shape[2], kernel.shape[3], 3, padding=1)
                layer.weight.data = torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
                layer.bias.data = torch.from_numpy(bias.copy())
                self.layers.append(layer)

        def forward(self, images):
            layers = iter(self.layers)
            values = images / 127.5 - 1.0
            shallow = deep = next(layers)(values)
            for _ in range(shape["blocks"]):
                inner = relu(next(layers)(deep))
                deep = deep + shape["residual_scaling"] * next(layers)(inner)
            features = shallow + next(layers)(deep)
            if shape["one_step"]:
                repeated = values.repeat(1, shape["scale"] ** 2, 1, 1)
                return (shuffled(repeated + next(layers)(features), shape["scale"]) + 1.0) * 127.5
            for _ in range(shape["scale"].bit_length() - 1):
                features = shuffled(next(layers)(features), 2)
            return (next(layers)(features) + 1.0) * 127.5

    def shuffled(values, size):
        # In Keras the position in the square varies more slowly than the colour, in `pixel_shuffle` faster.
        count, channels, height, width = values.shape
        values = values.view(count, size * size, channels // size**2, height, width).transpose(1, 2)
        return nn.functional.pixel_shuffle(values.reshape(count, channels, height, width), size)

    return EDSR().to(memory_format=torch.channels_last)


def onnx_network(shape: dict, convolutions: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """`EDSR` as an ONNX model for images of any size."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(value):
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind, *inputs, **attributes):
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def number(value):
        return constant(np.float32(value))

    remaining = iter(convolutions)

    def convolve(values):
        kernel, bias = next(remaining)
        return add("Conv", values, constant(kernel.transpose(3, 2, 0, 1)), constant(bias), pads=[1, 1, 1, 1])

    def shuffled(values, size):
        return add("DepthToSpace", values, blocksize=size, mode="DCR")

    values = add("Sub", add("Mul", "images", number(1 / 127.5)), number(1.0))
    shallow = deep = convolve(values)
    for _ in range(shape["blocks"]):
        inner = convolve(add("Relu", convolve(deep)))
        deep = add("Add", deep, add("Mul", inner, number(shape["residual_scaling"])))
    features = add("Add", shallow, convolve(deep))
    if shape["one_step"]:
        repeated = add("Concat", *[values] * shape["scale"] ** 2, axis=1)
        sr = shuffled(add("Add", repeated, convolve(features)), shape["scale"])
    else:
        for _ in range(shape["scale"].bit_length() - 1):
            features = shuffled(convolve(features), 2)
        sr = convolve(features)
    restored = add("Mul", add("Add", sr, number(1.0)), number(127.5))
    sides = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "edsr",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info(restored, TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return model.SerializeToString()
