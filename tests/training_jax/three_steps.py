"""Three steps of a phase on one Keras backend, as a process of its own: BACKEND PHASE START.keras OUT.npz OUT.keras."""

import os
import sys

if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = sys.argv[1]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.models.edsr import EDSR
from sr_tf.training.parts import build_discriminator

STEPS = 3


def settings(phase, start):
    """A schedule that warms up, then decays, and every loss."""
    return TrainConfig(
        phase=phase, pretrained=start, blocks=1, filters=8, residual_scaling=0.5, discriminator_filters=4, steps=5,
        warmup_steps=1, schedule="cosine", learning_rate=1e-3, discriminator_learning_rate=5e-4, ema_decay=0.5,
        content_form="unit", content_weight=20.0, adversarial_weight=0.5, pixel_weight=1e-4, structure_weight=1.0,
        colour_weight=1e-4,
    )  # fmt: skip


def seeded(model, seed):
    """Weights that do not depend on the backend."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [random.normal(0, 0.7 / max(1, np.prod(w.shape[:-1])) ** 0.5, w.shape) for w in model.get_weights()]
    )
    return model


def content_network():
    images = keras.Input((None, None, 3))
    shallow = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(images))
    return seeded(keras.Model(images, [shallow, keras.layers.Conv2D(8, 3, strides=2)(shallow)]), seed=2)


def batches():
    """Smooth images, reduced by means, so that all losses are of a usual size."""
    random = np.random.default_rng(3)
    for _ in range(STEPS):
        coarse = random.uniform(40, 220, (4, 6, 6, 3))
        hr = coarse.repeat(8, 1).repeat(8, 2) + random.normal(0, 4, (4, 48, 48, 3))
        lr = hr.reshape(4, 12, 4, 12, 4, 3).mean((2, 4))
        yield lr.astype(np.float32), hr.astype(np.float32)


def by_tensorflow(config):
    import tensorflow as tf

    from sr_tf.training.averaging import MovingAverage
    from sr_tf.training.build import build_model
    from sr_tf.training.parts import build_generator

    model = build_model(config, content_network())
    averaged = build_generator(config)
    averaged.set_weights(model.generator.get_weights())
    if config.phase == "gan":
        model.discriminator.set_weights(seeded(build_discriminator(config), seed=4).get_weights())
    step = tf.Variable(0, dtype=tf.int64)
    moving = MovingAverage([(model.generator, averaged)], config.ema_decay, step)
    losses = []
    for lr, hr in batches():
        losses.append({name: float(value) for name, value in model.train_step((lr, hr)).items()})
        step.assign_add(1)
        moving.on_train_batch_end(0)
    weights = {"generator": model.generator.get_weights(), "averaged": averaged.get_weights()}
    if config.phase == "gan":
        weights["discriminator"] = model.discriminator.get_weights()
    return weights, losses, averaged


def by_jax(config):
    from sr_tf.training_jax.build import build_phase

    phase = build_phase(config, content_network())
    state = phase.first_state()
    if config.phase == "gan":
        state["discriminator"] = [keras.ops.array(w) for w in seeded(build_discriminator(config), 4).get_weights()]
    state, named = phase.steps(state, *map(np.stack, zip(*batches(), strict=True)))
    losses = [{name: float(value[step]) for name, value in named.items()} for step in range(STEPS)]
    assert int(state["step"][0]) == STEPS
    for name in state:
        if name.endswith("_optimizer"):
            assert int(state[name][0]) == STEPS, f"{name} does not count"
    averaged = phase.generator
    averaged.set_weights(state["averaged"])
    weights = {name: values for name, values in state.items() if name in ("generator", "averaged", "discriminator")}
    return weights, losses, averaged


def main(backend, phase, start, out, kept):
    if phase == "first":
        seeded(build(), seed=1).save(start)
        return
    weights, losses, averaged = (by_jax if backend == "jax" else by_tensorflow)(settings(phase, start))
    arrays = {f"{name}/{i:03d}": np.asarray(w) for name, values in weights.items() for i, w in enumerate(values)}
    arrays |= {f"loss/{name}": [step[name] for step in losses] for name in losses[0]}
    lr = next(batches())[0]
    arrays["sr/own"] = np.asarray(keras.ops.convert_to_numpy(averaged(lr)))
    averaged.save(kept)
    np.savez(out, **arrays)


def build():
    config = settings("pretrain", "")
    model = EDSR(config.blocks, config.filters, config.scale, config.residual_scaling)
    model.build((None, None, None, 3))
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
