"""Progress and losses of a run: a bar on a terminal, plain lines elsewhere, curves; stops the run at NaN."""

import math
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
from tqdm import tqdm

from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.messages import tell
from sr_tf.training.board import Board


class Watch:
    """Collects the losses of steps and shows their means every `config.log_every` steps.

    Args:
        config: of the run.
        first: steps that earlier processes took.
        board: takes the curves.
        learning_rate: of the generator, from the step.
        last_checkpoint: returns what the newest checkpoint is called, or None.
    """

    def __init__(
        self,
        config: TrainConfig,
        first: int,
        board: Board,
        learning_rate: Callable[[int], float],
        last_checkpoint: Callable[[], object],
    ):
        self._config, self._board, self._learning_rate = config, board, learning_rate
        self._first, self._shown, self._last_checkpoint = first, first, last_checkpoint
        self._waiting: list[Mapping] = []
        self._unchecked: list[Mapping] = []
        self._bar = tqdm(
            total=config.steps, initial=first, unit="step", disable=not sys.stderr.isatty(), dynamic_ncols=True
        )
        self._start = self._since = time.monotonic()

    def add(self, step: int, named: Mapping) -> None:
        """Takes the losses of the steps up to `step`, arrays [K] by name.

        Losses that are on the host already are checked at once. Those on a device are read when they are shown or a
        checkpoint is due, not at each step, since reading waits for the device.
        """
        self._waiting.append(named)
        self._unchecked.append(named)
        self._bar.update(step - self._bar.n)
        show = step % self._config.log_every == 0 or step == self._config.steps
        on_host = all(isinstance(values, np.ndarray) for values in named.values())
        if on_host or show or step % self._config.validate_every == 0:
            self._check(step)
        if show:
            self._show(step)

    def diverged(self, step: int, what: str) -> UserError:
        """The error that ends a run whose numbers are no longer finite."""
        self._bar.close()
        last = self._last_checkpoint() or "none was written yet"
        return UserError(f"step {step}: {what}; training stopped; last good checkpoint: {last}")

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()

    def _check(self, step: int) -> None:
        for named in self._unchecked:
            for name, values in named.items():
                bad = [value for value in np.asarray(values).tolist() if not math.isfinite(value)]
                if bad:
                    raise self.diverged(step, f"{name} is {bad[0]}")
        self._unchecked = []

    def _show(self, step: int) -> None:
        now = time.monotonic()
        means = {
            name: float(np.mean(np.concatenate([np.asarray(named[name], np.float64) for named in self._waiting])))
            for name in self._waiting[0]
        }
        rate = (step - self._shown) * self._config.batch_size / (now - self._since)
        self._waiting, self._since, self._shown = [], now, step
        curves = {f"train/{name}": value for name, value in means.items()}
        self._board.scalars(
            step,
            {**curves, "train/learning_rate": self._learning_rate(step), "train/images_per_second": rate},
        )
        shown = {name: f"{value:.4g}" for name, value in means.items()}
        self._bar.set_postfix(shown)
        if self._bar.disable:
            left = (now - self._start) / (step - self._first) * (self._config.steps - step)
            losses = " ".join(f"{name} {value}" for name, value in shown.items())
            tell(f"step {step}/{self._config.steps}  {losses}  {rate:.1f} images/s  ETA {_clock(left)}")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
