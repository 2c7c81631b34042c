"""Compares TensorFlow (with and without XLA), JAX and PyTorch at steps of pixelwise MSE, same networks, one run.

python benchmarks/training_speed.py                             # on an idle machine
python benchmarks/training_speed.py --steps=2 --batch=2 --crop=8 # whether it works

Each framework runs in a process of its own, one after another. All start from the same weights and see the same batch:
the losses of the first step must be the same, and those after the last within 2 %.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags
from other_frameworks import NETWORKS, gflop_per_lr_pixel, other_python, run_worker, save_network

flags.DEFINE_integer("steps", 8, "Timed steps of each, after one that compiles.")
flags.DEFINE_integer("batch", 16, "Patches a step.")
flags.DEFINE_integer("crop", 24, "Side of the LR patches in pixels.")

TRAINED = ("8×32", "8×32 one step", "32×64 (paper)")
FRAMEWORKS = {"tensorflow": "TensorFlow", "xla": "TensorFlow, XLA", "jax": "JAX", "torch": "PyTorch"}


def main(_) -> None:
    """Prints a table of steps per second and the seconds that the first step took."""
    from sr_tf.messages import load_tensorflow

    load_tensorflow()
    import keras

    from sr_tf.images.degradation import reduce
    from sr_tf.models.edsr import EDSR

    batch, crop = flags.FLAGS.batch, flags.FLAGS.crop
    other = other_python()
    keras.utils.set_random_seed(0)
    hr = np.random.default_rng(0).integers(0, 256, (batch, 4 * crop, 4 * crop, 3), np.uint8)
    arrays = {"hr": hr.astype(np.float32), "lr": np.stack([reduce(image, 4) for image in hr]).astype(np.float32)}
    print(f"Steps per second of pixelwise MSE, batch {batch} of {crop}×{crop} LR, median of {flags.FLAGS.steps}\n")
    print("| network | " + " | ".join(FRAMEWORKS.values()) + " | first steps (s) |")
    print("| --- |" + " ---: |" * (len(FRAMEWORKS) + 1))
    with tempfile.TemporaryDirectory() as folder:
        for name in TRAINED:
            generator = EDSR(**NETWORKS[name])
            generator.build((None, None, None, 3))
            path = Path(folder) / "network.npz"
            save_network(path, generator, **arrays)
            found = {
                framework: run_worker(
                    "training_worker.py", other if framework == "torch" else sys.executable, framework, path,
                    flags.FLAGS.steps,
                )
                for framework in FRAMEWORKS
            }  # fmt: skip
            _compare(name, {framework: result["losses"] for framework, result in found.items()})
            medians = [statistics.median(result["seconds"][1:]) for result in found.values()]
            # Forward, and about twice as much backward.
            work = 3 * gflop_per_lr_pixel(generator) * batch * crop**2
            cells = [f"{1 / seconds:.2f} ({work / seconds:.0f})" for seconds in medians]
            firsts = ", ".join(f"{result['seconds'][0]:.1f}" for result in found.values())
            print(f"| {name} | {' | '.join(cells)} | {firsts} |", flush=True)
    print("\nIn brackets GFLOP/s, the backward pass counted as twice the forward pass.")


def _compare(name: str, losses: dict[str, list[float]]) -> None:
    expected = losses["tensorflow"]
    for framework, found in losses.items():
        if not np.isclose(found[0], expected[0], rtol=1e-4) or not np.isclose(found[-1], expected[-1], rtol=0.02):
            raise SystemExit(
                f"{name}: {FRAMEWORKS[framework]} has losses {found[0]} … {found[-1]}, TensorFlow {expected[0]} … "
                f"{expected[-1]}"
            )


if __name__ == "__main__":
    app.run(main)
