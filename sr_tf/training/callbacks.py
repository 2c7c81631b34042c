"""What happens around training steps: counting, watching, validating, saving."""

import functools
import math
import sys
import time

import keras
import tensorflow as tf
from tqdm import tqdm

from sr_tf.errors import UserError
from sr_tf.generators.reduction import reduce_for
from sr_tf.messages import tell


class StepCounter(keras.callbacks.Callback):
    """Counts the run's steps, over resumptions, in a variable that checkpoints hold."""

    def __init__(self, step: tf.Variable):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch, logs=None):
        """Adds one."""
        self._step.assign_add(1)


class Watch(keras.callbacks.Callback):
    """Shows progress and losses: a bar on a terminal, plain lines elsewhere, points in TensorBoard. Stops at NaN.

    Args:
        step: the run's step, counted before this callback runs.
        steps: at which the run ends.
        batch_size: for images per second.
        every: steps between lines and points; values are means over them.
        writer: of TensorBoard.
        last_checkpoint: tells the path of the newest checkpoint, or None.
    """

    def __init__(self, step, steps, batch_size, every, writer, last_checkpoint):
        super().__init__()
        self._step, self._steps, self._batch_size, self._every = step, steps, batch_size, every
        self._writer, self._last_checkpoint = writer, last_checkpoint
        self._sums, self._count = {}, 0

    def on_train_begin(self, logs=None):
        """Starts the clock and the bar."""
        first = int(self._step)
        self._bar = tqdm(
            total=self._steps, initial=first, unit="step", disable=not sys.stderr.isatty(), dynamic_ncols=True
        )
        self._start = self._since = time.monotonic()
        self._first = first

    def on_train_batch_end(self, batch, logs=None):
        """Checks, adds up and, every so often, shows the losses."""
        step = int(self._step)
        values = {name: float(value) for name, value in logs.items()}
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            self._bar.close()
            raise _diverged(step, f"{bad[0]} is {values[bad[0]]}", self._last_checkpoint())
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._bar.update()
        if step % self._every == 0 or step == self._steps:
            self._show(step)

    def on_train_end(self, logs=None):
        """Ends the bar."""
        self._bar.close()

    def _show(self, step: int) -> None:
        now = time.monotonic()
        means = {name: total / self._count for name, total in self._sums.items()}
        rate = self._count * self._batch_size / (now - self._since)
        self._sums, self._count, self._since = {}, 0, now
        with self._writer.as_default(step=step):
            for name, value in means.items():
                tf.summary.scalar(f"train/{name}", value)
            tf.summary.scalar("train/learning_rate", float(tf.convert_to_tensor(self.model.optimizer.learning_rate)))
            tf.summary.scalar("train/images_per_second", rate)
        shown = {name: f"{value:.4g}" for name, value in means.items()}
        self._bar.set_postfix(shown)
        if self._bar.disable:
            left = (now - self._start) / (step - self._first) * (self._steps - step)
            losses = " ".join(f"{name} {value}" for name, value in shown.items())
            tell(f"step {step}/{self._steps}  {losses}  {rate:.1f} images/s  ETA {_clock(left)}")


class ValidateAndSave(keras.callbacks.Callback):
    """Every so many steps: scores the averaged generator, keeps it if it is good, writes a checkpoint.

    The checkpoint comes last, so that a run that dies in between does all three again.

    Args:
        step: the run's step, counted before this callback runs.
        steps: at which the run ends; the last step is always validated.
        every: steps between validations.
        validation: `sr_tf.training.validation.Validation`.
        averaged: the generator to score, and its reducer or None.
        best: `sr_tf.training.selection.BestGenerators`.
        manager: `tf.train.CheckpointManager`.
        writer: of TensorBoard.
    """

    def __init__(self, step, steps, every, validation, averaged, best, manager, writer):
        super().__init__()
        self._step, self._steps, self._every, self._validation = step, steps, every, validation
        (self._averaged, self._reducer), self._best, self._manager, self._writer = averaged, best, manager, writer
        self._restore = tf.function(
            lambda lr: self._averaged(lr, training=False),
            input_signature=[tf.TensorSpec([1, None, None, 3], tf.float32)],
        )

    def on_train_batch_end(self, batch, logs=None):
        """Validates and saves if this step is one of those."""
        step = int(self._step)
        if step % self._every and step != self._steps:
            return
        if self._reducer is not None:
            self._validation.reduce_by(functools.partial(reduce_for, self._averaged, self._reducer))
        scores = self._validation.score(self._restore)
        bad = [name for name, value in scores.items() if math.isnan(value)]
        if bad:
            raise _diverged(step, f"validation {bad[0]} is NaN", self._manager.latest_checkpoint)
        is_best = self._best.offer(self._averaged, step, scores, self._reducer)
        self._manager.save(checkpoint_number=step)
        with self._writer.as_default(step=step):
            for name, value in scores.items():
                tf.summary.scalar(f"validation/{name}", value)
            for baseline, values in self._validation.baselines.items():
                for name, value in values.items():
                    tf.summary.scalar(f"validation_{baseline}/{name}", value)
            tf.summary.image("LR, i-HR, SR, HR", self._validation.panel(self._restore))
        self._writer.flush()
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        bicubic = self._validation.baselines["bicubic"]["psnr"]
        tell(
            f"step {step}: validation on {len(self._validation)} scenes: {shown} (bicubic psnr {bicubic:.4f})"
            + ("  best so far" if is_best else "")
        )


def _diverged(step: int, what: str, checkpoint: str | None) -> UserError:
    last = checkpoint or "none was written yet"
    return UserError(f"step {step}: {what}; training stopped; last good checkpoint: {last}")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
