"""The study's table, as text, Markdown and JSON, with the protocol that its numbers follow."""

import json

from sr_tf.degradation import DEGRADATIONS
from sr_tf.evaluation.compare import Comparison
from sr_tf.metrics.scores import PROTOCOL

COLUMNS = ("", "PSNR (dB)", "SSIM", "LPIPS", "PSNR − i-HR", "PSNR − bicubic")
NOT_MEASURED = "–"


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """One row a method, as it is printed; LPIPS needs networks that this version does not carry."""
    means = comparison.means()
    return [
        (
            method,
            f"{score['psnr']:.2f}",
            f"{score['ssim']:.4f}",
            NOT_MEASURED,
            f"{score['psnr'] - means['i-HR']['psnr']:+.2f}",
            f"{score['psnr'] - means['bicubic']['psnr']:+.2f}",
        )
        for method, score in means.items()
    ]


def protocol(comparison: Comparison) -> str:
    """What must be known to repeat the numbers, in one line."""
    count = len(next(iter(comparison.scores.values())))
    meaning = DEGRADATIONS[comparison.degradation].meaning
    return (
        f"{comparison.data}, {count} scene{'s' * (count != 1)}; {comparison.degradation} ×{comparison.scale}: "
        f"{meaning}; {PROTOCOL}; LPIPS not measured. Research use only."
    )


def as_text(comparison: Comparison) -> str:
    """The table in aligned columns, the protocol below."""
    lines = [COLUMNS, *rows(comparison)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    text = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*text, "", protocol(comparison)]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The table for a README, the protocol below."""
    lines = [" | ".join(line) for line in (COLUMNS, ("---",) + ("---:",) * (len(COLUMNS) - 1), *rows(comparison))]
    return "\n".join([*(f"| {line} |" for line in lines), "", protocol(comparison)]) + "\n"


def as_json(comparison: Comparison) -> str:
    """Means and every scene's scores, for programs."""
    document = {
        "protocol": protocol(comparison),
        "scale": comparison.scale,
        "degradation": comparison.degradation,
        "baselines": comparison.baselines,
        "means": comparison.means(),
        "scenes": comparison.scores,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
