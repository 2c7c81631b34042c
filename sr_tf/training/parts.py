"""Builds the networks, optimizers and objective of a run from its configuration, on any Keras backend."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from sr_tf.assets.store import locate
from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.generators.load import load_network, load_reducer
from sr_tf.metrics.feature_distance import ENL0
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.discriminator import Discriminator
from sr_tf.models.edsr import EDSR, architecture
from sr_tf.models.features import build_content_network
from sr_tf.models.lpips_networks import lpips_network
from sr_tf.models.reducer import Reducer
from sr_tf.training import losses
from sr_tf.training.objectives import (
    Objective,
    adversarial_objective,
    pixel_objective,
    reduction_objective,
    told_objective,
)


@dataclass(frozen=True)
class Parts:
    """The parts of a phase, which a backend trains.

    Attributes:
        config: the run's configuration.
        objective: the objective to minimise.
        optimizers: the optimizer of each turn by its name; not built yet.
        content_loss: the function that compares the features of HR and SR in the gan phase.
    """

    config: TrainConfig
    objective: Objective
    optimizers: dict[str, keras.optimizers.Optimizer]
    content_loss: Callable = losses.content

    def averaged(self) -> dict[str, keras.Model]:
        """Builds the networks for the moving averages (generator, reducer), with the weights at the start."""
        builders = {"generator": build_generator, "reducer": build_reducer}
        networks = {}
        for name, build in builders.items():
            if name in self.objective.networks:
                networks[name] = build(self.config)
                networks[name].set_weights(self.objective.networks[name].get_weights())
        return networks


def build_parts(config: TrainConfig, content_network: keras.Model | None = None) -> Parts:
    """Builds the networks and optimizers of a phase; on TensorFlow, inside the strategy's scope.

    Args:
        config: the run's configuration. The generator starts from `config.pretrained` if it is given; the gan phase
            requires it.
        content_network: the content network of the gan phase; by default the one that the configuration names.

    Raises:
        UserError: the pretrained generator is missing or has another architecture, or the content network's weights
            are missing.
    """
    generator = build_generator(config)
    optimizers = {"generator": keras.optimizers.Adam(schedule(config, config.learning_rate))}
    if config.pretrained or config.phase == "gan":
        generator.set_weights(pretrained_weights(config))
    if config.phase == "gan":
        discriminator = build_discriminator(config)
        optimizers["discriminator"] = keras.optimizers.Adam(schedule(config, config.discriminator_learning_rate))
        network, content_loss = _content(config, content_network)
        objective = adversarial_objective(generator, discriminator, network, loss_weights(config), content_loss)
        return Parts(config, objective, optimizers, content_loss)
    if config.learn_reduction:
        objective = reduction_objective(generator, started_reducer(config), config.rate_weight)
        return Parts(config, objective, optimizers)
    if config.told:
        return Parts(config, told_objective(generator), optimizers)
    return Parts(config, pixel_objective(generator), optimizers)


def _content(config: TrainConfig, network: keras.Model | None) -> tuple[keras.Model, Callable]:
    """The network of the content loss, unless it is given, and the function that compares features."""
    if config.content_form != "lpips" or network is not None:
        network = network or build_content_network(
            config.content, config.content_weights or None, config.content_layers
        )
        return network, losses.unit_content if config.content_form == "unit" else losses.content
    if config.content != "vgg16" or config.content_layers or config.content_weights:
        raise UserError(
            "--content_form=lpips: the published heads belong to five layers of vgg16, expected --content=vgg16 "
            "without --content_layers and --content_weights"
        )
    network, heads = lpips_network("vgg")
    return network, partial(losses.unit_content, heads=heads)


def build_generator(config: TrainConfig) -> EDSR | CodedFilter:
    """Builds a generator with random weights, or at scale 1 a filter that changes nothing yet."""
    if config.scale == 1:
        generator = CodedFilter(config.blocks, config.filters, 1, config.residual_scaling)
    else:
        generator = EDSR(
            config.blocks,
            config.filters,
            config.scale,
            config.residual_scaling,
            config.one_step,
            config.quality_input,
        )
    generator.build((None, None, None, generator.channels))
    return generator


def build_reducer(config: TrainConfig) -> Reducer:
    """Builds a reducer that initially computes the mean of pixels."""
    reducer = Reducer(config.scale)
    reducer.build((None, None, None, 3))
    return reducer


def started_reducer(config: TrainConfig) -> Reducer:
    """Builds a reducer, with the weights of the pretrained generator's reducer if there is one."""
    reducer = build_reducer(config)
    pretrained = load_reducer(config.pretrained) if config.pretrained else None
    if pretrained is not None:
        reducer.set_weights(pretrained.get_weights())
    return reducer


def build_discriminator(config: TrainConfig) -> Discriminator:
    """Builds a discriminator with random weights."""
    discriminator = Discriminator(config.discriminator_filters)
    discriminator.build((None, None, None, 3))
    return discriminator


def loss_weights(config: TrainConfig) -> dict[str, float]:
    """The weights of the parts of the generator's loss in the `gan` phase, by name."""
    return {
        "content": config.content_weight,
        "adversarial": config.adversarial_weight,
        "pixel_mse": config.pixel_weight,
        "structure": config.structure_weight,
        "colour": config.colour_weight,
    }


def distances(config: TrainConfig, content_distance: Callable | None) -> dict[str, Callable]:
    """Selects the validation distances besides PSNR and SSIM.

    Args:
        config: the run's configuration.
        content_distance: the content loss of HR and SR; None in the pretrain phase.

    Returns:
        Functions of HR and SR, float32 [1, H, W, 3] each, by name: none in the pretrain phase; in the gan phase
        `content`, and `enl0` if generators are selected by it.
    """
    if content_distance is None:
        return {}
    functions = {"content": content_distance}
    if config.select_by == "enl0":
        enl0 = ENL0(locate("efficientnet_lite0"))
        functions["enl0"] = lambda hr, sr: enl0(hr, sr)[0]
    return functions


def schedule(config: TrainConfig, peak: float) -> keras.optimizers.schedules.LearningRateSchedule:
    """Builds the learning-rate schedule of a run; its highest value is `peak`."""
    warm = config.warmup_steps
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warm else peak,
        warmup_target=peak if warm else None,
        warmup_steps=warm,
        decay_steps=max(1, config.steps - warm),
        # The final rate as a share of the peak: 1 makes the schedule constant.
        alpha=1.0 if config.schedule == "constant" else 0.0,
    )


def pretrained_weights(config: TrainConfig) -> list[np.ndarray]:
    """Reads the weights of the pretrained generator.

    Raises:
        UserError: the generator does not exist, or has another architecture than the configuration.
    """
    try:
        pretrained = load_network(config.pretrained)
    except UserError as error:
        raise UserError(
            f"--phase={config.phase} starts from a pretrained generator: {error}; run --phase=pretrain first, or "
            "give a generator with --pretrained"
        ) from error
    for name, found in architecture(pretrained).items():
        expected = getattr(config, name)
        if found != expected:
            raise UserError(f"{config.pretrained}: a generator with {name} {found}, expected {name} {expected}")
    weights = pretrained.get_weights()
    if config.told and pretrained.channels == 3:
        # It was not told the quality: it begins without a use for it.
        weights[0] = np.concatenate([weights[0], np.zeros_like(weights[0][:, :, :1])], axis=2)
    return weights
