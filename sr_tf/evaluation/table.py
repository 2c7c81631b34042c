"""The study's table as text, Markdown and JSON, with the protocol of its numbers."""

import math

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.wording import counted, json_text, not_measured, size_range
from sr_tf.images.degradation import DEGRADATIONS
from sr_tf.messages import markdown_table, text_table
from sr_tf.metrics import ladder
from sr_tf.metrics.scores import SCORES, score_protocol

NOT_MEASURED, FAILED = "–", "failed ladder"
_RATIOS = {"lpips_alex": "LPIPS / i-HR", "enl0": "ENL0 / i-HR"}
"""Distances that are also shown as a share of the baseline's; the study reports LPIPS 0.123 beside 0.407."""


def columns(comparison: Comparison) -> dict[str, list[str]]:
    """The cells of the table by column heading, one for each method; the first column names the methods."""
    means = list(comparison.means().values())
    printed = {"": list(comparison.scores)}
    failed = {result.score.key for result in comparison.ladders if not result.passed}
    for key, score in SCORES.items():
        if key in means[0]:
            printed[score.label] = [score.text(mean[key]) for mean in means]
        elif key in failed or key in comparison.unmeasured:
            printed[score.label] = [FAILED if key in failed else NOT_MEASURED] * len(means)
        if key in _RATIOS and key in means[0]:
            base = comparison.means()["i-HR"][key]
            printed[_RATIOS[key]] = [f"{mean[key] / base:.2f}" if base else NOT_MEASURED for mean in means]
    for baseline in ("i-HR", "bicubic"):
        base = comparison.means()[baseline]["psnr"]
        printed[f"PSNR − {baseline}"] = [_difference(mean["psnr"], base) for mean in means]
    return printed


def table_protocol(comparison: Comparison) -> str:
    """Everything needed to repeat the numbers, in one line."""
    measured = next(iter(comparison.means().values()))
    parts = [
        f"{comparison.data}, {_scenes(comparison)}",
        f"{comparison.degradation} ×{comparison.scale}: {DEGRADATIONS[comparison.degradation].meaning}",
        score_protocol(measured, comparison.scale),
        *not_measured(comparison.unmeasured),
    ]
    return f"{'; '.join(parts)}. Research use only."


def ladder_verdict(comparison: Comparison) -> str:
    """The results of the perceptual scores in the ladder test, in one line; empty if none was tested."""
    if not comparison.ladders:
        return ""
    verdicts = (
        f"{result.score.heading} " + ("passed" if result.passed else f"failed ({', '.join(result.failures)})")
        for result in comparison.ladders
    )
    count = comparison.ladders[0].scenes
    return f"Ladder test on {count} of these scenes: {'; '.join(verdicts)}."


def as_text(comparison: Comparison) -> str:
    """The table as text, with the protocol and the result of the ladder test below."""
    return "\n".join([text_table(_rows(comparison)), "", *_below(comparison)]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The table as Markdown, with the protocol and the table of the ladder test below."""
    text = "\n".join([markdown_table(_rows(comparison)), "", *_below(comparison)]) + "\n"
    return f"{text}\n{ladder.as_markdown(comparison.ladders)}" if comparison.ladders else text


def as_json(comparison: Comparison) -> str:
    """The means, the scores of every scene and the ladder test as JSON; an infinite score is null."""
    document = {
        "protocol": table_protocol(comparison),
        "scale": comparison.scale,
        "degradation": comparison.degradation,
        "baselines": comparison.baselines,
        "unmeasured": comparison.unmeasured,
        "means": comparison.means(),
        "scenes": comparison.scores,
        "ladders": {
            result.score.key: {
                "passed": result.passed, "scenes": result.scenes, "rules": result.rules, "values": result.values
            }
            for result in comparison.ladders
        },
    }  # fmt: skip
    return json_text(document, indent=2)


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    printed = columns(comparison)
    return [tuple(printed), *zip(*printed.values(), strict=True)]


def _difference(score: float, base: float) -> str:
    return NOT_MEASURED if math.isinf(base) else f"{score - base:+.2f}"


def _scenes(comparison: Comparison) -> str:
    count = len(next(iter(comparison.scores.values())))
    return " of ".join(filter(None, (counted(count, "scene"), size_range(comparison.sizes))))


def _below(comparison: Comparison) -> list[str]:
    verdict = ladder_verdict(comparison)
    return [table_protocol(comparison), *(["", verdict] if verdict else [])]
