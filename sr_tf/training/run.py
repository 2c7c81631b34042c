"""A training run from configuration to kept generators, resumable at any time."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from sr_tf import losses
from sr_tf.config import TrainConfig, load_config, require_same_run
from sr_tf.data.pipeline import training_batches
from sr_tf.data.scene_store import build_store, read_scenes
from sr_tf.errors import UserError
from sr_tf.files import make_folder
from sr_tf.messages import tell
from sr_tf.models.discriminator import Discriminator
from sr_tf.models.edsr import EDSR, architecture, describe
from sr_tf.training.averaging import MovingAverage
from sr_tf.training.callbacks import StepCounter, ValidateAndSave, Watch
from sr_tf.training.distribution import mirrored_strategy, prepare_process
from sr_tf.training.phases import AdversarialFineTuning, Pretrain
from sr_tf.training.selection import BestGenerators
from sr_tf.training.validation import Validation
from sr_tf.zoo import load_generator


def train(config: TrainConfig, builder) -> Path:
    """Trains, or goes on where an earlier process with the same configuration stopped.

    Args:
        config: everything that decides the result.
        builder: a prepared TFDS builder with splits `train` and `validation`.

    Returns:
        The run's folder: `config.json`, `checkpoints/`, `best/`, `tensorboard/`.

    Raises:
        UserError: the folder cannot be written, holds another run, or input is unusable; a loss became NaN.
    """
    run_dir = make_folder(config.run_dir)
    if (run_dir / "config.json").exists():
        require_same_run(config, load_config(run_dir / "config.json"), run_dir)
    prepare_process(config.seed, config.mixed_bfloat16)
    strategy = mirrored_strategy()
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch_size={config.batch_size}: expected a multiple of the {strategy.num_replicas_in_sync} replicas"
        )
    content_network = _content_network(config, strategy)
    with strategy.scope():
        model = build_model(config, content_network)
        averaged = _generator(config)
        averaged.set_weights(model.generator.get_weights())
    step = tf.Variable(0, dtype=tf.int64, trainable=False)
    # Networks as lists of variables: a checkpoint does not see into the lists in which Keras models hold layers.
    checkpoint = tf.train.Checkpoint(**model.checkpointed(), averaged=averaged.variables, step=step)
    manager = tf.train.CheckpointManager(checkpoint, str(run_dir / "checkpoints"), max_to_keep=2)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_existing_objects_matched()
    if int(step) >= config.steps:
        tell(f"{run_dir}: already finished at step {int(step)}")
        return run_dir
    config.save(run_dir / "config.json")

    store = build_store(
        read_scenes(builder, "train"), config.scale, config.degradation, config.crop_size, config.cache_gib * 2**30
    )
    validation = _validation(config, builder)
    tell(
        f"{run_dir}: {describe(averaged)}, {len(store)} training and {len(validation)} validation scenes of "
        f"{builder.info.full_name}, {strategy.num_replicas_in_sync} replica(s), from step {int(step)} to {config.steps}"
    )
    for name, scores in validation.baselines.items():
        tell(f"validation: {name} psnr {scores['psnr']:.4f} ssim {scores['ssim']:.4f}")

    batches = training_batches(
        store,
        batch_size=config.batch_size,
        crop_size=config.crop_size,
        seed=config.seed,
        start=int(step),
        stop=config.steps,
    )
    writer = tf.summary.create_file_writer(str(run_dir / "tensorboard"))
    criterion, higher = ("psnr", True) if content_network is None else ("content", False)
    best = BestGenerators(run_dir / "best", config.keep_best, criterion, higher)
    callbacks = [
        StepCounter(step),
        MovingAverage(model.generator, averaged, config.ema_decay, step),
        Watch(step, config.steps, config.batch_size, config.log_every, writer, lambda: manager.latest_checkpoint),
        ValidateAndSave(
            step,
            config.steps,
            config.validate_every,
            validation,
            averaged,
            _content_distance(content_network),
            best,
            manager,
            writer,
        ),
    ]
    model.fit(batches, steps_per_epoch=config.steps - int(step), shuffle=False, verbose=0, callbacks=callbacks)
    return run_dir


def build_model(config: TrainConfig, content_network: keras.Model | None) -> Pretrain | AdversarialFineTuning:
    """The compiled model of a phase; call it inside the strategy's scope.

    Args:
        config: of the run.
        content_network: of the `gan` phase, whose generator starts from `config.pretrained`; None in `pretrain`.

    Raises:
        UserError: the pretrained generator is missing or of another architecture.
    """
    generator = _generator(config)
    optimizer = _adam(config, config.learning_rate)
    if content_network is None:
        model = Pretrain(generator, config.xla)
        model.compile(optimizer)
        return model
    generator.set_weights(_pretrained_weights(config))
    discriminator = Discriminator(config.discriminator_filters)
    discriminator.build((None, None, None, 3))
    weights = {
        "content": config.content_weight,
        "adversarial": config.adversarial_weight,
        "pixel_mse": config.pixel_weight,
    }
    model = AdversarialFineTuning(generator, discriminator, content_network, weights, config.xla)
    model.compile(optimizer, _adam(config, config.discriminator_learning_rate))
    return model


def _generator(config: TrainConfig) -> EDSR:
    generator = EDSR(config.blocks, config.filters, config.scale, config.residual_scaling)
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
            f"--phase=gan starts from a pretrained generator: {error}; run --phase=pretrain first or name one by "
            "--pretrained"
        ) from error
    for name, found in architecture(pretrained).items():
        expected = getattr(config, name)
        if found != expected:
            raise UserError(f"{config.pretrained}: a generator with {name} {found}, expected {name} {expected}")
    return pretrained.get_weights()


def _content_network(config: TrainConfig, strategy: tf.distribute.Strategy) -> keras.Model | None:
    if config.phase == "pretrain":
        return None
    from sr_tf.models.features import build_content_network

    with strategy.scope():
        return build_content_network(config.content, config.content_weights or None)


def _content_distance(network: keras.Model | None):
    if network is None:
        return None
    return tf.function(lambda hr, sr: losses.content(network(hr), network(sr)), reduce_retracing=True)


def _validation(config: TrainConfig, builder) -> Validation:
    scenes = list(read_scenes(builder, "validation"))
    places = np.unique(np.linspace(0, len(scenes) - 1, min(config.validation_scenes, len(scenes))).round().astype(int))
    return Validation([scenes[place] for place in places], config.scale, config.degradation)
