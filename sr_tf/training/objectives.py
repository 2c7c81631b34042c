"""What the phases minimise: one function for each turn of a step, on any Keras backend.

A step consists of *turns*. In each, one optimizer moves the weights of some networks against the gradient of a loss.
How networks are applied and differentiated is the backend's business: `step_tensorflow` and `step_jax`.
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
"""apply(name, images): runs a network on images, float32 in [0, 255]; a content network gives a list of features."""
Losses = tuple[object, dict[str, object]]
"""The loss that is differentiated, and the losses to report by name; each a mean over the batch."""


@dataclass(frozen=True)
class Turn:
    """One optimizer's part of a step.

    Attributes:
        optimizer: its name, which is that of the main network it moves.
        networks: names of the networks whose weights it moves.
        losses: (apply, *batch) to `Losses`.
    """

    optimizer: str
    networks: tuple[str, ...]
    losses: Callable[..., Losses]


@dataclass(frozen=True)
class Objective:
    """A phase: its networks and the turns of its step.

    Attributes:
        networks: by name, those that learn. Each trainable variable belongs to exactly one turn.
        turns: in their order.
        frozen: by name, networks that only look.
        prepare: (apply, on_host, *batch) to what the turns take instead of the batch, without gradient; None: the batch
            itself. `on_host(function, like, *tensors)` calls a function of NumPy arrays, whose float32 result has the
            shape of `like`.
    """

    networks: dict[str, keras.Model]
    turns: tuple[Turn, ...]
    frozen: dict[str, keras.Model] = field(default_factory=dict)
    prepare: Callable | None = None


def pixel_objective(generator: keras.Model) -> Objective:
    """Phase 1: the generator learns by pixelwise MSE. A batch is (LR, HR)."""

    def generator_losses(apply: Apply, lr, hr) -> Losses:
        loss = losses.pixel_mse(hr, apply("generator", lr))
        return loss, {"loss": loss}

    return Objective({"generator": generator}, (Turn("generator", ("generator",), generator_losses),))


def adversarial_objective(
    generator: keras.Model,
    discriminator: keras.Model,
    content_network: keras.Model,
    weights: dict[str, float],
    content_loss: Callable = losses.content,
) -> Objective:
    """Phase 2: the discriminator learns to tell SR from HR, then the generator to deceive it. A batch is (LR, HR).

    The generator's loss is the study's perceptual loss, cross-entropy against the discriminator plus a distance of
    features, and beside it terms that hold pixels, structure and colours, each where its weight is not 0.

    Args:
        generator: maps LR to SR, pretrained.
        discriminator: maps images to logits.
        content_network: maps images in [0, 255] to a list of features; frozen.
        weights: in the generator's loss, of `content` and `adversarial`, and optionally of `pixel_mse`, `structure` and
            `colour`; see `sr_tf.training.losses`.
        content_loss: compares the features of HR and SR.
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
    """Phase 1 with a reducer that learns beside the generator, through the codec. A batch is (HR, qualities [N]).

    Each patch is reduced, goes through AVIF at its own quality and is restored. The codec has no gradient: what it did
    to the LR is added to it as a constant, and a differentiable stand-in says what more detail would cost. The loss
    is the MSE plus `rate_weight` · step² for each bit of an LR sample, step being the quantiser's: close to what a
    codec itself pays for its bits at that step, so that neither bytes nor detail become too expensive.

    Args:
        generator: maps LR to SR.
        reducer: maps HR to LR, of the generator's scale.
        rate_weight: see above.
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
        # Coarsely coded patches have the larger errors; without the weight they would decide nearly everything.
        loss = ops.mean((errors + costs) / (1.0 + steps / 10.0))
        return loss, {"loss": loss, "pixel_mse": losses.pixel_mse(hr, sr), "bits_per_lr_pixel": ops.mean(bits)}

    return Objective(
        {"generator": generator, "reducer": reducer},
        (Turn("generator", ("generator", "reducer"), generator_losses),),
        prepare=prepare,
    )


def coding_damage(lr: np.ndarray, qualities: np.ndarray) -> np.ndarray:
    """What AVIF does to LRs, to be added to them; runs on the host.

    Args:
        lr: float32 [N, h, w, 3], RGB around [0, 255].
        qualities: [N].

    Returns:
        float32 [N, h, w, 3].
    """
    from sr_tf.images.codecs import coded_variants

    lr = np.asarray(lr)

    def after_coding(image: np.ndarray, quality: float) -> np.ndarray:
        return coded_variants(image, [round(float(quality))])[0]

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(after_coding, to_uint8(lr), np.asarray(qualities)))
    return np.stack(images).astype(np.float32) - lr
