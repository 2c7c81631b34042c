"""Puts what `evaluate.py` measured into the model cards of the shipped generators.

  python evaluate.py --models=small,m1,m2,m3 --images=CHULA/test --out=runs/chula-test
  python benchmarks/card_scores.py --evaluations=runs/chula-test,runs/chula-large,runs/bccd

The first evaluation gives the card its summary line. A shipped generator that stands in none keeps its card.
"""

import json
from pathlib import Path

from absl import app, flags

from sr_tf.disk.files import write_atomically
from sr_tf.generators.load import ZOO, load_generator, shipped
from sr_tf.models.edsr import describe

flags.DEFINE_list("evaluations", None, "Folders that evaluate.py wrote.", required=True)


def main(_) -> None:
    """Rewrites the cards."""
    evaluations = [json.loads((Path(name) / "scores.json").read_text("utf-8")) for name in flags.FLAGS.evaluations]
    generators = shipped()
    for name, card in generators.items():
        mine = [evaluation for evaluation in evaluations if name in evaluation["means"]]
        if not mine:
            continue
        card["scores"] = [
            {
                "protocol": evaluation["protocol"],
                "means": {
                    method: {key: value if value is None else round(value, 4) for key, value in values.items()}
                    for method, values in evaluation["means"].items()
                    if method == name or method not in generators
                },
            }
            for evaluation in mine
        ]
        card["summary"] = f"{describe(load_generator(name))}; {_summary(mine[0]['means'], name)}"
        write_atomically(ZOO / name / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        print(f"{name}: {card['summary']}")


def _summary(means: dict, name: str) -> str:
    mine, base = means[name], means["bicubic"]
    text = f"PSNR {mine['psnr']:.2f} dB, SSIM {mine['ssim']:.3f}"
    told = f"{base['psnr']:.2f}, {base['ssim']:.3f}"
    if "enl0" in mine:
        text += f", ENL0 distance {mine['enl0']:.3f}"
        told += f", {base['enl0']:.3f}"
    return f"{text} where bicubic has {told}"


if __name__ == "__main__":
    app.run(main)
