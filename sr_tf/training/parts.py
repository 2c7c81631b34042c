"""What a run is put together from, by its configuration; on any Keras backend."""

from collections.abc import Callable

import keras
import numpy as np

from sr_tf.assets.store import locate
from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.generators.load import load_generator, load_reducer
from sr_tf.metrics.feature_distance import ENL0
from sr_tf.models.discriminator import Discriminator
from sr_tf.models.edsr import EDSR, architecture
from sr_tf.models.features import build_content_network
from sr_tf.models.reducer import Reducer
from sr_tf.training import losses


def build_generator(config: TrainConfig) -> EDSR:
    """A generator with initial weights."""
    generator = EDSR(config.blocks, config.filters, config.scale, config.residual_scaling, config.one_step)
    generator.build((None, None, None, 3))
    return generator


def build_reducer(config: TrainConfig) -> Reducer:
    """A reducer that begins as the mean of pixels."""
    reducer = Reducer(config.scale)
    reducer.build((None, None, None, 3))
    return reducer


def started_reducer(config: TrainConfig) -> Reducer:
    """The reducer to go on from: that of the generator that the configuration starts from, if it has one."""
    reducer = build_reducer(config)
    started = load_reducer(config.pretrained) if config.pretrained else None
    if started is not None:
        reducer.set_weights(started.get_weights())
    return reducer


def build_discriminator(config: TrainConfig) -> Discriminator:
    """A discriminator with initial weights."""
    discriminator = Discriminator(config.discriminator_filters)
    discriminator.build((None, None, None, 3))
    return discriminator


def content_network(config: TrainConfig) -> keras.Model:
    """The network that the configuration names.

    Raises:
        UserError: its weights cannot be had.
    """
    return build_content_network(config.content, config.content_weights or None, config.content_layers)


def content_loss(config: TrainConfig) -> Callable:
    """Compares the features of HR and SR."""
    return losses.unit_content if config.content_form == "unit" else losses.content


def loss_weights(config: TrainConfig) -> dict[str, float]:
    """Of the generator's loss in the `gan` phase."""
    return {
        "content": config.content_weight,
        "adversarial": config.adversarial_weight,
        "pixel_mse": config.pixel_weight,
        "structure": config.structure_weight,
        "colour": config.colour_weight,
    }


def distances(config: TrainConfig, phase) -> dict[str, Callable]:
    """What the `gan` phase is validated by, beside PSNR: its own `content_distance` and more; of the other nothing."""
    if config.phase == "pretrain":
        return {}
    measured = {"content": phase.content_distance}
    if config.select_by == "enl0":
        enl0 = ENL0(locate("efficientnet_lite0"))
        measured["enl0"] = lambda hr, sr: enl0(hr, sr)[0]
    return measured


def adam(config: TrainConfig, peak: float) -> keras.optimizers.Adam:
    """Adam with the run's schedule, whose highest learning rate is `peak`."""
    warm = config.warmup_steps
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warm else peak,
        warmup_target=peak if warm else None,
        warmup_steps=warm,
        decay_steps=max(1, config.steps - warm),
        # What remains of the peak at the end: all of it makes the schedule constant.
        alpha=1.0 if config.schedule == "constant" else 0.0,
    )
    return keras.optimizers.Adam(rate)


def pretrained_weights(config: TrainConfig) -> list[np.ndarray]:
    """Of the generator that the configuration starts from.

    Raises:
        UserError: it is missing or of another architecture.
    """
    try:
        pretrained = load_generator(config.pretrained)
    except UserError as error:
        raise UserError(
            f"--phase={config.phase} starts from a pretrained generator: {error}; run --phase=pretrain first or name "
            "one by --pretrained"
        ) from error
    for name, found in architecture(pretrained).items():
        expected = getattr(config, name)
        if found != expected:
            raise UserError(f"{config.pretrained}: a generator with {name} {found}, expected {name} {expected}")
    return pretrained.get_weights()
