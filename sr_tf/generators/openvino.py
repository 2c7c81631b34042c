"""A generator as an OpenVINO graph, built operation by operation, so that no model converter is needed."""

import sys
import threading

import numpy as np

from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR
from sr_tf.models.shape import FILTER_GRID

# If this package can be imported, `import openvino` reports usage to its makers over the network and leaves files in
# the home folder. A program for hospitals must not do that; without the package OpenVINO does neither.
sys.modules.setdefault("openvino_telemetry", None)

import openvino  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

# float32, as in TensorFlow: OpenVINO's default is bfloat16 on CPUs that support it. One stream, so that calls from
# several threads queue up instead of competing for the cores. No thread is pinned to a core, because codecs run at the
# same time.
_CONFIG = {
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
    "ENABLE_CPU_PINNING": "NO",
}


class OpenVINOGenerator:
    """A generator compiled once for images and batches of any size. It is thread-safe.

    Args:
        generator: a built network; its weights are copied.
        inner: whether it restores the middle of windows only, see `sr_tf.models.inner.Inner`.

    Attributes:
        scale: enlargement in each direction; 1 for a filter.
        channels: channels of the input; 4 for a network that is told the codec's quality.
        receptive_radius: see `EDSR.receptive_radius`.
    """

    def __init__(self, generator: EDSR | CodedFilter, inner: bool = False):
        self.scale, self.channels = generator.scale, generator.channels
        self.receptive_radius = generator.receptive_radius
        graph = (filter_graph if generator.scale == 1 else edsr_graph)(generator, padding=0 if inner else 1)
        self._compiled = openvino.Core().compile_model(graph, "CPU", _CONFIG)
        self._local = threading.local()

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """LR float32 [N, h, w, channels] → SR float32 [N, scale · h, scale · w, 3], or the middle of it."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        self._local.request.infer([np.ascontiguousarray(images, np.float32)])
        # Copied, because the request's next call overwrites this memory.
        return self._local.request.get_output_tensor().data.copy()


def edsr_graph(generator: EDSR, padding: int = 1) -> openvino.Model:
    """`EDSR.call` as a graph: float32 [N, h, w, 3] to float32 [N, scale · h, scale · w, 3], for any N, h and w.

    With a padding of 0, `sr_tf.models.inner.Inner.call`.
    """
    images = ops.parameter([-1, -1, -1, generator.channels], np.float32, name="images")
    rgb = _channels(images, [0, 1, 2]) if generator.quality_input else images
    values = _transposed(_minus_one(ops.multiply(rgb, _number(1 / 127.5))), (0, 3, 1, 2))
    seen = values
    if generator.quality_input:
        quality = _minus_one(ops.multiply(_channels(images, [3]), _number(1 / 50)))
        seen = ops.concat([values, _transposed(quality, (0, 3, 1, 2))], axis=1)
    features, margin = _features(seen, generator, padding), 2
    if generator.one_step:
        repeated = ops.concat([_inside(values, generator.receptive_radius, padding)] * generator.scale**2, axis=1)
        sr = _shuffled(ops.add(repeated, _convolution(features, generator.tail, padding)), generator.scale)
    else:
        for layer in generator.upsampling:
            features, margin = _shuffled(_convolution(features, layer, padding), 2), 2 * (margin - 1)
        sr = _inside(_convolution(features, generator.tail, padding), margin - 1, padding)
    return openvino.Model([_levels(sr)], [images], "edsr")


def filter_graph(network: CodedFilter, padding: int = 1) -> openvino.Model:
    """`CodedFilter.call` as a graph: float32 [N, h, w, 4] to float32 [N, h, w, 3], for any N and any even h and w.

    With a padding of 0, `sr_tf.models.inner.Inner.call`.
    """
    images = ops.parameter([-1, -1, -1, network.channels], np.float32, name="images")
    rgb = _transposed(_channels(images, [0, 1, 2]), (0, 3, 1, 2))
    values = _minus_one(ops.multiply(rgb, _number(1 / 127.5)))
    # One value of the quality for each place of the grid: of each square of pixels, the upper left one.
    quality = _transposed(_channels(images, [3]), (0, 3, 1, 2))
    quality = ops.strided_slice(
        quality, *_numbers([0] * 4, [2**31 - 1] * 4, [1, 1, FILTER_GRID, FILTER_GRID]), [0] * 4, [0] * 4
    )
    places = ops.space_to_depth(values, "blocks_first", FILTER_GRID)
    seen = ops.concat([places, _minus_one(ops.multiply(quality, _number(1 / 50)))], axis=1)
    differences = _shuffled(_convolution(_features(seen, network, padding), network.tail, padding), FILTER_GRID)
    middle = _inside(values, network.receptive_radius, padding)
    return openvino.Model([_levels(ops.add(middle, differences))], [images], "filter")


def _features(seen, network: EDSR | CodedFilter, padding: int):
    """`ResidualNetwork._features` as a graph, [N, c, h, w] to [N, filters, h, w], or without padding."""
    shallow = _convolution(seen, network.head, padding)
    deep = shallow
    for block in network.body:
        inner = _convolution(ops.relu(_convolution(deep, block.expand, padding)), block.contract, padding)
        deep = ops.add(_inside(deep, 2, padding), ops.multiply(inner, _number(block.residual_scaling)))
    shallow = _inside(shallow, 2 * len(network.body) + 1, padding)
    return ops.add(shallow, _convolution(deep, network.body_end, padding))


def _inside(values, margin: int, padding: int):
    """Cuts a margin off each side of [N, c, h, w], unless convolutions are padded."""
    if padding:
        return values
    begin, end = [0, 0, margin, margin], [0, 0, -margin, -margin]
    return ops.strided_slice(values, *_numbers(begin, end, [1] * 4), [1, 1, 0, 0], [1, 1, 0, 0])


def _levels(values):
    """[N, 3, h, w] in [−1, 1] → [N, h, w, 3] in [0, 255]."""
    return ops.multiply(ops.add(_transposed(values, (0, 2, 3, 1)), _number(1.0)), _number(127.5))


def _convolution(values, layer, padding: int):
    """A 3×3 convolution with zeros around it, or none. Keras stores kernels as [height, width, in, out]."""
    kernel, bias = layer.get_weights()
    one, around = [1, 1], [padding, padding]
    kernel = ops.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
    return ops.add(ops.convolution(values, kernel, one, around, around, one), ops.constant(bias.reshape(1, -1, 1, 1)))


def _shuffled(values, size: int):
    """`keras.ops.depth_to_space`: the position in the square varies more slowly than the colour."""
    return ops.depth_to_space(values, "blocks_first", size)


def _channels(images: openvino.Node, numbers: list[int]) -> openvino.Node:
    """Some channels of [N, h, w, c]."""
    return ops.gather(images, ops.constant(np.array(numbers, np.int64)), ops.constant(np.array(3, np.int64)))


def _transposed(values, order: tuple[int, ...]):
    return ops.transpose(values, ops.constant(np.array(order, np.int64)))


def _minus_one(values):
    return ops.subtract(values, _number(1.0))


def _numbers(*rows: list[int]):
    return [ops.constant(np.array(row, np.int64)) for row in rows]


def _number(value: float):
    return ops.constant(np.float32(value))
