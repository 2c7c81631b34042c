"""A training run from configuration to kept generators, resumable at any time."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from sr_tf.config import TrainConfig, load_config, require_same_run
from sr_tf.data.pipeline import training_batches
from sr_tf.data.scene_store import build_store, read_scenes
from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError
from sr_tf.generators.load import load_reducer
from sr_tf.generators.reduction import reduce_for
from sr_tf.images.degradation import reduce
from sr_tf.messages import tell
from sr_tf.models.edsr import describe
from sr_tf.training.averaging import MovingAverage
from sr_tf.training.build import build_model
from sr_tf.training.callbacks import StepCounter, ValidateAndSave, Watch
from sr_tf.training.checkpoints import restored_manager
from sr_tf.training.distribution import mirrored_strategy, prepare_process
from sr_tf.training.parts import build_generator, build_reducer, distances
from sr_tf.training.selection import BestGenerators
from sr_tf.training.validation import Validation


def train(config: TrainConfig, prepare: Callable) -> Path:
    """Trains, or goes on where an earlier process with the same configuration stopped.

    Args:
        config: everything that decides the result.
        prepare: gives a prepared TFDS builder with splits `train` and `validation`; called once everything else that
            may be wrong has been looked at, since it may take long.

    Returns:
        The run's folder: `config.json`, `checkpoints/`, `best/`, `tensorboard/`.

    Raises:
        UserError: the folder cannot be written, holds another run, or input is unusable; a loss became NaN.
    """
    run_dir = make_folder(config.run_dir)
    if (run_dir / "config.json").exists():
        require_same_run(config, load_config(run_dir / "config.json"), run_dir)
    prepare_process(config.seed, config.mixed_bfloat16, config.xla)
    strategy = mirrored_strategy()
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch_size={config.batch_size}: expected a multiple of the {strategy.num_replicas_in_sync} replicas"
        )
    with strategy.scope():
        model = build_model(config)
        averaged = build_generator(config)
        averaged.set_weights(model.generator.get_weights())
        networks = [(model.generator, averaged)]
        # A generator that has a reducer goes on with it, unchanged unless it is to learn.
        reducer = load_reducer(config.pretrained) if config.pretrained else None
        if config.learn_reduction:
            reducer = build_reducer(config)
            reducer.set_weights(model.reducer.get_weights())
            networks.append((model.reducer, reducer))
    step = tf.Variable(0, dtype=tf.int64, trainable=False)
    manager = restored_manager(run_dir / "checkpoints", model, [average for _, average in networks], step)
    if int(step) >= config.steps:
        tell(f"{run_dir}: already finished at step {int(step)}")
        return run_dir

    measured = distances(config, model)
    builder = prepare()
    store = build_store(
        read_scenes(builder, "train"),
        config.scale,
        _reduction(config, averaged, reducer),
        config.crop_size,
        config.cache_gib * 2**30,
        () if config.learn_reduction else config.qualities,
    )
    validation = _validation(config, builder, measured)
    config.save(run_dir / "config.json")
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
        qualities=config.qualities if config.learn_reduction else (),
    )
    writer = tf.summary.create_file_writer(str(run_dir / "tensorboard"))
    criterion, higher_is_better = ("psnr", True) if config.phase == "pretrain" else (config.select_by, False)
    best = BestGenerators(run_dir / "best", config.keep_best, criterion, higher_is_better)
    callbacks = [
        StepCounter(step),
        MovingAverage(networks, config.ema_decay, step),
        Watch(step, config.steps, config.batch_size, config.log_every, writer, lambda: manager.latest_checkpoint),
        ValidateAndSave(
            *(step, config.steps, config.validate_every, validation),
            *((averaged, reducer), best, manager, writer),
        ),
    ]
    model.fit(batches, steps_per_epoch=config.steps - int(step), shuffle=False, verbose=0, callbacks=callbacks)
    return run_dir


def _reduction(config: TrainConfig, generator, reducer) -> Callable[[np.ndarray], np.ndarray]:
    """How training scenes become LRs."""
    if reducer is None:
        return functools.partial(reduce, scale=config.scale, degradation=config.degradation)
    return functools.partial(reduce_for, generator, reducer)


def _validation(config: TrainConfig, builder, measured: dict[str, Callable]) -> Validation:
    count = builder.info.splits["validation"].num_examples
    places = set(np.linspace(0, count - 1, min(config.validation_scenes, count)).round().astype(int))
    scenes = (scene for place, scene in enumerate(read_scenes(builder, "validation")) if place in places)
    return Validation(scenes, config.scale, config.degradation, measured, config.qualities)
