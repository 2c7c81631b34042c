"""Networks and optimizers of a run, from its configuration."""

import keras
import numpy as np

from sr_tf import losses
from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.models.discriminator import Discriminator
from sr_tf.models.edsr import EDSR, architecture
from sr_tf.models.features import build_content_network
from sr_tf.training.phases import AdversarialFineTuning, Pretrain
from sr_tf.zoo import load_generator


def build_model(config: TrainConfig, content_network: keras.Model | None = None) -> Pretrain | AdversarialFineTuning:
    """The compiled model of a phase; call it inside the strategy's scope.

    Args:
        config: of the run. In the `gan` phase the generator starts from `config.pretrained`, in the other too if that
            names one.
        content_network: of the `gan` phase; by default the one that the configuration names.

    Raises:
        UserError: the pretrained generator is missing or of another architecture, or the content network's weights
            cannot be had.
    """
    generator = build_generator(config)
    optimizer = _adam(config, config.learning_rate)
    if config.pretrained or config.phase == "gan":
        generator.set_weights(_pretrained_weights(config))
    if config.phase == "pretrain":
        model = Pretrain(generator, config.xla)
        model.compile(optimizer)
        return model
    discriminator = Discriminator(config.discriminator_filters)
    discriminator.build((None, None, None, 3))
    model = AdversarialFineTuning(
        generator,
        discriminator,
        content_network or build_content_network(config.content, config.content_weights or None, config.content_layers),
        weights={
            "content": config.content_weight,
            "adversarial": config.adversarial_weight,
            "pixel_mse": config.pixel_weight,
            "structure": config.structure_weight,
            "colour": config.colour_weight,
        },
        content_loss=losses.unit_content if config.content_form == "unit" else losses.content,
        xla=config.xla,
    )
    model.compile(optimizer, _adam(config, config.discriminator_learning_rate))
    return model


def build_generator(config: TrainConfig) -> EDSR:
    """A generator with initial weights."""
    generator = EDSR(config.blocks, config.filters, config.scale, config.residual_scaling, config.one_step)
    generator.build((None, None, None, 3))
    return generator


def _adam(config: TrainConfig, peak: float) -> keras.optimizers.Adam:
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


def _pretrained_weights(config: TrainConfig) -> list[np.ndarray]:
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
