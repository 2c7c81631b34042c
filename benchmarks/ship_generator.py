"""Ships the best generator of a training run: float16 weights and a model card with scores measured on these weights.

  python benchmarks/ship_generator.py --run=runs/small-pretrain --name=small \
      --command="python train.py …" --data="…" --machine="…" --test=CHULA/test,…

The card's hours are those between the first and the last point that the run logged.
"""

import dataclasses
import json
from pathlib import Path

from absl import app, flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sr_tf.config import load_config
from sr_tf.data.images import find_images, read_folder
from sr_tf.evaluation.compare import compare
from sr_tf.evaluation.table import protocol
from sr_tf.models.edsr import describe
from sr_tf.training.selection import kept_generators
from sr_tf.zoo import ZOO, load_generator, save_shipped

flags.DEFINE_string("run", None, "Folder of the training run.", required=True)
flags.DEFINE_string("name", None, "Name under which it ships.", required=True)
flags.DEFINE_string("command", None, "Command that trained it.", required=True)
flags.DEFINE_string("data", None, "What it was trained on, with licence.", required=True)
flags.DEFINE_string("machine", None, "What it was trained on.", required=True)
flags.DEFINE_list("test", None, "Folders of HR images to score it on.", required=True)


def main(_) -> None:
    """Writes the weights, scores them and writes the card."""
    options = flags.FLAGS
    run = Path(options.run)
    generator, config = load_generator(run), load_config(run / "config.json")
    best = kept_generators(run / "best")[0]
    folder = ZOO / options.name
    save_shipped(generator, folder, {})
    shipped = load_generator(options.name)
    scores = []
    for name in options.test:
        path = Path(name)
        comparison = compare(
            read_folder(find_images(path)),
            {options.name: shipped},
            config.degradation,
            f"{path.parent.name}/{path.name}",
        )
        means = {
            method: {score: round(value, 4) for score, value in values.items()}
            for method, values in comparison.means().items()
        }
        scores.append({"protocol": protocol(comparison), "means": means})
    first = scores[0]["means"]
    card = {
        "summary": (
            f"{describe(shipped)}; PSNR {first[options.name]['psnr']:.2f} dB, SSIM {first[options.name]['ssim']:.3f} "
            f"where bicubic has {first['bicubic']['psnr']:.2f} and {first['bicubic']['ssim']:.3f}"
        ),
        "intended_use": "Research on storage of peripheral-blood microscope scenes. Not a medical device.",
        "command": options.command,
        "data": options.data,
        "steps": config.steps,
        "kept_step": best["step"],
        "hours": round(_hours(run), 2),
        "machine": options.machine,
        "validation": {name: value for name, value in best.items() if name not in ("file", "step")},
        "scores": scores,
        "settings": {
            name: value
            for name, value in dataclasses.asdict(config).items()
            if name not in ("run_dir", "data_dir", "tfds_dir", "content_weights", "pretrained")
        },
    }
    save_shipped(generator, folder, card)
    print(json.dumps(card, indent=2, ensure_ascii=False))


def _hours(run: Path) -> float:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    points = events.Tensors("train/loss")
    return (points[-1].wall_time - points[0].wall_time) / 3600


if __name__ == "__main__":
    app.run(main)
