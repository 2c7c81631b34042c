"""Writes docs/zoo.md, the page of the shipped generators, from their model cards.

python benchmarks/zoo_page.py
"""

from collections.abc import Iterator
from pathlib import Path

from absl import app

from sr_tf.disk.files import write_atomically
from sr_tf.generators.load import shipped
from sr_tf.generators.names import DEFAULT_GENERATOR
from sr_tf.metrics.scores import SCORES

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
HEAD = """# Model zoo

The generators that ship with `sr_tf`, for research use only. `sr-tf models` lists them on the command line. The model
cards, `sr_tf/zoo/*/card.json`, hold every setting; `python benchmarks/zoo_page.py` writes this page from them. Commands
are those that made the weights, with the program of that day.
"""
RATES_HEAD = """## Scores at equal bytes

The reduced image is coded as AVIF; bit per pixel of the original. [Curves and all codecs](results/rate-distortion.md)
"""
USES = {
    DEFAULT_GENERATOR: "default of `sr-tf upscale` and `sr-tf export`",
    "told4": "default of `sr-tf archive` for 4× reduced blocks",
    "told2": "default of `sr-tf archive` for 2× reduced blocks",
    "filter": "default of `sr-tf archive` for blocks of full size",
}
COLUMNS = ("psnr", "ssim", "lpips_alex", "enl0", "ssimulacra2")
BASELINES = ("i-HR", "bicubic")
# Two cards call the same 40 fields by different names.
SAME_DATA = {"Chula/40 test fields, 40 scenes of 640×480 pixels": "chula_rbc12/test, 40 scenes of 640×480 pixels"}


def main(_) -> None:
    """Writes the page."""
    cards = shipped()
    parts = [HEAD, _overview(cards), *_score_tables(cards), *_rate_tables(cards), _protocols(cards)]
    parts += [_entry(name, card) for name, card in cards.items()]
    write_atomically(PAGE, "\n".join(parts))
    print(PAGE)


def _overview(cards: dict) -> str:
    rows = [
        f"| [{name}](#{name}) | {card['summary'].partition(';')[0]} | {USES.get(name, '')} |"
        for name, card in cards.items()
    ]
    return "\n".join(["| name | network | used as |", "| --- | --- | --- |", *rows, ""])


def _score_tables(cards: dict) -> Iterator[str]:
    """One table for each set of scenes and reduction: interpolation, then every generator scored on it."""
    tables: dict[tuple[str, str], dict[str, dict]] = {}
    for name, card in cards.items():
        for scores in card.get("scores", []):
            data, reduction, *_ = scores["protocol"].split("; ")
            rows = tables.setdefault((SAME_DATA.get(data, data), reduction.partition(":")[0]), {})
            for method in (*BASELINES, name):
                rows[method] = {**scores["means"][method], **rows.get(method, {})}
    yield "## Scores of restored images\n\nReduced, not coded, restored; per image, then averaged. `–`: not measured.\n"
    for (data, reduction), rows in tables.items():
        yield f"**{data}**, reduction `{reduction}`:\n"
        yield _table("", COLUMNS, {method: [means.get(key) for key in COLUMNS] for method, means in rows.items()})


def _rate_tables(cards: dict) -> Iterator[str]:
    """One table for each set of images and score: full-size AVIF, then every generator, at equal bytes."""
    yield RATES_HEAD
    tables: dict[tuple[str, str], dict[str, list]] = {}
    rates = {}
    for name, card in cards.items():
        found = card.get("rate_distortion")
        if found is None:
            continue
        data = found["protocol"].partition("; ")[0]
        rates[data] = found["bit_per_pixel"]
        for key, values in found["scores"].items():
            rows = tables.setdefault((data, key), {"AVIF at full size": values["avif"]})
            rows[name] = values["this"]
    for (data, key), rows in tables.items():
        yield f"**{SCORES[key].label}**, {data}:\n"
        yield _table("bit/pixel", [f"{rate:g}" for rate in rates[data]], rows, key)


def _table(corner: str, columns, rows: dict[str, list], key: str = "") -> str:
    """A Markdown table; the columns are scores, or rates of the score `key`."""
    labels = columns if key else [SCORES[column].label for column in columns]
    lines = [f"| {corner} | {' | '.join(labels)} |", f"| --- |{' ---: |' * len(labels)}"]
    for method, values in rows.items():
        keys = [key] * len(labels) if key else columns
        shown = ["–" if value is None else SCORES[one].text(value) for one, value in zip(keys, values, strict=True)]
        lines.append(f"| {method} | {' | '.join(shown)} |")
    return "\n".join([*lines, ""])


def _protocols(cards: dict) -> str:
    """Every clause of the cards' protocols once, with the generators that it holds for where it is not all."""
    lines = ["## Protocol\n"]
    scores = {name: [one["protocol"] for one in card.get("scores", [])] for name, card in cards.items()}
    rates = {name: [card["rate_distortion"]["protocol"]] for name, card in cards.items() if "rate_distortion" in card}
    for title, protocols in (("Restored images", scores), ("Equal bytes", rates)):
        clauses: dict[str, list[str]] = {}
        names = [name for name, texts in protocols.items() if texts]
        for name in names:
            for text in protocols[name]:
                for clause in _clauses(text):
                    holders = clauses.setdefault(clause, [])
                    if name not in holders:
                        holders.append(name)
        lines += [f"{title}:\n"]
        for clause, holders in clauses.items():
            lines.append(f"- {clause}" + ("" if holders == names else f" ({', '.join(holders)})"))
        lines.append("")
    return "\n".join(lines)


def _clauses(protocol: str) -> list[str]:
    """The clauses of a protocol after the first, which names the data; a semicolon may stand within one."""
    _, *parts = protocol.removesuffix(" Research use only.").removesuffix(".").split("; ")
    clauses: list[str] = []
    for part in parts:
        if clauses and clauses[-1].count("(") > clauses[-1].count(")"):
            clauses[-1] += f"; {part}"
        else:
            clauses.append(part)
    return clauses


def _entry(name: str, card: dict) -> str:
    facts = {
        "network": card["summary"],
        "intended use": card["intended_use"],
        "reduction": _reduction(card),
        "trained on": card["data"],
        "command": f"`{card['command']}`",
        "cost": f"{card['hours']} hours; {card['machine']}",
    }
    return "\n".join([f"## {name}\n", *(f"- **{key}**: {value}" for key, value in facts.items()), ""])


def _reduction(card: dict) -> str:
    if card["architecture"]["scale"] == 1:
        return "none"
    return "its own reducer" if card.get("reducer") else f"`{card['settings']['degradation']}`"


if __name__ == "__main__":
    app.run(main)
