"""Writes docs/zoo.md, the page of the shipped generators, from their model cards.

python benchmarks/zoo_page.py
"""

from pathlib import Path

from absl import app

from sr_tf.disk.files import write_atomically
from sr_tf.generators.load import shipped
from sr_tf.metrics.scores import SCORES

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
HEAD = """# Generators that ship

For research use only. What each was trained on and with, what it cost, what it scores where it was trained and where it
was not. Written by `python benchmarks/zoo_page.py` from the cards, `sr_tf/zoo/*/card.json`, which hold every setting.
PSNR in dB and SSIM of the image methods' own protocol, given below each table; `–`: not measured.
"""


def main(_) -> None:
    """Writes the page."""
    write_atomically(PAGE, "\n".join([HEAD, *(_entry(name, card) for name, card in shipped().items())]))
    print(PAGE)


def _entry(name: str, card: dict) -> str:
    reducer = card.get("reducer")
    facts = {
        "what": card["summary"],
        "for": card["intended_use"],
        "reduction": "its own reducer" if reducer else card["settings"]["degradation"],
        "trained on": card["data"],
        "by": f"`{card['command']}`",
        "cost": f"{card['hours']} hours; {card['machine']}",
    }
    lines = [f"## {name}\n", *(f"- **{key}**: {value}" for key, value in facts.items())]
    return "\n".join([*lines, "", *_scores(name, card), *_rates(card)])


def _scores(name: str, card: dict) -> list[str]:
    lines = []
    for scores in card.get("scores", []):
        means = scores["means"]
        lines += ["| | PSNR | SSIM | ENL0 | SSIMULACRA2 |", "| --- | ---: | ---: | ---: | ---: |"]
        for method in ("i-HR", "bicubic", name):
            values = [means[method].get(key) for key in ("psnr", "ssim", "enl0", "ssimulacra2")]
            shown = [
                "–" if value is None else f"{value:.{digits}f}"
                for value, digits in zip(values, (2, 4, 3, 2), strict=True)
            ]
            lines.append(f"| {method} | {' | '.join(shown)} |")
        lines += ["", f"*{scores['protocol']}*", ""]
    return lines


def _rates(card: dict) -> list[str]:
    rates = card.get("rate_distortion")
    if rates is None:
        return []
    lines = [
        "At equal bytes, beside AVIF at full size ([curves](rate-distortion.png)):",
        "",
        f"| bit/pixel | {' | '.join(f'{rate:g}' for rate in rates['bit_per_pixel'])} |",
        f"| --- |{' ---: |' * len(rates['bit_per_pixel'])}",
    ]
    for key, found in rates["scores"].items():
        for which, values in (("", found["this"]), (", AVIF", found["avif"])):
            shown = ["–" if value is None else SCORES[key].text(value) for value in values]
            lines.append(f"| {SCORES[key].label}{which} | {' | '.join(shown)} |")
    return [*lines, "", f"*{rates['protocol']}*", ""]


if __name__ == "__main__":
    app.run(main)
