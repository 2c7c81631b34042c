"""A training run from configuration to kept generators, resumable at any time, on TensorFlow or JAX."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from sr_tf.config import TrainConfig, load_config, require_same_run
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import CodedLRs, LRs, Scenes, SceneStore
from sr_tf.disk.files import make_folder
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
        name: of the data set, for people.
        train: the scenes to learn from.
        validation: the scenes to choose generators by.
        lrs: of training and validation scenes, where they were stored with them; None: they are made from HR.
    """

    name: str
    train: Scenes
    validation: Scenes
    lrs: tuple[LRs, LRs] | None = None


def train(config: TrainConfig, prepare: Callable[[], TrainingData], at_once: int | None = None) -> Path:
    """Trains, or goes on where an earlier process with the same configuration stopped.

    Args:
        config: everything that decides the result.
        prepare: gives the scenes; called once everything else that can be wrong was checked, since it may take long.
        at_once: on JAX, steps in one call of the device; see `JaxBackend`.

    Returns:
        The run's folder: `config.json`, `checkpoints/`, `best/`, `tensorboard/`.

    Raises:
        UserError: the folder cannot be written or holds another run, input is unusable, or a loss became NaN.
    """
    run_dir = make_folder(config.run_dir)
    if (run_dir / "config.json").exists():
        require_same_run(config, load_config(run_dir / "config.json"), run_dir)
    backend = open_backend(config, at_once)
    averaged = backend.averaged["generator"]
    # A generator that has a reducer keeps it, unchanged unless it is to learn.
    reducer = backend.averaged.get("reducer") or (load_reducer(config.pretrained) if config.pretrained else None)
    state = newest_state(run_dir / "checkpoints", backend.state())
    first = int(state["step"][0])
    if first >= config.steps:
        tell(f"{run_dir}: already finished at step {first}")
        return run_dir
    backend.load_state(state)
    backend.synchronise()
    measured = distances(config, backend.content_distance)

    data = prepare()
    lrs = data.lrs[0] if data.lrs else _made_lrs(config, averaged, reducer)
    store = SceneStore(data.train, config.scale, lrs, config.crop_size, config.cache_gib * 2**30)
    sampler = Sampler(
        store, config.batch_size, config.crop_size, config.seed, config.qualities if config.learn_reduction else ()
    )
    validation = _validation(config, data, measured)
    config.save(run_dir / "config.json")
    memory = "all in memory" if store.cached == len(store) else f"{store.cached} in memory, the others read again"
    tell(
        f"{run_dir}: {describe(averaged)}, {len(store)} training ({memory}) and {len(validation)} validation scenes of "
        f"{data.name}, {backend.device}, from step {first} to {config.steps}"
    )
    for name, scores in validation.baselines.items():
        tell(f"validation: {name} psnr {scores['psnr']:.4f} ssim {scores['ssim']:.4f}")

    board = Board(run_dir / "tensorboard")
    for_generator = schedule(config, config.learning_rate)
    newest = functools.partial(_newest, run_dir / "checkpoints")
    watch = Watch(config, first, board, lambda step: float(for_generator(step)), newest)
    criterion, higher_is_better = ("psnr", True) if config.phase == "pretrain" else (config.select_by, False)
    best = BestGenerators(run_dir / "best", config.keep_best, criterion, higher_is_better)
    made_again = _made_lrs(config, averaged, reducer, validation=True) if reducer is not None and not data.lrs else None

    def validate(step: int) -> None:
        # The checkpoint comes last, so that a killed run does all of it again.
        backend.synchronise()
        if made_again is not None:
            validation.reduce_by(lambda place, hr: made_again(place, hr, [place % made_again.variants])[0])
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
        board.image(step, "LR, i-HR, SR, HR", validation.panel(backend.restore))
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        bicubic = validation.baselines["bicubic"]["psnr"]
        tell(
            f"step {step}: validation on {len(validation)} scenes: {shown} (bicubic psnr {bicubic:.4f})"
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
    """The phase's step on the Keras backend of this process, after setting what is global to it."""
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_bfloat16 else "float32")
    if keras.backend.backend() == "jax":
        from sr_tf.training.step_jax import JaxBackend

        return JaxBackend(config, at_once=at_once)
    from sr_tf.training.step_tensorflow import TensorFlowBackend, make_deterministic

    make_deterministic(config.xla)
    return TensorFlowBackend(config)


def _made_lrs(config: TrainConfig, generator, reducer, validation: bool = False) -> CodedLRs:
    """How scenes become LRs."""
    plain = functools.partial(reduce, scale=config.scale, degradation=config.degradation)
    if config.learn_reduction and not validation:
        return CodedLRs(plain)  # not looked at: each step makes its own LRs by the reducer that learns
    reduction = plain if reducer is None else functools.partial(reduce_for, generator, reducer)
    return CodedLRs(reduction, config.qualities)


def _validation(config: TrainConfig, data: TrainingData, measured: dict[str, Callable]) -> Validation:
    """At most `config.validation_scenes` scenes, evenly spread; each with one of its LRs, in turn."""
    count = len(data.validation)
    places = sorted(set(np.linspace(0, count - 1, min(config.validation_scenes, count)).round().astype(int).tolist()))
    scenes = [hr for place, (_, hr) in enumerate(data.validation) if place in places]
    lrs = data.lrs[1] if data.lrs else _made_lrs(config, None, None, validation=True)
    made = [
        lrs(place, hr, [number % lrs.variants])[0]
        for number, (place, hr) in enumerate(zip(places, scenes, strict=True))
    ]
    return Validation(scenes, made, config.scale, config.degradation, measured)


def _newest(folder: Path) -> Path | None:
    paths = checkpoints(folder)
    return paths[-1] if paths else None
