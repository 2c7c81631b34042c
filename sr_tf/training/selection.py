"""Keeps the best generators of a run as files, with their validation scores."""

import json
from pathlib import Path

import keras

from sr_tf.disk.files import replace_atomically, write_atomically
from sr_tf.errors import UserError
from sr_tf.generators.runs import kept_generators, reducer_path

_MOST = 1e9
"""Stands for an infinite score, which JSON cannot hold: the PSNR of equal images."""


class BestGenerators:
    """Keeps the best generators of a run in a folder.

    `scores.json` in the folder lists them, best first: `[{"file": …, "step": …, "psnr": …}, …]`.

    Args:
        folder: created when the first generator is kept.
        keep: the number of generators to keep.
        criterion: the name of the score by which generators are ranked.
        higher_is_better: whether a higher score is better.
    """

    def __init__(self, folder: Path, keep: int, criterion: str, higher_is_better: bool):
        self._folder, self._keep = folder, keep
        self._criterion, self._sign = criterion, -1 if higher_is_better else 1

    def offer(
        self, generator: keras.Model, step: int, scores: dict[str, float], reducer: keras.Model | None = None
    ) -> bool:
        """Saves the generator if it is among the best so far. Offering the same step again changes nothing.

        Args:
            generator: the generator, saved as a `.keras` file.
            step: the training step at which it was validated.
            scores: its validation scores by name; they include the criterion.
            reducer: the generator's reducer, saved at `sr_tf.generators.runs.reducer_path`; None: it has none.

        Returns:
            Whether this generator is now the best.

        Raises:
            UserError: `scores.json` is damaged or of another kind of run, or a file cannot be written.
        """
        finite = {name: max(-_MOST, min(score, _MOST)) for name, score in scores.items()}
        entry = {"file": f"step-{step:08d}.keras", "step": step, **finite}
        kept = [other for other in kept_generators(self._folder) if other["step"] != step]
        if any(self._criterion not in other for other in kept):
            raise UserError(f"{self._folder / 'scores.json'}: an entry without {self._criterion}, expected it in each")
        ranked = sorted([*kept, entry], key=lambda other: (self._sign * other[self._criterion], other["step"]))
        ranked = ranked[: self._keep]
        if entry in ranked:
            path = self._folder / entry["file"]
            replace_atomically(path, generator.save)
            if reducer is not None:
                replace_atomically(reducer_path(path), reducer.save)
            write_atomically(self._folder / "scores.json", json.dumps(ranked, indent=2) + "\n")
        for other in kept:
            if other not in ranked:
                path = self._folder / other["file"]
                for file in (path, reducer_path(path)):
                    file.unlink(missing_ok=True)
        return ranked[0] is entry
