"""Times a training step with and without XLA, and the restoration of one scene. Run it on an idle machine.

python benchmarks/speed.py --preset=small
"""

import statistics
import time

from absl import app, flags

from sr_tf.config import preset
from sr_tf.messages import load_tensorflow

flags.DEFINE_enum("preset", "small", ["paper", "small", "smoke"], "Whose generator, batch and patch to time.")
flags.DEFINE_integer("steps", 25, "Timed steps, after one that compiles.")


def main(_) -> None:
    """Prints median and range of each."""
    load_tensorflow()
    import tensorflow as tf

    from sr_tf.data.smear import render_smear
    from sr_tf.generators.upscale import upscale
    from sr_tf.images.degradation import reduce
    from sr_tf.training.step_tensorflow import TensorFlowBackend

    for xla in (False, True):
        config = preset(flags.FLAGS.preset, "pretrain", xla=xla)
        model = TensorFlowBackend(config).model
        shape = (config.batch_size, config.crop_size, config.crop_size, 3)
        lr = tf.random.uniform(shape, maxval=255)
        hr = tf.random.uniform((shape[0], config.scale * shape[1], config.scale * shape[2], 3), maxval=255)
        step = tf.function(lambda model=model, lr=lr, hr=hr: model.train_step((lr, hr)))
        batch = f"batch {shape[0]} of {shape[1]}×{shape[2]}"
        _report(f"pretrain step, {batch}, xla {xla}", step)
    scene = reduce(render_smear(0), config.scale)
    _report("restoring one 700×700 scene", lambda: upscale(model.generator, scene))


def _report(what: str, run) -> None:
    run()
    seconds = []
    for _ in range(flags.FLAGS.steps):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    print(f"{what}: median {statistics.median(seconds):.3f} s, {min(seconds):.3f} to {max(seconds):.3f}")


if __name__ == "__main__":
    app.run(main)
