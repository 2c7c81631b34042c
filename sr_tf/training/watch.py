"""Shows the progress and losses of a run, writes their curves, and stops the run when a loss is not finite."""

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

    Progress is a bar on a terminal, and plain lines elsewhere.

    Args:
        config: the run's configuration.
        first: the number of steps done by earlier processes.
        board: the board for the curves.
        learning_rate: a function from the step to the generator's learning rate.
        last_checkpoint: a function that returns the newest checkpoint, or None if there is none.
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
        """Adds the losses of the last K steps, which end at `step`: arrays [K] by name.

        Losses on the host are checked immediately. Losses on a device are read only when they are shown or before a
        checkpoint, because reading waits for the device.
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
        """Returns the error that stops a run whose losses or scores are not finite."""
        self._bar.close()
        last = self._last_checkpoint() or "none yet"
        return UserError(f"step {step}: {what}; training stopped; last good checkpoint: {last}")

    def close(self) -> None:
        """Closes the progress bar."""
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
