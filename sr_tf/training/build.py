"""The compiled model of a phase, from a run's configuration."""

import keras

from sr_tf.config import TrainConfig
from sr_tf.models.edsr import EDSR
from sr_tf.training import parts
from sr_tf.training.phases import AdversarialFineTuning, Phase, Pretrain
from sr_tf.training.reduction import LearnReduction


def build_model(config: TrainConfig, content_network: keras.Model | None = None) -> Phase:
    """The compiled model of a phase; call it inside the strategy's scope.

    Args:
        config: of the run. In the `gan` phase the generator starts from `config.pretrained`, in the other too if that
            names one.
        content_network: of the `gan` phase; by default the one that the configuration names.

    Raises:
        UserError: the pretrained generator is missing or of another architecture, or the content network's weights
            cannot be had.
    """
    generator = parts.build_generator(config)
    optimizer = parts.adam(config, config.learning_rate)
    if config.pretrained or config.phase == "gan":
        generator.set_weights(parts.pretrained_weights(config))
    if config.phase == "gan":
        return _adversarial(config, generator, optimizer, content_network)
    if config.learn_reduction:
        model = LearnReduction(generator, parts.started_reducer(config), config.rate_weight, config.xla)
    else:
        model = Pretrain(generator, config.xla)
    model.compile(optimizer)
    return model


def _adversarial(
    config: TrainConfig,
    generator: EDSR,
    optimizer: keras.optimizers.Optimizer,
    content_network: keras.Model | None,
) -> AdversarialFineTuning:
    model = AdversarialFineTuning(
        generator,
        parts.build_discriminator(config),
        content_network or parts.content_network(config),
        weights=parts.loss_weights(config),
        content_loss=parts.content_loss(config),
        xla=config.xla,
    )
    model.compile(optimizer, parts.adam(config, config.discriminator_learning_rate))
    return model
