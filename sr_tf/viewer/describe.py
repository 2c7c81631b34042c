"""The data about a slide that the page loads as JSON."""

import numpy as np

from sr_tf.archive.cells import LOCAL_ERROR, worst_places
from sr_tf.archive.cost import shares
from sr_tf.archive.grid import BLOCK, CELL, GATE_TILE
from sr_tf.archive.kinds import KINDS
from sr_tf.archive.map_picture import COLOURS
from sr_tf.viewer.levels import TILE
from sr_tf.viewer.source import INTERPOLATED, ORIGINAL, RESTORED, Source

_WORST_CELLS = 16
"""Cells that the page marks at most: a slide has millions."""

_TITLES = {
    RESTORED: "Restored",
    INTERPOLATED: "Interpolated (i-HR)",
    ORIGINAL: "Original",
}


def describe_slide(source: Source) -> dict:
    """Everything about a slide except pixels and scores. What the file does not state is None."""
    info, levels = source.info, source.levels
    described = {
        "name": source.path.name,
        "width": info.width,
        "height": info.height,
        "tile": TILE,
        "levels": levels.count,
        "layers": [{"name": name, "title": _TITLES[name]} for name in source.layers],
        "mpp": info.mpp,
        "objective": info.objective_power,
        "format": info.format,
        "icc": info.icc is not None,
        "images": list(source.associated),
        "archive": None,
    }
    if source.archive:
        described["archive"] = _describe_archive(source)
    return described


def _describe_archive(source: Source) -> dict:
    archive = source.archive
    header = archive.header
    kinds = {kind.name: kind.code for kind in KINDS.values()}
    return {
        "bytes": archive.path.stat().st_size,
        "sourceName": header.source.get("name"),
        "sourceBytes": header.source.get("bytes"),
        "exact": bool(header.gate.lossless),
        "gate": header.gate.describe(),
        "generators": [record["name"] for record in header.generators],
        "software": header.software,
        "sameOriginal": source.same_original,
        "kinds": [
            {"code": kinds[share.name], "name": share.name, "blocks": share.blocks, "bytes": share.bytes,
             "colour": "#{:02x}{:02x}{:02x}".format(*COLOURS[kinds[share.name]])}
            for share in shares(archive)
            if share.name in kinds
        ],
    }  # fmt: skip


def describe_map(source: Source) -> dict | None:
    """How each block is stored, and the scores of each gate tile, row by row. None for ∞, and None for a slide.

    The LPIPS is None unless it was measured. `cells`: [x, y, local SSIM, local error] of the worst cells.
    """
    if not source.archive:
        return None
    scores = source.archive.scores()
    return {
        "block": BLOCK,
        "tile": GATE_TILE,
        "kinds": source.archive.index.kinds.tolist(),
        "psnr": _rounded(scores["psnr"], 2),
        "ssim": _rounded(scores["ssim"], 4),
        "lpips": _rounded(scores["lpips"], 4) if "lpips" in scores else None,
        "cell": CELL,
        "cells": worst_places(scores, _WORST_CELLS) if LOCAL_ERROR in scores else [],
    }


def _rounded(values: np.ndarray, digits: int) -> list[list[float | None]]:
    return [[round(value, digits) if np.isfinite(value) else None for value in row] for row in values.tolist()]
