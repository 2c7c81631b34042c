"""Measures the benefit of the discriminator's detail channels: it learns to distinguish HR from a fixed generator's SR.

  python benchmarks/discriminator.py --images=CHULA/train

Prints the mean loss (chance: 0.693) and accuracy of each 30 steps, with detail channels and with zeros instead.
"""

from absl import app, flags

from sr_tf.messages import load_tensorflow

flags.DEFINE_string("images", None, "Folder of HR images.", required=True)
flags.DEFINE_string("model", "small", "The generator.")
flags.DEFINE_integer("every", 6, "Use every n-th image.")
flags.DEFINE_integer("steps", 210, "Training steps, each with 8 patches of 96×96 pixels.")


def main(_) -> None:
    """Trains both discriminators and prints their losses."""
    load_tensorflow()
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import ops

    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale
    from sr_tf.images.degradation import reduce
    from sr_tf.images.reading import find_images, read_rgb
    from sr_tf.models.discriminator import Discriminator
    from sr_tf.training import losses

    class WithoutDetail(Discriminator):
        def with_detail(self, inputs):
            seen = super().with_detail(inputs)
            return ops.concatenate([seen[..., :3], ops.zeros_like(seen[..., 3:])], axis=-1)

    generator = load_generator(flags.FLAGS.model)
    scenes = [read_rgb(path) for path in find_images(flags.FLAGS.images)[:: flags.FLAGS.every]]
    pairs = [(hr, upscale(generator, reduce(hr, generator.scale))) for hr in scenes]
    for kind in (Discriminator, WithoutDetail):
        keras.utils.set_random_seed(0)
        rng = np.random.default_rng(0)
        network = kind(32)
        network.build((None, None, None, 3))
        optimizer = keras.optimizers.Adam(2e-4)
        optimizer.build(network.trainable_variables)

        @tf.function
        def step(hr, sr, network=network, optimizer=optimizer):
            with tf.GradientTape() as tape:
                logits = network(hr, training=True), network(sr, training=True)
                loss = losses.discrimination(*logits)
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            return loss, losses.accuracy(*logits)

        seen = []
        for _ in range(flags.FLAGS.steps):
            patches = [_patch(*pairs[rng.integers(len(pairs))], rng) for _ in range(8)]
            hr, sr = (tf.constant(np.stack(images), tf.float32) for images in zip(*patches, strict=True))
            seen.append([float(value) for value in step(hr, sr)])
        print(kind.__name__)
        for start in range(0, len(seen), 30):
            loss, accuracy = np.mean(seen[start : start + 30], axis=0)
            print(
                f"  steps {start + 1:4d} to {min(start + 30, len(seen)):4d}: loss {loss:.3f}, accuracy {accuracy:.2f}"
            )


def _patch(hr, sr, rng):
    top, left = (4 * rng.integers((side - 96) // 4 + 1) for side in hr.shape[:2])
    return hr[top : top + 96, left : left + 96], sr[top : top + 96, left : left + 96]


if __name__ == "__main__":
    app.run(main)
