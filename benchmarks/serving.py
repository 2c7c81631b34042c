"""Compares restoring on a server with restoring in this process: time and pixels.

sr-tf export build/serving/small --model small && sr-tf serve build/serving/small  # elsewhere; wait for "serving"
python benchmarks/serving.py --model=small --targets=grpc://127.0.0.1:8500,http://127.0.0.1:8501
"""

import statistics
from functools import partial

import numpy as np
from absl import app, flags
from timing import seconds_of

flags.DEFINE_string("model", "small", "A shipped generator that is served under its own name.")
flags.DEFINE_list("targets", ["grpc://127.0.0.1:8500", "http://127.0.0.1:8501"], "Addresses, separated by commas.")
flags.DEFINE_integer("height", 250, "Height of the LR image in pixels.")
flags.DEFINE_integer("width", 230, "Width of the LR image in pixels.")
flags.DEFINE_integer("runs", 5, "Timed calls of each, after one untimed call.")


def main(_) -> None:
    """Prints median seconds. On one machine, this process and the servers share the cores."""
    from sr_tf.messages import load_tensorflow

    load_tensorflow()
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale
    from sr_tf.serving.client import connect

    options = flags.FLAGS
    lr = np.random.default_rng(0).integers(0, 256, (options.height, options.width, 3), np.uint8)
    generator = load_generator(options.model)
    expected = upscale(generator, lr)
    print(f"{'in this process':40} {_seconds(lambda: upscale(generator, lr)):.2f} s")
    for target in options.targets:
        for png in (False, True):
            with connect(target, options.model, png=png) as served:
                differing = int((served.restore(lr) != expected).sum())
                name = f"{target}, {'PNG' if png else 'float32'}"
                print(f"{name:40} {_seconds(partial(served.restore, lr)):.2f} s, {differing} values differ")


def _seconds(restore) -> float:
    return statistics.median(seconds_of(restore, flags.FLAGS.runs))


if __name__ == "__main__":
    app.run(main)
