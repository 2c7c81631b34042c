"""Tables of rate–distortion: scores at equal rates and Bjøntegaard deltas, as text, Markdown and JSON."""

from dataclasses import asdict

import numpy as np

from sr_tf.evaluation.rate_curves import mean_at
from sr_tf.evaluation.rate_methods import DEGRADATION
from sr_tf.evaluation.rate_results import REFERENCES, Delta, Mean, RateDistortion, deltas
from sr_tf.evaluation.wording import counted, json_text, not_measured, size_range
from sr_tf.images.degradation import DEGRADATIONS
from sr_tf.messages import markdown_table, text_table
from sr_tf.metrics.scores import SCORES, Score, score_protocol

RATES = (0.05, 0.076, 0.103, 0.132, 0.175, 0.25)
"""The rates of the tables in bit/pixel."""
AMORTISED = 1_000
"""The protocol states a generator's weights in bit/pixel as if shared by this many megapixels."""
SCALE = 4
"""The scale for the scores whose protocol depends on it."""
NONE = "–"

Rows = list[list[str]]


def rate_protocol(result: RateDistortion) -> str:
    """Everything needed to repeat the numbers, in one line."""
    codecs = dict.fromkeys((method.codec.settings, method.codec.version) for method in result.methods)
    scales = ", ".join(f"×{scale}" for scale in sorted({m.scale for m in result.methods if m.scale > 1}))
    reduction = DEGRADATIONS[DEGRADATION].meaning.split(", i-HR")[0]
    parts = [
        f"{result.data}, {counted(len(result.sizes), 'image')} of {size_range(result.sizes)}",
        "rate: all bytes of the file, headers included, per pixel of the original, for reduced images too",
        f"{DEGRADATION} {scales}: {reduction}; restored from the decoded file by OpenCV INTER_CUBIC, a generator or a "
        "filter",
        *(f"refined: LR {how}" for how in sorted({m.refinement for m in result.methods if m.refinement})),
        *_weights(result),
        "codecs: " + "; ".join(f"{settings}, {version}" for settings, version in codecs),
        score_protocol(result.scores, SCALE),
        "means at equal rates: each image's curve interpolated by PCHIP over the logarithm of the rate, without files "
        "that are larger than a better one, and never extrapolated, so a mean is given only where every image has a "
        "value",
        *not_measured(result.unmeasured),
    ]
    return f"{'; '.join(parts)}. Research use only."


def table_text(result: RateDistortion) -> str:
    """The mean scores at equal rates as text, with the protocol below."""
    return _document(result, [(SCORES[key].label, _at_rates(result, key)) for key in result.scores], text_table)


def table_markdown(result: RateDistortion) -> str:
    """The mean scores at equal rates as Markdown, with the protocol below."""
    return _document(result, [(SCORES[key].label, _at_rates(result, key)) for key in result.scores], markdown_table)


def deltas_markdown(result: RateDistortion) -> str:
    """The Bjøntegaard deltas and crossings of every method compared with each of `REFERENCES`, as Markdown."""
    tables = []
    for key in result.scores:
        curves = result.curves(key)
        for reference in REFERENCES:
            if reference in curves:
                title = f"{SCORES[key].heading} compared with {reference}"
                tables.append((title, _delta_rows(SCORES[key], deltas(curves, reference, result.band), result)))
    meaning = (
        "BD-rate: difference in bytes at the same score. BD-score: difference in score at the same rate. Both are "
        "Bjøntegaard deltas (2001, here by PCHIP), computed per image over the range that both methods cover, then "
        "averaged, BD-rates as factors; the number in brackets says how many images have such a range if not all have. "
        "*Below*: the same up to the crossing. Crossing: the rate of the mean curves above which the method is no "
        "longer better than the reference. *Of single images*: the median and range of the images' own crossings, and "
        "how many images have one."
    )
    return _document(result, tables, markdown_table, meaning)


def as_json(result: RateDistortion) -> str:
    """All results and the points of every image as JSON; an infinite or missing number is null."""
    summary = {}
    for key in result.scores:
        curves, better = result.curves(key), SCORES[key].better
        summary[key] = {
            "at_rates": {
                method: (better * mean_at(images, np.array(RATES))).tolist() for method, images in curves.items()
            },
            "deltas": {
                reference: {method: asdict(delta) for method, delta in deltas(curves, reference, result.band).items()}
                for reference in REFERENCES
                if reference in curves
            },
        }
    document = {
        "protocol": rate_protocol(result),
        "rates": RATES,
        "band": result.band,
        "weights_bytes": result.weights,
        "methods": {method.name: method.settings for method in result.methods},
        "sizes": result.sizes,
        "scores": summary,
        "images": result.points,
        "unmeasured": result.unmeasured,
        "ladders": {ladder.score.key: ladder.passed for ladder in result.ladders},
    }
    return json_text(document, indent=1)


def _at_rates(result: RateDistortion, key: str) -> Rows:
    score = SCORES[key]
    rows = [["bit/pixel", *(f"{rate:g}" for rate in RATES)]]
    for method, curves in result.curves(key).items():
        means = score.better * mean_at(curves, np.array(RATES))
        rows.append([method, *(NONE if np.isnan(mean) else score.text(mean) for mean in means)])
    return rows


def _delta_rows(score: Score, found: dict[str, Delta], result: RateDistortion) -> Rows:
    unit, images = score.unit or score.heading, len(result.sizes)
    rows = [
        [
            "", "crossing (bit/pixel)", "of single images", "BD-rate (%)", f"BD-score ({unit})",
            "BD-rate below (%)", f"BD-score below ({unit})", "gain in the band", "band (bit/pixel)",
        ]
    ]  # fmt: skip
    for method, delta in found.items():
        rows.append(
            [
                method,
                NONE if delta.crossing is None else f"{delta.crossing:.3f}",
                _spread(delta.crossings, images),
                _signed(delta.rate, 1, images),
                _signed(delta.quality, score.decimals, images),
                _signed(delta.rate_below, 1, images),
                _signed(delta.quality_below, score.decimals, images),
                NONE if delta.gain is None else f"{delta.gain:+.{score.decimals}f}",
                NONE if delta.band is None else f"{delta.band[0]:.3f} to {delta.band[1]:.3f}",
            ]
        )
    return rows


def _spread(crossings: tuple[float, ...], images: int) -> str:
    if not crossings:
        return NONE
    return f"{np.median(crossings):.3f}, {min(crossings):.3f} to {max(crossings):.3f} ({len(crossings)} of {images})"


def _signed(mean: Mean | None, decimals: int, images: int) -> str:
    if mean is None or not mean.count:
        return NONE
    return f"{mean.value:+.{decimals}f}" + (f" ({mean.count} of {images})" if mean.count < images else "")


def _weights(result: RateDistortion) -> list[str]:
    if not result.weights:
        return []
    each = ", ".join(
        f"{name} {size / 1e6:.2f} MB, {8 * size / (AMORTISED * 1e6):.4f} bit/pixel"
        for name, size in result.weights.items()
    )
    return [f"not counted: a generator's weights, stored once ({each} if shared by {AMORTISED:,} megapixels)"]


def _document(result: RateDistortion, tables: list[tuple[str, Rows]], form, *below: str) -> str:
    parts = [
        part for title, rows in tables for part in (f"**{title}**" if form is markdown_table else title, form(rows))
    ]
    return "\n\n".join([*parts, *below, rate_protocol(result)]) + "\n"
