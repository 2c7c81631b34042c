"""The objectives of the training phases: their networks and named losses, on any Keras backend.

A step consists of *turns*. In each turn, one optimizer updates the weights of some networks by the gradient of a loss.
`step_tensorflow` and `step_jax` apply and differentiate the networks.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
from keras import ops

from sr_tf.images.pixels import to_uint8
from sr_tf.models.coding import coded, quantiser_steps
from sr_tf.training import losses

Apply = Callable
"""apply(name, images) runs a network on images, float32 in [0, 255]; a content network returns a list of features."""
Losses = tuple[object, dict[str, object]]
"""The loss to differentiate, and the losses to report, by name; each is a mean over the batch."""


@dataclass(frozen=True)
class Turn:
    """One optimizer's part of a step.

    Attributes:
        optimizer: the optimizer's name, which is also the name of the main network it updates.
        networks: names of the networks whose weights the optimizer updates.
        losses: a function from (apply, *batch) to `Losses`.
    """

    optimizer: str
    networks: tuple[str, ...]
    losses: Callable[..., Losses]


@dataclass(frozen=True)
class Objective:
    """The networks of a phase and the turns of its step.

    Attributes:
        networks: the networks to train, by name. Each trainable variable belongs to exactly one turn.
        turns: the turns in the order in which they run.
        frozen: networks that are used but not trained, by name.
        prepare: a function from (apply, on_host, *batch) to the tensors that the turns take instead of the batch; no
            gradient passes through it. `on_host(function, like, *tensors)` calls a function of NumPy arrays, whose
            float32 result has the shape of `like`. None: the turns take the batch itself.
    """

    networks: dict[str, keras.Model]
    turns: tuple[Turn, ...]
    frozen: dict[str, keras.Model] = field(default_factory=dict)
    prepare: Callable | None = None


def pixel_objective(generator: keras.Model) -> Objective:
    """Phase 1: trains the generator by pixelwise MSE. A batch is (LR, HR)."""

    def generator_losses(apply: Apply, lr, hr) -> Losses:
        loss = losses.pixel_mse(hr, apply("generator", lr))
        return loss, {"loss": loss}

    return Objective({"generator": generator}, (Turn("generator", ("generator",), generator_losses),))


def told_objective(generator: keras.Model) -> Objective:
    """Phase 1 of a network that is told the codec's quality. A batch is (decoded LR with the quality, HR).

    The loss is the logarithm of each patch's MSE, so a decibel counts the same at every quality. Plain MSE is dominated
    by coarse coding and spoils images that were coded well.
    """

    def generator_losses(apply: Apply, lr, hr) -> Losses:
        sr = apply("generator", lr)
        errors = ops.mean(ops.square(ops.cast(sr, "float32") - hr), axis=(1, 2, 3))
        # One squared level is added, so that patches that are almost right do not dominate instead.
        loss = ops.mean(ops.log(errors + 1.0))
        return loss, {"loss": loss, "pixel_mse": losses.pixel_mse(hr, sr)}

    return Objective({"generator": generator}, (Turn("generator", ("generator",), generator_losses),))


def adversarial_objective(
    generator: keras.Model,
    discriminator: keras.Model,
    content_network: keras.Model,
    weights: dict[str, float],
    content_loss: Callable = losses.content,
) -> Objective:
    """Phase 2: trains the discriminator to separate SR from HR, then the generator against it. A batch is (LR, HR).

    The generator's loss is the study's perceptual loss: the adversarial cross-entropy plus a distance of features.
    Losses on pixels, structure and colour are added where their weights are not 0.

    Args:
        generator: the pretrained generator, which maps LR to SR.
        discriminator: maps images to logits.
        content_network: maps images in [0, 255] to a list of features; it is not trained.
        weights: weights in the generator's loss: `content` and `adversarial`, and optionally `pixel_mse`, `structure`
            and `colour`; see `sr_tf.training.losses`.
        content_loss: the function that compares the features of HR and SR.
    """
    fidelity = {
        "pixel_mse": losses.pixel_mse,
        "structure": losses.structure,
        "colour": partial(losses.colour, period=generator.scale),
    }
    fidelity = {name: loss for name, loss in fidelity.items() if weights.get(name)}

    def discriminator_losses(apply: Apply, lr, hr) -> Losses:
        sr = apply("generator", lr)
        hr_logits, sr_logits = (apply("discriminator", images) for images in (hr, sr))
        loss = losses.discrimination(hr_logits, sr_logits)
        return loss, {"discriminator_loss": loss, "discriminator_accuracy": losses.accuracy(hr_logits, sr_logits)}

    def generator_losses(apply: Apply, lr, hr) -> Losses:
        hr_features = apply("content", hr)
        sr = apply("generator", lr)
        named = {
            "content": content_loss(hr_features, apply("content", sr)),
            "adversarial": losses.adversarial(apply("discriminator", sr)),
            **{name: loss(hr, sr) for name, loss in fidelity.items()},
        }
        loss = sum(weights[name] * value for name, value in named.items())
        return loss, {"loss": loss, **named}

    return Objective(
        {"generator": generator, "discriminator": discriminator},
        (
            Turn("discriminator", ("discriminator",), discriminator_losses),
            Turn("generator", ("generator",), generator_losses),
        ),
        frozen={"content": content_network},
    )


def reduction_objective(generator: keras.Model, reducer: keras.Model, rate_weight: float) -> Objective:
    """Phase 1 with a reducer: trains it together with the generator, through AVIF. A batch is (HR, qualities [N]).

    Each patch is reduced, compressed by AVIF at its own quality and restored. The codec has no gradient: the change it
    makes to the LR is added as a constant, and a differentiable model of the codec estimates the bits of the LR. The
    loss is the MSE plus `rate_weight` · step² for each bit of an LR sample, where step is the quantiser's step. This is
    close to the codec's own trade-off between bits and error at that step, so that neither dominates.

    Args:
        generator: maps LR to SR.
        reducer: maps HR to LR; it has the generator's scale.
        rate_weight: the cost of a bit per LR sample, in squared quantiser steps.
    """

    def prepare(apply: Apply, on_host: Callable, hr, qualities):
        lr = apply("reducer", hr)
        damage = on_host(coding_damage, lr, lr, qualities)
        return hr, damage, on_host(quantiser_steps, qualities, qualities)

    def generator_losses(apply: Apply, hr, damage, steps) -> Losses:
        lr = apply("reducer", hr)
        _, bits = coded(lr, steps)
        sr = apply("generator", lr + damage)
        errors = ops.mean(ops.square(sr - hr), axis=(1, 2, 3))
        costs = rate_weight * ops.square(steps) * bits / 3
        # Coarsely coded patches have larger errors; without this weight they would dominate the loss.
        loss = ops.mean((errors + costs) / (1.0 + steps / 10.0))
        return loss, {"loss": loss, "pixel_mse": losses.pixel_mse(hr, sr), "bits_per_lr_pixel": ops.mean(bits)}

    return Objective(
        {"generator": generator, "reducer": reducer},
        (Turn("generator", ("generator", "reducer"), generator_losses),),
        prepare=prepare,
    )


def coding_damage(lr: np.ndarray, qualities: np.ndarray) -> np.ndarray:
    """The difference that AVIF makes to LRs; runs on the host.

    Args:
        lr: float32 [N, h, w, 3], RGB; values slightly outside [0, 255] are allowed.
        qualities: the AVIF quality of each image, [N].

    Returns:
        The decoded images minus `lr`, float32 [N, h, w, 3].
    """
    from sr_tf.images.codecs import coded_variants

    lr = np.asarray(lr)

    def after_coding(image: np.ndarray, quality: float) -> np.ndarray:
        return coded_variants(image, [round(float(quality))])[0]

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(after_coding, to_uint8(lr), np.asarray(qualities)))
    return np.stack(images).astype(np.float32) - lr
