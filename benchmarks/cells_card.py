"""Scores the shipped red-cell finder on labelled fields, writes the figures to its card and prints them.

python benchmarks/cells_card.py --data=CHULA
"""

import json
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.cells.agreement import match
from sr_tf.cells.fields import labelled_fields
from sr_tf.cells.finder import CellNetwork
from sr_tf.cells.outlines import outline_centres
from sr_tf.cells.scores import finder_scores
from sr_tf.cells.shipped import CARD, card, shipped_finder
from sr_tf.cells.tally import SAME_CELL
from sr_tf.data.smear import render_smear_cells
from sr_tf.disk.files import write_atomically
from sr_tf.images.degradation import reduce
from sr_tf.messages import markdown_table

flags.DEFINE_string("data", None, "The folder of Chula RBC-12.", required=True)

_DRAWN = range(1000, 1020)
_SIDE = 320
_EDGE = 15
"""Cells nearer to the edge of a drawn field than this are not asked for, and none found there counts."""


def main(_) -> None:
    """Rewrites the card."""
    data, finder = Path(flags.FLAGS.data), shipped_finder()
    content = card()
    for name in ("validation", "test"):
        fields = labelled_fields(data / name, data / "labels")
        content[name] = finder_scores(finder, fields)
        content[name]["beside_outlines"] = _found(
            (outline_centres(one.image)[:, :2], finder.find(one.image).places) for one in fields
        )
    content["drawn"] = _found(_drawn(finder, seed) for seed in _DRAWN)
    write_atomically(CARD, json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n")
    for name in ("validation", "test"):
        print(f"{name}\n\n{_type_table(content[name])}\n")
    print(_whole_table(content))


def _found(pairs) -> dict:
    """Precision, recall and F1 of finding: pairs of (places that are known, places that were found)."""
    hits = known = told = 0
    for places, found in pairs:
        hits += len(match(places, found, SAME_CELL))
        known, told = known + len(places), told + len(found)
    return {
        "radius": SAME_CELL, "known": known, "found": told, "precision": hits / told, "recall": hits / known,
        "f1": 2 * hits / (known + told),
    }  # fmt: skip


def _drawn(finder: CellNetwork, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The cells of a drawn field and those that were found; a partner may lie nearer to the edge."""
    field, cells = render_smear_cells(seed, 2 * _SIDE, 2 * _SIDE)
    known, found = cells[:, :2] / 2, finder.find(reduce(field, 2, "antialiased")).places
    pairs = match(known, found, SAME_CELL)
    kept_known, kept_found = _inside(known), _inside(found)
    kept_known[pairs[kept_found[pairs[:, 1]], 0]] = True
    kept_found[pairs[kept_known[pairs[:, 0]], 1]] = True
    return known[kept_known], found[kept_found]


def _inside(places: np.ndarray) -> np.ndarray:
    return ((places > _EDGE) & (places < _SIDE - _EDGE)).all(axis=1)


def _type_table(scores: dict) -> str:
    rows = [["type", "labelled and found", "precision", "recall", "F1"]]
    for name, one in scores["types"].items():
        values = [f"{one[key]:.3f}" if one["support"] else "–" for key in ("precision", "recall", "f1")]
        rows.append([name, str(one["support"]), *values])
    return markdown_table(rows)


def _whole_table(content: dict) -> str:
    rows = [["fields", "labels", "found", "recall of labels", "accuracy of types", "macro F1", "κ", "95 % interval"]]
    for name in ("validation", "test"):
        one = content[name]
        rows.append(
            [f"{name}, {one['fields']}", str(one["labels"]), str(one["found"])]
            + [f"{one[key]:.3f}" for key in ("recall", "accuracy", "macro_f1", "kappa")]
            + [f"{one['kappa_low']:.3f} to {one['kappa_high']:.3f}"]
        )
    found = [["finding", "known", "found", "precision", "recall", "F1"]]
    of_names = {"drawn smears": content["drawn"], "test, beside outlines": content["test"]["beside_outlines"]}
    for name, one in of_names.items():
        values = [f"{one[key]:.3f}" for key in ("precision", "recall", "f1")]
        found.append([name, str(one["known"]), str(one["found"]), *values])
    return f"{markdown_table(rows)}\n\n{markdown_table(found)}"


def _rounded(content):
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    return round(content, 4) if isinstance(content, float) else content


if __name__ == "__main__":
    app.run(main)
