"""Times restoring by a server beside restoring in this process, and compares the pixels.

sr-tf export build/serving/small --model small && sr-tf serve build/serving/small  # elsewhere, until "serving"
python benchmarks/serving.py --model=small --targets=grpc://127.0.0.1:8500,http://127.0.0.1:8501
"""

import statistics
import time
from functools import partial

import numpy as np
from absl import app, flags

flags.DEFINE_string("model", "small", "A shipped generator, served under its own name.")
flags.DEFINE_list("targets", ["grpc://127.0.0.1:8500", "http://127.0.0.1:8501"], "Addresses, separated by commas.")
flags.DEFINE_integer("height", 250, "Of the LR image.")
flags.DEFINE_integer("width", 230, "Of the LR image.")
flags.DEFINE_integer("runs", 5, "Timed calls of each, after one that prepares.")


def main(_) -> None:
    """Prints median seconds; the process and the servers share the cores if they share the machine."""
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
    times = []
    for _ in range(flags.FLAGS.runs):
        start = time.perf_counter()
        restore()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    app.run(main)
