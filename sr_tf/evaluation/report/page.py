"""The report page: one HTML file with all texts, tables, plots and pictures, which loads no other resource."""

import base64
import hashlib
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sr_tf import __version__
from sr_tf.evaluation import table
from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report import findings, plots, tables
from sr_tf.evaluation.report.columns import (
    LATTICE,
    MEANINGS,
    SHIFTS,
    direction,
    measured,
    of_quality,
    perceptual,
    text,
    with_unit,
)
from sr_tf.evaluation.report.protocol import report_protocol
from sr_tf.evaluation.report.scenes import choose, restore_chosen, show
from sr_tf.evaluation.report.style import ROLES, colours
from sr_tf.evaluation.wording import counted
from sr_tf.metrics.scores import SCORES, Score

_FILES = Path(__file__).parent / "template"
_LIBRARIES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow", "matplotlib")


def page(
    comparison: Comparison,
    scenes: Iterable[tuple[str, np.ndarray]],
    generators: dict,
    cards: dict[str, dict],
    command: Sequence[str],
) -> str:
    """Writes the report.

    Args:
        comparison: the scores.
        scenes: (name, HR uint8 [H, W, 3]) of the scenes of the comparison.
        generators: the `EDSR` generators by their names in the comparison.
        cards: the model card of each generator, by the same names.
        command: the words of the command line that made the comparison.

    Returns:
        One HTML page of several MB.
    """
    environment = Environment(
        loader=PackageLoader("sr_tf.evaluation.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        **_findings(comparison),
        **_tables(comparison),
        **_plots(comparison, cards),
        **_warnings(comparison),
        **_pictures(comparison, scenes, generators),
        **_making(cards, command),
        protocol=report_protocol(comparison),
        colours={method: f"var(--{ROLES[colour]})" for method, colour in colours(comparison).items()},
        **_parts(),
    )


def _findings(comparison: Comparison) -> dict:
    count = len(next(iter(comparison.scores.values())))
    return {
        "title": f"{counted(count, 'scene')} of {comparison.data}, reduced and restored",
        "summary": findings.summary(comparison),
        "losses": findings.losses(comparison),
        "unmeasured": {SCORES[key].title: reason for key, reason in comparison.unmeasured.items()},
    }


def _tables(comparison: Comparison) -> dict:
    return {
        "results": tables.results(comparison),
        "exact": any(np.isinf(value) for mean in comparison.means().values() for value in mean.values()),
        "meanings": {score.heading: MEANINGS[score.key] for score in of_quality(comparison)},
        "against": {baseline: tables.against(comparison, baseline) for baseline in ("bicubic", "i-HR")},
        "every_scene": {
            f"{score.title}, {direction(score)}": tables.scenes(comparison, score) for score in measured(comparison)
        },
        "ladder": tables.ladder(comparison.ladders) if comparison.ladders else None,
        "ladder_verdict": table.ladder_verdict(comparison),
    }


def _plots(comparison: Comparison, cards: dict[str, dict]) -> dict:
    starts = {name: card["pretrained"] for name, card in cards.items() if "pretrained" in card}
    return {
        "distributions": [Markup(plots.distribution(comparison, score)) for score in of_quality(comparison)],
        "many": len(next(iter(comparison.scores.values()))) > plots.MOST_POINTS,
        "tradeoffs": [
            Markup(plots.perception_distortion(comparison, score, starts)) for score in perceptual(comparison)
        ],
    }


def _warnings(comparison: Comparison) -> dict:
    scores = [score for score in measured(comparison) if score.key in (*SHIFTS, LATTICE)]
    return {
        "artefacts": findings.artefacts(comparison),
        "warnings": tables.warnings(comparison),
        "warning_plots": [Markup(plots.distribution(comparison, score)) for score in scores],
    }


def _pictures(comparison: Comparison, scenes: Iterable[tuple[str, np.ndarray]], generators: dict) -> dict:
    judged = list(comparison.scores)[-1]
    look = perceptual(comparison)[:1]
    ranking = [*look, SCORES["psnr"]][0]
    chosen = choose(comparison, judged, ranking)
    images = restore_chosen(chosen, scenes, generators, comparison.degradation)
    shown = show(chosen, images, judged)
    names = {method: method for method in shown[0].pictures}
    return {
        "judged": judged,
        "ranking": ranking,
        "shown": shown,
        "full_names": names if "LR" in names else names | {"i-HR": "i-HR = LR"},
        "captions": {method: _captions(comparison, method, look) for method in names},
    }


def _captions(comparison: Comparison, method: str, look: list[Score]) -> dict[str, str]:
    """The captions of a method's pictures by scene name: PSNR and the main perceptual score."""
    scenes = next(iter(comparison.scores.values()))
    if method not in comparison.scores:
        return dict.fromkeys(scenes, "original" if method == "HR" else "each pixel repeated")
    psnr = SCORES["psnr"]
    return {
        name: " · ".join(
            [with_unit(psnr, text(psnr, scores["psnr"]))]
            + [f"{score.heading} {text(score, scores[score.key])}" for score in look]
        )
        for name, scores in comparison.scores[method].items()
    }


def _making(cards: dict[str, dict], command: Sequence[str]) -> dict:
    return {
        "date": datetime.now(UTC),
        "cards": cards,
        "command": shlex.join(command),
        "versions": {"sr_tf": __version__} | {name: version(name) for name in _LIBRARIES},
    }


def _parts() -> dict:
    """Style sheet and script, with the script's hash: the page's security policy allows only this script."""
    style, script = ((_FILES / file).read_text("utf-8") for file in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(style), "script": Markup(script), "script_hash": digest}
