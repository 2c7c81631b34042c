"""Compares TensorFlow, OpenVINO, ONNX Runtime and PyTorch at restoring, on the same networks in one run.

python benchmarks/engines.py                    # on an idle machine
python benchmarks/engines.py --side=32 --runs=1 # whether it works

The first call makes an environment for PyTorch and ONNX Runtime under build/, see `other_frameworks`. Each engine runs
in a process of its own with its usual number of threads, one after another. The SGEMM rates bracket what a CPU can do.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags
from other_frameworks import gflop_per_lr_pixel, other_python, run_worker, save_network, sgemm_gflops

flags.DEFINE_integer("side", 175, "Side of the LR image; 175 restores a scene of 700×700.")
flags.DEFINE_integer("runs", 5, "Timed calls of each, after one that prepares.")

NETWORKS = {
    "8×32": {"blocks": 8, "filters": 32},
    "8×32 one step": {"blocks": 8, "filters": 32, "one_step": True},
    "16×32 one step": {"blocks": 16, "filters": 32, "one_step": True},
    "16×64": {"blocks": 16, "filters": 64, "residual_scaling": 0.1},
    "32×64 (paper)": {"blocks": 32, "filters": 64, "residual_scaling": 0.1},
}
ENGINES = {"tensorflow": "TensorFlow", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch"}


def main(_) -> None:
    """Prints tables of seconds per megapixel of HR and of ratios; fails if the pixels differ."""
    from sr_tf.messages import load_tensorflow

    load_tensorflow()
    import keras

    from sr_tf.models.edsr import EDSR

    side, runs = flags.FLAGS.side, flags.FLAGS.runs
    other = other_python()
    keras.utils.set_random_seed(0)
    lr = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    rank = min(4096, 32 * side)  # smaller where the call is but a trial
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
    print("| network | " + " | ".join(ENGINES.values()) + " | OpenVINO / TensorFlow, times as fast |")
    print("| --- |" + " ---: |" * (len(ENGINES) + 1))
    for number, name in enumerate(NETWORKS):
        medians = {engine: statistics.median(results[engine][f"network-{number}"]) for engine in ENGINES}
        cells = [f"{seconds / megapixels:.3f} ({work[number] / seconds:.0f})" for seconds in medians.values()]
        print(f"| {name} | {' | '.join(cells)} | {medians['tensorflow'] / medians['openvino']:.2f} |")
    spread = {
        f"{ENGINES[engine]} {max(max(seconds) / min(seconds) for key, seconds in found.items() if key != 'sgemm'):.2f}"
        for engine, found in results.items()
    }
    print(f"\nSlowest over fastest run of a network, at most: {', '.join(sorted(spread))}")
    print(f"SGEMM {rank}³, GFLOP/s: NumPy {sgemm[0]:.0f} before and {sgemm[1]:.0f} after, ", end="")
    print(f"PyTorch {results['torch']['sgemm']:.0f}")
    print(f"Largest difference from TensorFlow's SR, of 255: {differences}")


def _differences(folder: Path) -> str:
    """Of each engine over all networks, relative to the size of SR where that leaves [0, 255]."""
    told = []
    for engine in list(ENGINES)[1:]:
        worst = 0.0
        for number in range(len(NETWORKS)):
            expected = np.load(folder / f"tensorflow-network-{number}.npy")
            found = np.load(folder / f"{engine}-network-{number}.npy")
            size = max(255.0, float(np.abs(expected).max()))
            worst = max(worst, float(np.abs(found - expected).max()) * 255 / size)
        if not worst < 0.5:
            raise SystemExit(f"{engine}: differs by {worst} of 255 from TensorFlow, expected less than 0.5")
        told.append(f"{ENGINES[engine]} {worst:.1e}")
    return ", ".join(told)


if __name__ == "__main__":
    app.run(main)
