"""The figures of a comparison of cells as rows of text and as JSON."""

import json

import msgspec

import sr_tf
from sr_tf.cells.finder import TYPES
from sr_tf.cells.tally import Tally
from sr_tf.messages import RESEARCH_ONLY
from sr_tf.pages.figures import finite, interval, number
from sr_tf.validation.finder_words import finder_text
from sr_tf.validation.results import Difference, Method, Validation

MADE_BY = "sr-tf validate"
HEADINGS = (
    "stored as", "bit/pixel", "found, original", "found, stored", "bias (%)", "bias per place", "limits of agreement",
    "only in original", "only in stored", "same type", "κ", "95 % interval",
)  # fmt: skip
_OF_TYPES = 3
"""How many of them are about types."""


def headings(typed: bool) -> tuple[str, ...]:
    """The headings of a table of cells; `typed`: whether the cells have types."""
    return HEADINGS if typed else HEADINGS[:-_OF_TYPES]


def row(name: str, rate: float, tally: Tally, typed: bool = True) -> list[str]:
    """One way to store the slide, as texts in the order of `headings`.

    Args:
        name: of the way.
        rate: bits for each pixel.
        tally: the cells by place.
        typed: whether the cells have types.
    """
    counts, types = tally.count_agreement(), tally.type_agreement()
    texts = [
        name,
        f"{rate:.3f}",
        f"{counts.first:,}",
        f"{counts.second:,}",
        number(counts.bias_percent, "+.2f"),
        number(counts.bias, "+.3f"),
        interval(counts.low, counts.high, "+.2f"),
        f"{tally.lost:,}",
        f"{tally.gained:,}",
        f"{types.same:,} of {types.pairs:,}",
        number(types.kappa, ".3f"),
        interval(types.low, types.high, ".3f"),
    ]
    return texts[: len(headings(typed))]


def to_json(validation: Validation) -> str:
    """The comparison as a JSON document; numbers that are not defined are null."""
    document = {
        "made_by": f"{MADE_BY}, sr_tf {sr_tf.__version__}",
        "note": RESEARCH_ONLY,
        "archive": validation.archive,
        "archive_sha256": validation.archive_sha256,
        "slide": validation.slide,
        "slide_sha256": validation.source_sha256,
        "gate": validation.gate,
        "protocol": validation.protocol,
        "counted": validation.counted,
        "finder": {
            **{name: validation.finder.get(name) for name in ("weights_sha256", "test", "method", "mpp")},
            "in_words": finder_text(validation.finder),
        },
        "types": list(TYPES) if validation.typed else [],
        "methods": [method_record(method) for method in validation.methods],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def method_record(method: Method) -> dict:
    """One way to store the slide, for JSON."""
    counts, types = method.tally.count_agreement(), method.tally.type_agreement()
    return {
        "name": method.name,
        "settings": method.settings,
        "windows": method.windows,
        "bits_per_pixel": method.rate,
        "cells": {
            "places": counts.places,
            "original": counts.first,
            "stored": counts.second,
            "bias": finite(counts.bias),
            "bias_percent": finite(counts.bias_percent),
            "limits_of_agreement": [finite(counts.low), finite(counts.high)],
            "only_in_original": method.tally.lost,
            "only_in_stored": method.tally.gained,
        },
        "types": {
            "pairs": types.pairs,
            "same": types.same,
            "kappa": finite(types.kappa),
            "kappa_interval": [finite(types.low), finite(types.high)],
            "resampled": types.drawn,
        },
        "detail": msgspec.to_builtins(method.detail()),
        "places": [
            {"block": list(block), "original": first, "stored": second}
            for block, (first, second) in method.tally.counts.items()
        ],
        "differences": [_difference_record(difference) for difference in method.differences],
    }


def _difference_record(difference: Difference) -> dict:
    return {
        "kind": difference.kind,
        "x": difference.x,
        "y": difference.y,
        "original": difference.original,
        "stored": difference.other,
    }
