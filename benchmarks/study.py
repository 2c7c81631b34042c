"""Prints the study's table in the form of its poster, and draws PSNR against LPIPS for every generator.

  python evaluate.py --models=mixed,m1,m2,m3 --images=CHULA/test --metrics=all --out=runs/chula-test
  python benchmarks/study.py --evaluations=runs/chula-test,runs/bccd --bounds

The picture shows the first evaluation. The study's own point is on it too: other images, so only for orientation.
"""

import io
import json
from pathlib import Path

import matplotlib
from absl import app, flags
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sr_tf.disk.files import write_atomically
from sr_tf.evaluation.report.point_labels import place
from sr_tf.generators.load import shipped
from sr_tf.generators.names import parse_model
from sr_tf.messages import markdown_table
from sr_tf.metrics.scores import SCORES

flags.DEFINE_list("evaluations", None, "Folders written by evaluate.py, separated by commas.", required=True)
flags.DEFINE_string("out", "build/frontier.png", "The picture to write.")
flags.DEFINE_bool("bounds", False, "Also print, for each set, the worst image beside bicubic interpolation.")

_SCORES = ("psnr", "ssim", "lpips_alex")
_BASELINE, _BICUBIC = "i-HR", "bicubic"
_PUBLISHED = {"study, i-HR": (29.16, 0.407), "study, M1": (31.27, 0.123)}
"""PSNR and LPIPS that the study reports for its own images."""
_ALIASES = {"m1": "M1", "m2": "M2", "m3": "M3", "paper": "paper, GAN", "mixed": "fast", "mixed+": "best"}
_TICKS = (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4)
_INK, _MUTED, _RULE = "#1b2430", "#5a6573", "#e3e7ec"
_COLOURS = {"interpolation": "#8b929d", "MSE": "#0056a0", "GAN": "#c23b52", "published": "#b07a1e"}


def main(_) -> None:
    """Prints the tables and draws the picture."""
    documents = [json.loads((Path(name) / "scores.json").read_text("utf-8")) for name in flags.FLAGS.evaluations]
    print(markdown_table([_heading(), *(row for document in documents for row in _rows(document))]))
    for document in documents:
        print(f"\n{document['protocol']}")
    if flags.FLAGS.bounds:
        print(f"\n{markdown_table(_bounds(documents))}")
    write_atomically(Path(flags.FLAGS.out), _picture(documents[0]))
    print(f"\n{flags.FLAGS.out}")


def _heading() -> list[str]:
    own = [SCORES[key].label for key in _SCORES]
    of_baseline = [f"{_BASELINE} {SCORES[key].heading}" for key in _SCORES]
    return ["set", "scenes", "model", "alias", *own, *of_baseline, "LPIPS / i-HR"]


def _data(document: dict) -> str:
    """The name of the images, with which a protocol begins."""
    return document["protocol"].split(",")[0]


def _rows(document: dict) -> list[list[str]]:
    means, base = document["means"], document["means"][_BASELINE]
    scenes = str(len(next(iter(document["scenes"].values()))))
    rows = []
    for name, mean in means.items():
        if name == _BASELINE:
            continue
        texts = [SCORES[key].text(values[key]) for values in (mean, base) for key in _SCORES]
        ratio = f"{mean['lpips_alex'] / base['lpips_alex']:.3f}"
        rows.append([_data(document), scenes, name, _ALIASES.get(name, ""), *texts, ratio])
    return rows


def _bounds(documents: list[dict]) -> list[list[str]]:
    """Each generator's worst image beside bicubic interpolation: PSNR difference, LPIPS ratio, lattice difference."""
    rows = [
        ["set", "model", "PSNR − bicubic, worst", "LPIPS / bicubic, mean", "lattice − bicubic, worst (dB)", "shift"]
    ]
    for document in documents:
        scenes, means = document["scenes"], document["means"]
        bicubic = scenes[_BICUBIC]
        for name, each in scenes.items():
            if name in document["baselines"]:
                continue
            psnr = min(scores["psnr"] - bicubic[scene]["psnr"] for scene, scores in each.items())
            ratio = means[name]["lpips_alex"] / means[_BICUBIC]["lpips_alex"]
            lattice = shift = "–"
            if "lattice" in means[name]:
                lattice = f"{max(scores['lattice'] - bicubic[scene]['lattice'] for scene, scores in each.items()):+.1f}"
                shift = f"{max((means[name][f'shift_{channel}'] for channel in 'rgb'), key=abs):+.3f}"
            rows.append([_data(document), name, f"{psnr:+.2f}", f"{ratio:.3f}", lattice, shift])
    return rows


def _picture(document: dict) -> bytes:
    points = {name: (mean["psnr"], mean["lpips_alex"]) for name, mean in document["means"].items()} | _PUBLISHED
    with matplotlib.rc_context({"font.size": 10, "text.parse_math": False}):
        figure = Figure(figsize=(9.6, 5.6), dpi=160, layout="constrained")
        axes = figure.subplots()
        axes.set_yscale("log")
        for name, (psnr, lpips) in points.items():
            kind = _kind(name, document["baselines"])
            axes.plot(psnr, lpips, "x" if kind == "published" else "o", color=_COLOURS[kind], markersize=8)
        axes.invert_yaxis()
        axes.yaxis.set_major_locator(FixedLocator(_TICKS))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(0.12)
        axes.grid(color=_RULE)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("PSNR (dB), higher is better", color=_MUTED)
        axes.set_ylabel("LPIPS (AlexNet), lower is better, so up is better", color=_MUTED)
        shown = document["protocol"].split(";")[0]
        axes.set_title(
            f"Closer to the pixels, or closer to the eye: {shown}\n"
            "grey: interpolation, blue: trained by MSE, red: GAN, ×: the study's own figures, on other images",
            loc="left", color=_INK, fontsize=10,
        )  # fmt: skip
        place(figure, axes, list(points.items()))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _kind(name: str, baselines: list[str]) -> str:
    if name in _PUBLISHED:
        return "published"
    if name in baselines:
        return "interpolation"
    model = parse_model(name)
    card = shipped().get(model.where, {})
    return "GAN" if model.alpha and card.get("settings", {}).get("phase") == "gan" else "MSE"


if __name__ == "__main__":
    app.run(main)
