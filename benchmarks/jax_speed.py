"""Times both phases' steps on JAX: what a run takes on this device, and the share of its peak that is reached.

python benchmarks/jax_speed.py                                          # `paper`, in float32 and in bfloat16
python benchmarks/jax_speed.py --preset=smoke --steps=2 --batch_size=2  # whether it works, on a CPU

It wants JAX, Keras, NumPy and absl only. The content network is VGG-19 with random weights, which cost the same.
Operations are counted in the convolutions and products of the step itself, forward and backward, as it is compiled.
"""

import dataclasses
import math
import os
import statistics
import tempfile
import time

os.environ["KERAS_BACKEND"] = "jax"

from absl import app, flags

flags.DEFINE_enum("preset", "paper", ["paper", "small", "smoke"], "Whose networks, batch, patch and steps.")
flags.DEFINE_integer("batch_size", 0, "Another batch size than the preset's.")
flags.DEFINE_integer("steps", 100, "Timed steps, as many in a call of the device as in training.")
flags.DEFINE_multi_enum(
    "numbers", ["float32", "mixed_bfloat16"], ["float32", "mixed_bfloat16"], "Number formats to time."
)
flags.DEFINE_float("peak_tflops", 0, "Of the device in bfloat16, dense; known for some.")

# Dense bfloat16 with float32 sums, in 10¹² operations a second, as the makers' data sheets give it.
PEAKS = {"NVIDIA H100 80GB HBM3": 989, "NVIDIA H200": 989, "NVIDIA A100-SXM4-80GB": 312, "NVIDIA A100-SXM4-40GB": 312}


def main(_) -> None:
    """Prints a line for each phase and number format."""
    import jax

    device = jax.devices()[0].device_kind
    peak = flags.FLAGS.peak_tflops or PEAKS.get(device, 0)
    print(f"{device}, jax {jax.__version__}; bfloat16 peak {f'{peak} TFLOP/s' if peak else 'not known'}")
    for numbers in flags.FLAGS.numbers:
        total = sum(_report(phase, numbers, peak) for phase in ("pretrain", "gan"))
        print(f"  both phases, without validation: {total / 3600:.3f} hours", flush=True)


def _report(phase_name: str, numbers: str, peak: float) -> float:
    """Times a phase; returns the seconds that all its steps take."""
    import jax
    import keras
    import numpy as np

    from sr_tf.config import preset

    keras.config.set_dtype_policy(numbers)
    config = preset(flags.FLAGS.preset, phase_name, mixed_bfloat16=numbers == "mixed_bfloat16")
    config = dataclasses.replace(config, batch_size=flags.FLAGS.batch_size or config.batch_size)
    backend = _backend(config)
    state = backend.state()
    random = np.random.default_rng(0)
    count = backend.at_once
    shape = (count, config.batch_size, config.crop_size, config.crop_size, 3)
    lr = random.integers(0, 256, shape, np.uint8)
    hr = lr.repeat(config.scale, 2).repeat(config.scale, 3)
    operations = _operations(jax.make_jaxpr(backend.steps)(state, lr, hr).jaxpr)
    state, named = backend.steps(state, lr, hr)
    jax.block_until_ready(state)
    seconds = []
    for _ in range(-(-flags.FLAGS.steps // count)):
        start = time.perf_counter()
        state, named = backend.steps(state, lr, hr)
        jax.block_until_ready((state, named))
        seconds.append((time.perf_counter() - start) / count)
    step = statistics.median(seconds)
    reached = operations / step / 1e12
    share = f", {100 * reached / peak:.1f} % of the bfloat16 peak" if peak else ""
    print(
        f"  {phase_name}, {numbers.replace('_', ' ')}, batch {shape[1]} of {shape[2]}×{shape[3]}: "
        f"{1e3 * step:.2f} ms a step ({1e3 * min(seconds):.2f} to {1e3 * max(seconds):.2f}), "
        f"{shape[1] / step:.0f} images/s, {operations / 1e9:.0f} GFLOP a step, {reached:.2f} TFLOP/s{share}",
        flush=True,
    )
    return step * config.steps


def _backend(config):
    """The phase's step; random weights take the time of pretrained ones."""
    from sr_tf.models.features import vgg19_features
    from sr_tf.training.parts import build_generator
    from sr_tf.training.step_jax import JaxBackend

    if config.phase == "pretrain":
        return JaxBackend(config)
    with tempfile.TemporaryDirectory() as folder:
        build_generator(config).save(f"{folder}/start.keras")
        return JaxBackend(dataclasses.replace(config, pretrained=f"{folder}/start.keras"), vgg19_features(weights=None))


def _operations(jaxpr) -> float:
    """Multiplications and additions in the convolutions and products of a traced function; of a loop, in one round."""
    total = 0.0
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                total += _operations(inner)
        if equation.primitive.name == "conv_general_dilated":
            total += _of_convolution(equation)
        elif equation.primitive.name == "dot_general":
            (left, _), _ = equation.params["dimension_numbers"]
            shared = [equation.invars[0].aval.shape[axis] for axis in left]
            total += 2.0 * equation.outvars[0].aval.size * math.prod(shared)
    return total


def _of_convolution(equation) -> float:
    """Zeros that a stride puts between values, in the gradient of a strided convolution, are not multiplied with."""
    kernel, numbers = equation.invars[1].aval.shape, equation.params["dimension_numbers"]
    feature_out = numbers.rhs_spec[0]
    each = math.prod(side for axis, side in enumerate(kernel) if axis != feature_out)
    dilation = math.prod(equation.params["lhs_dilation"])
    return 2.0 * equation.outvars[0].aval.size * each / dilation


if __name__ == "__main__":
    app.run(main)
