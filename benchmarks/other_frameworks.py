"""Files of networks that every framework can read, and the environment of the frameworks that are only compared.

PyTorch and ONNX Runtime are needed only by these comparisons. The programs install them into a virtual environment
under `build/` when they run for the first time.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "benchmark-venv"
NETWORKS = {
    "8×32": {"blocks": 8, "filters": 32},
    "8×32 one step": {"blocks": 8, "filters": 32, "one_step": True},
    "16×32 one step": {"blocks": 16, "filters": 32, "one_step": True},
    "16×64": {"blocks": 16, "filters": 64, "residual_scaling": 0.1},
    "32×64 (paper)": {"blocks": 32, "filters": 64, "residual_scaling": 0.1},
}
"""The shapes of the compared networks by their names in tables."""

PACKAGES = ("torch==2.13.0", "onnx==1.23.2", "onnxruntime==1.32.0", "numpy")


def other_python() -> Path:
    """The Python of the environment with PyTorch and ONNX Runtime, which is created if it does not exist."""
    python, complete = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "complete"
    if not complete.exists():
        print(f"creating {ENVIRONMENT} with {', '.join(PACKAGES)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        complete.touch()
    return python


def save_network(path: Path, generator, **arrays: np.ndarray) -> None:
    """Writes an EDSR's shape, its convolutions in the order of their use, and further arrays by name."""
    layers = [generator.head]
    for block in generator.body:
        layers += [block.expand, block.contract]
    layers += [generator.body_end, *generator.upsampling, generator.tail]
    shape = {name: getattr(generator, name) for name in ("blocks", "filters", "scale", "residual_scaling", "one_step")}
    for number, layer in enumerate(layers):
        arrays[f"kernel/{number:03d}"], arrays[f"bias/{number:03d}"] = layer.get_weights()
    np.savez(path, shape=json.dumps(shape), **arrays)


def load_network(path: Path) -> tuple[dict, list[tuple[np.ndarray, np.ndarray]], dict]:
    """Reads a file of `save_network`: shape, (kernel [3, 3, in, out], bias [out]) of each convolution, other arrays."""
    with np.load(path) as arrays:
        convolutions = [
            (arrays[name], arrays[name.replace("kernel", "bias")])
            for name in sorted(arrays.files)
            if name.startswith("kernel/")
        ]
        rest = {name: arrays[name] for name in arrays.files if "/" not in name and name != "shape"}
        return json.loads(str(arrays["shape"])), convolutions, rest


def gflop_per_lr_pixel(generator) -> float:
    """The number of multiplications and additions of all convolutions for each LR pixel, in 10⁹."""
    layers = [generator.head, generator.body_end]
    layers += [layer for block in generator.body for layer in (block.expand, block.contract)]
    total = sum(np.prod(layer.kernel.shape) for layer in layers)
    for step, layer in enumerate(generator.upsampling):
        total += np.prod(layer.kernel.shape) * 4**step
    total += np.prod(generator.tail.kernel.shape) * 4 ** len(generator.upsampling)
    return 2e-9 * float(total)


def run_worker(program: str, python: Path | str, *arguments: object) -> dict:
    """Runs a program of this folder with an environment's Python. Returns the JSON in its last line of output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [python, ROOT / "benchmarks" / program, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
