"""Writes the results of `sr-tf rate-distortion` to the model cards of the shipped generators.

  sr-tf rate-distortion CHULA/test --out=runs/rates --models=coded4
  python benchmarks/card_rates.py --rates=runs/rates/rate-distortion.json

The card of a generator that is not in the comparison stays unchanged.
"""

import json
from pathlib import Path

from absl import app, flags

from sr_tf.evaluation.rate_results import AVIF
from sr_tf.generators.load import ZOO, load_network, shipped, write_card
from sr_tf.metrics.scores import SCORES
from sr_tf.models.edsr import describe

_INPUTS = {False: "LRs coded as AVIF", True: "images coded as AVIF at full size"}

flags.DEFINE_string("rates", None, "The rate-distortion.json of a comparison.", required=True)


def main(_) -> None:
    """Rewrites the cards."""
    measured = json.loads(Path(flags.FLAGS.rates).read_text("utf-8"))
    psnr = measured["scores"]["psnr"]
    for name, card in shipped().items():
        method = next((method for method in psnr["at_rates"] if method.endswith(f" + {name}")), None)
        if method is None:
            continue
        crossing = psnr["deltas"][AVIF][method]["crossing"]
        card["rate_distortion"] = {
            "protocol": measured["protocol"],
            "bit_per_pixel": measured["rates"],
            "scores": {
                key: {"this": _rounded(key, found["at_rates"][method]), "avif": _rounded(key, found["at_rates"][AVIF])}
                for key, found in measured["scores"].items()
            },
            "ahead_of_avif_in_psnr_up_to_bit_per_pixel": crossing and round(crossing, 4),
        }
        if "lr_qualities" in card["settings"] and card["settings"]["lr_qualities"]:
            rates = dict(zip(measured["rates"], psnr["at_rates"][method], strict=True))
            card["summary"] = (
                f"{describe(load_network(name))}, for {_INPUTS[card['architecture']['scale'] == 1]}; "
                f"PSNR {rates[0.103]:.2f} dB at 0.103 bit/pixel "
                f"(AVIF at full size: {psnr['at_rates'][AVIF][measured['rates'].index(0.103)]:.2f})"
            )
        write_card(ZOO / name, card)
        print(f"{name}: {card['summary']}")


def _rounded(key: str, values: list[float | None]) -> list[float | None]:
    return [value if value is None else round(value, SCORES[key].decimals) for value in values]


if __name__ == "__main__":
    app.run(main)
