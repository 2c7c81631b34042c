"""A phase of a run, from its configuration."""

import keras

from sr_tf.config import TrainConfig
from sr_tf.training import parts
from sr_tf.training_jax.steps import AdversarialFineTuning, Pretrain


def build_phase(config: TrainConfig, content_network: keras.Model | None = None) -> Pretrain | AdversarialFineTuning:
    """The counterpart of `sr_tf.training.build.build_model`.

    Args:
        config: of the run.
        content_network: of the `gan` phase; by default the one that the configuration names.

    Raises:
        UserError: the pretrained generator is missing or of another architecture, or the content network's weights
            cannot be had.
    """
    generator = parts.build_generator(config)
    if config.pretrained or config.phase == "gan":
        generator.set_weights(parts.pretrained_weights(config))
    mine = (generator, parts.adam(config, config.learning_rate), config.ema_decay)
    if config.phase == "pretrain":
        return Pretrain(*mine)
    return AdversarialFineTuning(
        *mine,
        parts.build_discriminator(config),
        parts.adam(config, config.discriminator_learning_rate),
        content_network or parts.content_network(config),
        parts.loss_weights(config),
        parts.content_loss(config),
    )
