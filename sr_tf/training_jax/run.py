"""A run on JAX from configuration to kept generators; the counterpart of `sr_tf.training.run`, resumable likewise."""

import itertools
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import keras
import numpy as np

from sr_tf.config import TrainConfig, load_config, require_same_run
from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError
from sr_tf.images.pixels import to_uint8
from sr_tf.metrics.psnr import psnr
from sr_tf.models.edsr import describe
from sr_tf.training.parts import build_generator, distances
from sr_tf.training.selection import BestGenerators
from sr_tf.training_jax.build import build_phase
from sr_tf.training_jax.checkpoints import newest_state, save_state
from sr_tf.training_jax.packed import PackedScenes, Patches
from sr_tf.training_jax.steps import Pretrain


def steps_at_once() -> int:
    """Steps in one call of the device.

    A GPU is done with a step before Python has asked for the next. A CPU never is, and is slow at loops inside a
    compiled function.
    """
    return 1 if jax.default_backend() == "cpu" else 10


def train(config: TrainConfig, scenes: PackedScenes, validation: PackedScenes, at_once: int | None = None) -> Path:
    """Trains, or goes on where an earlier process with the same configuration stopped.

    Args:
        config: of the run; its scale, degradation and qualities are those of the scenes.
        scenes: to learn from.
        validation: to choose generators by, `config.validation_scenes` of them.
        at_once: steps in one call of the device; by default `steps_at_once`.

    Returns:
        The run's folder: `config.json`, `checkpoints/`, and `best/`, which the rest of sr_tf reads on TensorFlow.

    Raises:
        UserError: the folder holds another run or cannot be written, input is unusable, or a loss became NaN.
    """
    run_dir = make_folder(config.run_dir)
    if (run_dir / "config.json").exists():
        require_same_run(config, load_config(run_dir / "config.json"), run_dir)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_bfloat16 else "float32")
    phase = build_phase(config)
    averaged = build_generator(config)
    patches = Patches(scenes, config.batch_size, config.crop_size, config.seed)
    scorer = _Scorer(config, phase, averaged, validation)
    state = newest_state(run_dir / "checkpoints", phase.first_state())
    config.save(run_dir / "config.json")
    first = int(state["step"][0])
    _tell(
        f"{run_dir}: {describe(averaged)}, {len(scenes.hr)} training and {len(scorer)} validation scenes, "
        f"{jax.devices()[0].device_kind}, from step {first} to {config.steps}"
    )
    criterion, higher_is_better = ("psnr", True) if config.phase == "pretrain" else (config.select_by, False)
    best = BestGenerators(run_dir / "best", config.keep_best, criterion, higher_is_better)
    watch = _Watch(config, first)
    for step, batches in _batches_ahead(patches, config, first, at_once or steps_at_once()):
        state, named = phase.steps(state, *batches)
        watch.add(step, named)
        if step % config.validate_every == 0 or step == config.steps:
            scores = scorer.score(state["averaged"])
            best.offer(averaged, step, scores)
            save_state(run_dir / "checkpoints", state)
            _tell(f"step {step}: validation " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    return run_dir


def _batches_ahead(patches: Patches, config: TrainConfig, first: int, at_once: int) -> Iterator[tuple[int, tuple]]:
    """Yields (number of steps done after it, batches) for each call; the next are cut while the device works.

    No call goes past a step at which something is told or validated.
    """
    every = (at_once, config.log_every, config.validate_every)
    ends = [end for end in range(first + 1, config.steps + 1) if end == config.steps or not all(end % n for n in every)]
    with ThreadPoolExecutor(1) as pool:
        cut = [pool.submit(patches.batches, start, end - start) for start, end in zip([first], ends, strict=False)]
        for start, end in itertools.pairwise(ends):
            cut.append(pool.submit(patches.batches, start, end - start))
            yield start, cut.pop(0).result()
        yield from ((ends[-1], last.result()) for last in cut)


class _Watch:
    """Tells losses, means over the steps since the last line, and stops at NaN.

    Losses are fetched when they are told, not at each step, for which the device would have to wait.
    """

    def __init__(self, config: TrainConfig, first: int):
        self._config, self._told, self._since, self._seen = config, first, time.monotonic(), []

    def add(self, step: int, named) -> None:
        """Takes the losses of the steps up to `step`, [K] each."""
        self._seen.append(named)
        due = (self._config.log_every, self._config.validate_every)
        if step != self._config.steps and all(step % every for every in due):
            return
        values = {name: np.concatenate([one[name] for one in self._seen]) for name in named}
        means = {name: float(np.mean(value)) for name, value in values.items()}
        for name, value in means.items():
            if not math.isfinite(value):
                raise UserError(f"step {step}: {name} is {value} since step {self._told}; training stopped")
        now = time.monotonic()
        rate = (step - self._told) * self._config.batch_size / (now - self._since)
        losses = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        _tell(f"step {step}/{self._config.steps}  {losses}  {rate:.1f} images/s")
        self._told, self._since, self._seen = step, now, []


class _Scorer:
    """Scores the averaged generator on whole scenes: PSNR on 8-bit RGB, no border cut, and in phase 2 the distance."""

    def __init__(self, config: TrainConfig, phase: Pretrain, averaged: keras.Model, validation: PackedScenes):
        count = len(validation.hr)
        places = sorted(set(np.linspace(0, count - 1, min(config.validation_scenes, count)).round().astype(int)))
        # Each scene by one of its LRs, in turn, as `sr_tf.training.validation` has it.
        lrs = [validation.lr[place][number % len(validation.lr[place])] for number, place in enumerate(places)]
        self._pairs = [(lr, validation.hr[place]) for lr, place in zip(lrs, places, strict=True)]
        self._averaged, self._distances = averaged, distances(config, phase)
        self._restore = jax.jit(self._restored)

    def __len__(self) -> int:
        return len(self._pairs)

    def _restored(self, weights, lr):
        with keras.StatelessScope(state_mapping=list(zip(self._averaged.variables, weights, strict=True))):
            return self._averaged(lr)

    def score(self, weights) -> dict[str, float]:
        """Means over scenes; the averaged generator has the weights afterwards.

        Raises:
            UserError: SR has values that are not finite.
        """
        self._averaged.set_weights([np.asarray(weight) for weight in weights])
        results = []
        for lr, hr in self._pairs:
            sr = np.asarray(self._restore(weights, np.float32(lr[None])))
            if not np.isfinite(sr).all():
                raise UserError("validation: SR is not finite; training stopped before this checkpoint was written")
            sr = to_uint8(sr)[:, : hr.shape[0], : hr.shape[1]]
            result = {"psnr": float(psnr(hr[None], sr)[0])}
            pair = (np.float32(hr[None]), np.float32(sr))
            results.append(result | {name: float(distance(*pair)) for name, distance in self._distances.items()})
        return {name: float(np.mean([result[name] for result in results])) for name in results[0]}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
