"""The training run, from the configuration to the best generators; it can continue after any interruption."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from sr_tf.config import TrainConfig, open_run_folder
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import CodedLRs, LRs, Scenes, SceneStore
from sr_tf.generators.load import load_reducer
from sr_tf.generators.reduction import reduce_for
from sr_tf.images.degradation import reduce
from sr_tf.messages import tell
from sr_tf.models.edsr import describe
from sr_tf.training.board import Board
from sr_tf.training.checkpoints import checkpoints, newest_state, save_state
from sr_tf.training.parts import distances, schedule
from sr_tf.training.selection import BestGenerators
from sr_tf.training.validation import Validation
from sr_tf.training.watch import Watch


@dataclass(frozen=True)
class TrainingData:
    """The scenes of a run.

    Attributes:
        name: the data set's name, for messages.
        train: the training scenes.
        validation: the validation scenes, which decide which generators are kept.
        lrs: the stored LRs of the training scenes and of the validation scenes; None: LRs are computed from HR.
    """

    name: str
    train: Scenes
    validation: Scenes
    lrs: tuple[LRs, LRs] | None = None


def train(config: TrainConfig, prepare: Callable[[], TrainingData], at_once: int | None = None) -> Path:
    """Trains a generator, or continues an interrupted run with the same configuration.

    Args:
        config: the run's configuration.
        prepare: a function that returns the scenes. It may take long, so it is called after all other checks.
        at_once: on JAX, the number of steps in one call of the device; see `JaxBackend`.

    Returns:
        The run folder, with `config.json`, `checkpoints/`, `best/` and `tensorboard/`.

    Raises:
        UserError: the folder cannot be written or holds another run, an input is unusable, or a loss or validation
            score is not finite.
    """
    run_dir = open_run_folder(config)
    backend = open_backend(config, at_once)
    averaged = backend.averaged["generator"]
    # If the pretrained generator has a reducer, the run keeps it; it changes only with `learn_reduction`.
    reducer = backend.averaged.get("reducer") or (load_reducer(config.pretrained) if config.pretrained else None)
    state = newest_state(run_dir / "checkpoints", backend.state())
    first = int(state["step"][0])
    if first >= config.steps:
        tell(f"{run_dir}: already finished at step {first}")
        return run_dir
    backend.load_state(state)
    backend.synchronise()
    validation_distances = distances(config, backend.content_distance)

    data = prepare()
    lrs = data.lrs[0] if data.lrs else _lr_source(config, averaged, reducer)
    store = SceneStore(data.train, config.scale, lrs, config.crop_size, config.cache_gib * 2**30)
    sampler = Sampler(
        store, config.batch_size, config.crop_size, config.seed, config.qualities if config.learn_reduction else ()
    )
    validation = _validation(config, data, validation_distances)
    config.save(run_dir / "config.json")
    memory = "all in memory" if store.cached == len(store) else f"{store.cached} in memory, the others on disk"
    tell(
        f"{run_dir}: {describe(averaged)}, {len(store)} training ({memory}) and {len(validation)} validation scenes of "
        f"{data.name}, {backend.device}, from step {first} to {config.steps}"
    )
    if config.phase == "gan":
        tell(f"content loss: {config.content_weight:g} × features of {config.content}, form {config.content_form}")
    for name, scores in validation.baselines.items():
        tell(f"validation: {name} psnr {scores['psnr']:.4f} ssim {scores['ssim']:.4f}")

    board = Board(run_dir / "tensorboard")
    for_generator = schedule(config, config.learning_rate)
    newest = functools.partial(_newest, run_dir / "checkpoints")
    watch = Watch(config, first, board, lambda step: float(for_generator(step)), newest)
    criterion, higher_is_better = ("psnr", True) if config.phase == "pretrain" else (config.select_by, False)
    best = BestGenerators(run_dir / "best", config.keep_best, criterion, higher_is_better)
    # A generator with a reducer is validated on its own LRs; the baselines use the configured degradation.
    reduced = _lr_source(config, averaged, reducer, validation=True) if reducer is not None and not data.lrs else None

    def validate(step: int) -> None:
        # The checkpoint is written after the scores, so that a run killed in between repeats this validation.
        backend.synchronise()
        if reduced is not None:
            validation.reduce_by(lambda index, hr: reduced(index, hr, [index % reduced.variants])[0])
        scores = validation.score(backend.restore)
        bad = [name for name, value in scores.items() if math.isnan(value)]
        if bad:
            raise watch.diverged(step, f"validation {bad[0]} is NaN")
        is_best = best.offer(averaged, step, scores, reducer)
        save_state(run_dir / "checkpoints", backend.state())
        curves = {f"validation/{name}": value for name, value in scores.items()}
        for baseline, values in validation.baselines.items():
            curves |= {f"validation_{baseline}/{name}": value for name, value in values.items()}
        board.scalars(step, curves)
        board.image(step, ", ".join(validation.panel_parts), validation.panel(backend.restore))
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        baseline = "decoded" if config.scale == 1 else "bicubic"
        before = validation.baselines[baseline]["psnr"]
        tell(
            f"step {step}: validation on {len(validation)} scenes: {shown} ({baseline} psnr {before:.4f})"
            + ("  best so far" if is_best else "")
        )

    def after_step(step: int, named) -> None:
        watch.add(step, named)
        if step % config.validate_every == 0 or step == config.steps:
            validate(step)

    backend.run(sampler, config.steps, after_step)
    watch.close()
    return run_dir


def open_backend(config: TrainConfig, at_once: int | None = None):
    """Sets the seed and the dtype policy of this process, and opens the phase on its Keras backend."""
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_bfloat16 else "float32")
    if keras.backend.backend() == "jax":
        from sr_tf.training.step_jax import JaxBackend

        return JaxBackend(config, at_once=at_once)
    from sr_tf.training.step_tensorflow import TensorFlowBackend, make_deterministic

    make_deterministic(config.xla)
    return TensorFlowBackend(config)


def _lr_source(config: TrainConfig, generator, reducer, validation: bool = False) -> CodedLRs:
    """Chooses how LRs are computed: by the reducer if there is one, else by the configured degradation."""
    plain = functools.partial(reduce, scale=config.scale, degradation=config.degradation)
    if config.scale == 1:
        return CodedLRs(np.asarray, config.qualities, config.told)
    if config.learn_reduction and not validation:
        return CodedLRs(plain)  # unused: each step computes its LRs by the reducer that is being trained
    reduction = plain if reducer is None else functools.partial(reduce_for, generator, reducer)
    return CodedLRs(reduction, config.qualities, config.told)


def _validation(config: TrainConfig, data: TrainingData, functions: dict[str, Callable]) -> Validation:
    """Takes at most `config.validation_scenes` evenly spread scenes, each with one of its LR variants, in turn."""
    count = len(data.validation)
    indices = sorted(set(np.linspace(0, count - 1, min(config.validation_scenes, count)).round().astype(int).tolist()))
    scenes = [hr for index, (_, hr) in enumerate(data.validation) if index in indices]
    source = data.lrs[1] if data.lrs else _lr_source(config, None, None, validation=True)
    lrs = [
        source(index, hr, [number % source.variants])[0]
        for number, (index, hr) in enumerate(zip(indices, scenes, strict=True))
    ]
    return Validation(scenes, lrs, config.scale, config.degradation, functions)


def _newest(folder: Path) -> Path | None:
    paths = checkpoints(folder)
    return paths[-1] if paths else None
