"""Adds the best generator of a training run to the zoo, with its reducer if it has one: float16 weights and a card.

Weights that shipped under the name before are kept in `zoo/earlier`, because archives may name their hash.

  python benchmarks/ship_generator.py --run=runs/small-pretrain --name=small \
      --command="python train.py …" --data="…" --machine="…"

The card's hours are those between the first and the last logged point of the run. Runs on machines without TensorFlow
log no points, so that --hours is required for them. `benchmarks/card_scores.py` adds scores to the card.
"""

import dataclasses
import datetime
import json
import shutil
from pathlib import Path

from absl import app, flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sr_tf.config import TrainConfig, load_config
from sr_tf.disk.files import write_atomically
from sr_tf.generators.load import ZOO, load_network, load_reducer, read_weights, save_shipped, shipped
from sr_tf.generators.recorded import earlier
from sr_tf.generators.runs import kept_generators
from sr_tf.generators.weights_hash import arrays_sha256
from sr_tf.models.edsr import architecture, describe

flags.DEFINE_string("run", None, "Folder of the training run.", required=True)
flags.DEFINE_string("name", None, "The generator's name in the zoo.", required=True)
flags.DEFINE_string("command", None, "The command that trained it.", required=True)
flags.DEFINE_string("data", None, "The training data and their licences.", required=True)
flags.DEFINE_string("pretrained", None, "gan: the shipped generator that fine-tuning started from.")
flags.DEFINE_float("hours", None, "Hours of the run; required if it was not logged.")
flags.DEFINE_string("machine", None, "The machine of the run.", required=True)
flags.DEFINE_string(
    "intended_use",
    "Research on storage of peripheral-blood microscope scenes. Not a medical device.",
    "The intended use.",
)

_PATHS = ("run_dir", "data_dir", "tfds_dir", "content_weights", "pretrained")


def main(_) -> None:
    """Writes the weights and the card."""
    options = flags.FLAGS
    run = Path(options.run)
    generator, config = load_network(run), load_config(run / "config.json")
    best = kept_generators(run / "best")[0]
    today = datetime.date.today().isoformat()
    if options.name in shipped():
        _keep(options.name, today)
    card = {
        "shipped": today,
        "summary": describe(generator),
        "intended_use": options.intended_use,
        **({"pretrained": options.pretrained or config.pretrained} if config.phase == "gan" else {}),
        "command": options.command,
        "data": options.data,
        "steps": config.steps,
        "kept_step": best["step"],
        "hours": round(options.hours or _hours(run), 2),
        "machine": options.machine,
        "validation": {name: value for name, value in best.items() if name not in ("file", "step")},
        "settings": _settings(config),
    }
    save_shipped(generator, ZOO / options.name, card, load_reducer(run))
    print(json.dumps(card, indent=2, ensure_ascii=False))


def _keep(name: str, today: str) -> None:
    """Keeps the weights that ship under a name now among the earlier ones."""
    weights, card = ZOO / name / "weights.npz", shipped()[name]
    sha256 = _sha256(name)
    entry = {"name": name, "architecture": architecture(load_network(name)), "replaced": today}
    entry |= {key: card[key] for key in ("shipped", "summary", "pretrained") if key in card}
    if "pretrained" in card:
        entry["pretrained_sha256"] = _sha256(card["pretrained"])
    shutil.copyfile(weights, ZOO / "earlier" / f"{sha256}.npz")
    cards = json.dumps({**earlier(), sha256: entry}, indent=2, ensure_ascii=False) + "\n"
    write_atomically(ZOO / "earlier" / "cards.json", cards)
    print(f"{name}: its earlier weights are kept as {sha256[:12]}…")


def _sha256(name: str) -> str:
    return arrays_sha256(read_weights(ZOO / name / "weights.npz"))


def _settings(config: TrainConfig) -> dict:
    """The settings that determine the result, without those that belong only to the other phase."""
    fields = dataclasses.fields(TrainConfig)
    other_phase = {
        field.name for field in fields if config.phase == "pretrain" and field.metadata["help"].startswith("gan:")
    }
    return {name: value for name, value in dataclasses.asdict(config).items() if name not in other_phase.union(_PATHS)}


def _hours(run: Path) -> float:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    points = events.Tensors("train/loss")
    return (points[-1].wall_time - points[0].wall_time) / 3600


if __name__ == "__main__":
    app.run(main)
