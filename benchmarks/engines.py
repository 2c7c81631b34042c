"""Compares the speed of TensorFlow, OpenVINO, ONNX Runtime and PyTorch when they restore with the same networks.

python benchmarks/engines.py                    # on an idle machine
python benchmarks/engines.py --side=32 --runs=1 # a quick trial

The first call creates an environment for PyTorch and ONNX Runtime under build/, see `other_frameworks`. The engines run
one after another, each in a process of its own with its default number of threads. The rates of matrix multiplication
(SGEMM) before and after show what the CPU can reach.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags
from other_frameworks import NETWORKS, gflop_per_lr_pixel, other_python, run_worker, save_network
from timing import sgemm_gflops

from sr_tf.messages import load_tensorflow, markdown_table

flags.DEFINE_integer("side", 175, "Side of the LR image; 175 restores a scene of 700×700.")
flags.DEFINE_integer("runs", 5, "Timed calls of each engine, after one untimed call.")

ENGINES = {"tensorflow": "TensorFlow", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch"}


def main(_) -> None:
    """Prints seconds per megapixel of HR and their ratios. Fails if the engines' pixels differ."""
    load_tensorflow()
    import keras

    from sr_tf.models.edsr import EDSR

    side, runs = flags.FLAGS.side, flags.FLAGS.runs
    other = other_python()
    keras.utils.set_random_seed(0)
    lr = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    rank = min(4096, 32 * side)  # smaller in a quick trial
    matrix = np.random.default_rng(0).random((rank, rank), np.float32)
    sgemm = [sgemm_gflops(lambda: matrix @ matrix, rank)]
    work = []
    with tempfile.TemporaryDirectory() as folder:
        for number, shape in enumerate(NETWORKS.values()):
            generator = EDSR(**shape)
            generator.build((None, None, None, 3))
            work.append(gflop_per_lr_pixel(generator) * side**2)
            save_network(Path(folder) / f"network-{number}.npz", generator, lr=lr)
        results = {}
        for engine in ENGINES:
            python = other if engine in ("onnxruntime", "torch") else sys.executable
            results[engine] = run_worker("engine_worker.py", python, engine, folder, runs, rank)
        differences = _differences(Path(folder))
    sgemm.append(sgemm_gflops(lambda: matrix @ matrix, rank))
    megapixels = (4 * side) ** 2 / 1e6
    print(f"Seconds per megapixel of HR (LR {side}×{side}, median of {runs}; GFLOP/s in brackets)\n")
    rows = [["network", *ENGINES.values(), "OpenVINO, times as fast as TensorFlow"]]
    for number, name in enumerate(NETWORKS):
        medians = {engine: statistics.median(results[engine][f"network-{number}"]) for engine in ENGINES}
        cells = [f"{seconds / megapixels:.3f} ({work[number] / seconds:.0f})" for seconds in medians.values()]
        rows.append([name, *cells, f"{medians['tensorflow'] / medians['openvino']:.2f}"])
    print(markdown_table(rows))
    spread = {
        f"{ENGINES[engine]} {max(max(seconds) / min(seconds) for key, seconds in found.items() if key != 'sgemm'):.2f}"
        for engine, found in results.items()
    }
    print(f"\nLargest ratio of the slowest to the fastest run of a network: {', '.join(sorted(spread))}")
    print(f"SGEMM {rank}³, GFLOP/s: NumPy {sgemm[0]:.0f} before and {sgemm[1]:.0f} after, ", end="")
    print(f"PyTorch {results['torch']['sgemm']:.0f}")
    print(f"Largest difference from TensorFlow's SR, of 255: {differences}")


def _differences(folder: Path) -> str:
    """The largest difference of each engine over all networks, relative to SR's range if that exceeds 255."""
    found_by_engine = []
    for engine in list(ENGINES)[1:]:
        worst = 0.0
        for number in range(len(NETWORKS)):
            expected = np.load(folder / f"tensorflow-network-{number}.npy")
            found = np.load(folder / f"{engine}-network-{number}.npy")
            size = max(255.0, float(np.abs(expected).max()))
            worst = max(worst, float(np.abs(found - expected).max()) * 255 / size)
        if not worst < 0.5:
            raise SystemExit(f"{engine}: differs by {worst} of 255 from TensorFlow, expected less than 0.5")
        found_by_engine.append(f"{ENGINES[engine]} {worst:.1e}")
    return ", ".join(found_by_engine)


if __name__ == "__main__":
    app.run(main)
