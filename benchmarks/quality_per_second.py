"""Compares generators by quality and time: their scores, and their seconds per megapixel on this machine.

  python evaluate.py --models=small,mixed --images=CHULA/test --metrics=psnr,lpips_alex --out=runs/sizes
  python benchmarks/quality_per_second.py --models=small,mixed --scores=runs/sizes/scores.json   # on an idle machine

Prints a table and draws it. The time is the median for one LR image of 175×175 pixels, which gives 700×700 pixels of
HR at scale 4, in TensorFlow.
"""

import io
import json
import statistics
from pathlib import Path

import matplotlib
import numpy as np
from absl import app, flags
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from timing import seconds_of

from sr_tf.disk.files import write_atomically
from sr_tf.generators.names import labels
from sr_tf.messages import load_tensorflow
from sr_tf.metrics.scores import SCORES

flags.DEFINE_list("models", None, "The generators, as in the call of evaluate.py.", required=True)
flags.DEFINE_string("scores", None, "The scores.json that evaluate.py wrote.", required=True)
flags.DEFINE_string("out", "build/quality-per-second.png", "The picture to write.")
flags.DEFINE_integer("side", 175, "Side of the LR image in pixels.")
flags.DEFINE_integer("runs", 7, "Timed calls of each generator, after one untimed call.")

_PANELS = ("psnr", "lpips_alex")
_BASELINE = "bicubic"
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_INK, _MUTED, _RULE, _MARKS = "#1b2430", "#5a6573", "#e3e7ec", "osD^vPX*hpd<>"


def main(_) -> None:
    """Times the generators, prints the table and draws it."""
    load_tensorflow()
    from sr_tf.generators.restorer import load_restorer
    from sr_tf.models.edsr import describe

    document = json.loads(Path(flags.FLAGS.scores).read_text("utf-8"))
    means, rows = document["means"], {}
    for name, where in labels(flags.FLAGS.models).items():
        restorer = load_restorer(where)
        seconds = _seconds_per_megapixel(restorer)
        rows[name] = {"seconds": seconds, **{key: means[name][key] for key in _PANELS}}
        described = describe(getattr(restorer, "restorer", restorer))
        print(f"| {name} | {described} | {seconds:.3f} | {_text(rows[name])} |", flush=True)
    print(f"| {_BASELINE} | | | {_text(means[_BASELINE])} |\n\n{document['protocol']}")
    write_atomically(Path(flags.FLAGS.out), _picture(rows, means[_BASELINE]))
    print(flags.FLAGS.out)


def _text(scores: dict) -> str:
    return " | ".join(SCORES[key].text(scores[key]) for key in _PANELS)


def _seconds_per_megapixel(restorer) -> float:
    side = flags.FLAGS.side
    lr = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    seconds = seconds_of(lambda: restorer.predict_on_batch(lr), flags.FLAGS.runs)
    return statistics.median(seconds) / ((restorer.scale * side) ** 2 / 1e6)


def _picture(rows: dict[str, dict], baseline: dict) -> bytes:
    with matplotlib.rc_context({"font.size": 10, "text.parse_math": False}):
        figure = Figure(figsize=(11, 4.8), dpi=160, layout="constrained")
        for axes, key in zip(figure.subplots(1, 2), _PANELS, strict=True):
            axes.set_xscale("log")
            axes.axhline(baseline[key], color=_MUTED, linestyle="--", linewidth=1, label=_BASELINE)
            for number, (name, row) in enumerate(rows.items()):
                axes.plot(row["seconds"], row[key], _MARKS[number % len(_MARKS)], markersize=8, alpha=0.85, label=name)
            axes.xaxis.set_major_locator(FixedLocator(_TICKS))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
            axes.margins(x=0.15, y=0.1)
            axes.grid(color=_RULE)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_title(SCORES[key].label, loc="left", color=_INK, fontsize=11, fontweight="bold")
            axes.set_xlabel("seconds per megapixel of HR (logarithmic)", color=_MUTED)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


if __name__ == "__main__":
    app.run(main)
