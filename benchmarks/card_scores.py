"""Writes the results of `evaluate.py` to the model cards of the shipped generators.

  python evaluate.py --models=small,m1,m2,m3 --images=CHULA/test --out=runs/chula-test
  python benchmarks/card_scores.py --evaluations=runs/chula-test,runs/chula-large,runs/bccd

The card's summary has the scores of the first evaluation. The card of a generator that is in none stays unchanged, and
so are its scores on other images.
"""

import json
from pathlib import Path

from absl import app, flags

from sr_tf.generators.load import ZOO, load_network, shipped, write_card
from sr_tf.models.edsr import describe

flags.DEFINE_list("evaluations", None, "Folders written by evaluate.py, separated by commas.", required=True)


def main(_) -> None:
    """Rewrites the cards."""
    evaluations = [json.loads((Path(name) / "scores.json").read_text("utf-8")) for name in flags.FLAGS.evaluations]
    generators = shipped()
    for name, card in generators.items():
        with_generator = [evaluation for evaluation in evaluations if name in evaluation["means"]]
        if not with_generator:
            continue
        measured = {_data(evaluation["protocol"]) for evaluation in with_generator}
        kept = [scores for scores in card.get("scores", []) if _data(scores["protocol"]) not in measured]
        card["scores"] = [
            {
                "protocol": evaluation["protocol"],
                "means": {
                    method: {key: value if value is None else round(value, 4) for key, value in values.items()}
                    for method, values in evaluation["means"].items()
                    if method == name or method not in generators
                },
            }
            for evaluation in with_generator
        ] + kept
        card["summary"] = f"{describe(load_network(name))}; {_summary(with_generator[0]['means'], name)}"
        write_card(ZOO / name, card)
        print(f"{name}: {card['summary']}")


def _data(protocol: str) -> str:
    """The name of the images and the reduction, with which a protocol begins."""
    return ";".join(protocol.split(";")[:2])


def _summary(means: dict, name: str) -> str:
    own, bicubic = means[name], means["bicubic"]
    scores = f"PSNR {own['psnr']:.2f} dB, SSIM {own['ssim']:.3f}"
    compared = f"{bicubic['psnr']:.2f}, {bicubic['ssim']:.3f}"
    for key, label in (("lpips_alex", "LPIPS"), ("enl0", "ENL0 distance")):
        if key in own:
            scores += f", {label} {own[key]:.3f}"
            compared += f", {bicubic[key]:.3f}"
    return f"{scores} (bicubic interpolation: {compared})"


if __name__ == "__main__":
    app.run(main)
