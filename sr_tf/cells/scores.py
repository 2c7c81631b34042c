"""The finder's own figures: found cells and types against labels."""

import numpy as np

from sr_tf.cells.agreement import confusion, kappa, match, type_agreement
from sr_tf.cells.fields import Field
from sr_tf.cells.finder import TYPES, CellNetwork

LABEL_RADIUS = 18.0
"""Pixels between a label, which people set anywhere within a cell, and the cell's centre; radii are 17 to 25."""


def finder_scores(network: CellNetwork, fields: list[Field]) -> dict:
    """Scores the finder against labels.

    Many cells have no label, so a found cell without a label is no error: `labelled_share` is no precision, only a
    lower bound of it.

    Args:
        network: the finder.
        fields: fields with labels.

    Returns:
        `fields`, `labels`, `found` (numbers), `radius`, `recall` (labels with a found cell within the radius),
        `labelled_share` (found cells with a label), `macro_f1` (mean over the types that the labels have, of found
        cells), `kappa`, `kappa_low`, `kappa_high` (against labels, of found cells), `accuracy` and `types`: by name,
        `support`, `precision`, `recall` and `f1`.
    """
    tables, labels, found = [], 0, 0
    for field in fields:
        cells = network.find(field.image)
        pairs = match(field.labels[:, :2].astype(float), cells.places, LABEL_RADIUS)
        tables.append(confusion(field.labels[pairs[:, 0], 2], cells.types[pairs[:, 1]], len(TYPES)))
        labels, found = labels + len(field.labels), found + len(cells)
    tables = np.array(tables)
    table, agreement = tables.sum(0), type_agreement(tables)
    types = {name: type_scores(table, index) for index, name in enumerate(TYPES)}
    known = [one["f1"] for one in types.values() if one["support"]]
    return {
        "fields": len(fields),
        "labels": labels,
        "found": found,
        "radius": LABEL_RADIUS,
        "recall": agreement.pairs / labels,
        "labelled_share": agreement.pairs / max(found, 1),
        "accuracy": agreement.same / max(agreement.pairs, 1),
        "macro_f1": float(np.mean(known)),
        "kappa": kappa(table),
        "kappa_low": agreement.low,
        "kappa_high": agreement.high,
        "types": types,
        "confusion": table.tolist(),
    }


def type_scores(table: np.ndarray, index: int) -> dict:
    """Precision, recall and F1 of one type in a confusion table of labels (rows) and found types (columns)."""
    hits, support, told = int(table[index, index]), int(table[index].sum()), int(table[:, index].sum())
    return {
        "support": support,
        "precision": hits / told if told else 0.0,
        "recall": hits / support if support else 0.0,
        "f1": 2 * hits / (support + told) if support + told else 0.0,
    }
