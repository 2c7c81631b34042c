"""Takes a few steps of a phase on one Keras backend; arguments: BACKEND PHASE START.keras OUT.npz OUT.keras."""

import os
import sys

if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = sys.argv[1]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from sr_tf.config import TrainConfig
from sr_tf.models.edsr import EDSR
from sr_tf.training.parts import build_discriminator, build_reducer

STEPS = {"pretrain": 3, "gan": 3, "reduction": 2}
"""The number of steps of each phase. The reducer's LR is rounded before it is coded, and the backends sum in different
orders, so a value halfway between two levels can be rounded differently once the weights have changed. The rate of the
first step is 0, so with two steps the weights change only at the end."""


def settings(phase, start):
    """A configuration with warm-up, decay and every loss."""
    learning = {"learn_reduction": True, "lr_qualities": "40,80", "crop_size": 16} if phase == "reduction" else {}
    return TrainConfig(
        phase="gan" if phase == "gan" else "pretrain", pretrained=start, blocks=1,
        filters=8, residual_scaling=0.5, discriminator_filters=4, steps=5,
        warmup_steps=1, schedule="cosine", learning_rate=1e-3, discriminator_learning_rate=5e-4, ema_decay=0.5,
        content_form="unit", content_weight=20.0, adversarial_weight=0.5, pixel_weight=1e-4, structure_weight=1.0,
        colour_weight=1e-4, log_every=100, validate_every=100, batch_size=4, **learning,
    )  # fmt: skip


def seeded(model, seed):
    """Sets weights that do not depend on the backend."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [random.normal(0, 0.7 / max(1, np.prod(w.shape[:-1])) ** 0.5, w.shape) for w in model.get_weights()]
    )
    return model


def content_network():
    images = keras.Input((None, None, 3))
    shallow = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(images))
    return seeded(keras.Model(images, [shallow, keras.layers.Conv2D(8, 3, strides=2)(shallow)]), seed=2)


def batches(side=48):
    """Yields batches of smooth images, reduced by means, so that all losses have a typical size."""
    random = np.random.default_rng(3)
    for _ in range(max(STEPS.values())):
        coarse = random.uniform(40, 220, (4, side // 8, side // 8, 3))
        hr = coarse.repeat(8, 1).repeat(8, 2) + random.normal(0, 4, (4, side, side, 3))
        lr = hr.reshape(4, side // 4, 4, side // 4, 4, 3).mean((2, 4))
        yield lr.astype(np.float32), hr.astype(np.float32)


class Batches:
    """Replaces a sampler: gives the batches of `batches`, or HR and qualities for the reduction phase."""

    batch_size = 4

    def __init__(self, phase):
        pairs = list(batches())
        if phase == "reduction":  # the LR's sides must be multiples of 8
            pairs = [(hr, np.float32([40, 80, 40, 80])) for _, hr in batches(64)]
        self._pairs = pairs
        self.shapes = tuple(part.shape[1:] for part in pairs[0])

    def patch(self, number):
        return tuple(part[number % 4] for part in self._pairs[number // 4])

    def batches(self, first, count, spread=map):
        return tuple(np.stack(part) for part in zip(*self._pairs[first : first + count], strict=True))


def trained(backend_name, phase, config):
    """Returns the backend after its steps, and the losses of each step."""
    steps = STEPS[phase]
    if backend_name == "jax":
        from sr_tf.training.step_jax import JaxBackend

        backend = JaxBackend(config, content_network(), at_once=steps)
    else:
        from sr_tf.training.step_tensorflow import TensorFlowBackend

        backend = TensorFlowBackend(config, content_network())
    if phase == "gan":
        state = backend.state()
        state["discriminator"] = seeded(build_discriminator(config), seed=4).get_weights()
        backend.load_state(state)
    if phase == "reduction":
        state = backend.state()
        *weights, kernel, bias = seeded(build_reducer(config), seed=5).get_weights()
        start = [*weights, 0 * kernel, 0 * bias]  # the mean of pixels, as in a new reducer
        backend.load_state({**state, "reducer": start, "averaged_reducer": start})
    seen = []
    backend.run(Batches(phase), steps, lambda step, named: seen.append((step, named)))
    assert [step for step, _ in seen] == ([steps] if backend_name == "jax" else list(range(1, steps + 1)))
    backend.synchronise()
    return backend, {name: np.concatenate([named[name] for _, named in seen]) for name in seen[0][1]}


def main(backend_name, phase, start, out, kept):
    if phase == "first":
        seeded(build(), seed=1).save(start)
        return
    backend, losses = trained(backend_name, phase, settings(phase, start))
    state, averaged = backend.state(), backend.averaged["generator"]
    assert int(state["step"][0]) == STEPS[phase]
    for name in state:
        if name.endswith("_optimizer"):
            assert int(state[name][0]) == STEPS[phase], f"{name} does not count"
    arrays = {f"{name}/{i:03d}": np.asarray(w) for name, values in state.items() for i, w in enumerate(values)}
    arrays |= {f"loss/{name}": values for name, values in losses.items()}
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
