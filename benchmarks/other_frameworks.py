"""What the speed comparisons share: networks as files that any framework reads, and a place for other frameworks.

PyTorch and ONNX Runtime are compared with and never needed: they are installed into a virtual environment of their own
under `build/`, which the programs make when they are first run.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "benchmark-venv"
PACKAGES = ("torch==2.13.0", "onnx==1.23.2", "onnxruntime==1.32.0", "numpy")


def other_python() -> Path:
    """The interpreter of the environment with PyTorch and ONNX Runtime, made if it is not there."""
    python, made = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "made"
    if not made.exists():
        print(f"making {ENVIRONMENT} with {', '.join(PACKAGES)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        made.touch()
    return python


def save_network(path: Path, generator, **arrays: np.ndarray) -> None:
    """Writes an EDSR's shape and convolutions in the order in which they are used, and whatever else belongs to it."""
    layers = [generator.head]
    for block in generator.body:
        layers += [block.expand, block.contract]
    layers += [generator.body_end, *generator.upsampling, generator.tail]
    shape = {name: getattr(generator, name) for name in ("blocks", "filters", "scale", "residual_scaling", "one_step")}
    for number, layer in enumerate(layers):
        arrays[f"kernel/{number:03d}"], arrays[f"bias/{number:03d}"] = layer.get_weights()
    np.savez(path, shape=json.dumps(shape), **arrays)


def load_network(path: Path) -> tuple[dict, list[tuple[np.ndarray, np.ndarray]], dict]:
    """What `save_network` wrote: the shape, (kernel [3, 3, in, out], bias [out]) of each convolution, and the rest."""
    with np.load(path) as arrays:
        convolutions = [
            (arrays[name], arrays[name.replace("kernel", "bias")])
            for name in sorted(arrays.files)
            if name.startswith("kernel/")
        ]
        rest = {name: arrays[name] for name in arrays.files if "/" not in name and name != "shape"}
        return json.loads(str(arrays["shape"])), convolutions, rest


def gflop_per_lr_pixel(generator) -> float:
    """Billions of multiplications and additions that the convolutions take for each LR pixel."""
    layers = [generator.head, generator.body_end]
    layers += [layer for block in generator.body for layer in (block.expand, block.contract)]
    total = sum(np.prod(layer.kernel.shape) for layer in layers)
    for step, layer in enumerate(generator.upsampling):
        total += np.prod(layer.kernel.shape) * 4**step
    total += np.prod(generator.tail.kernel.shape) * 4 ** len(generator.upsampling)
    return 2e-9 * float(total)


def run_worker(program: str, python: Path | str, *arguments: object) -> dict:
    """Runs a program of this folder in an environment; what it prints on its last line is JSON."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [python, ROOT / "benchmarks" / program, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def seconds_of(run, count: int) -> list[float]:
    """Seconds of each of `count` calls, after one that prepares."""
    run()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def sgemm_gflops(multiply, side: int) -> float:
    """The best of five products of two float32 matrices, in GFLOP/s."""
    return 2e-9 * side**3 / min(seconds_of(multiply, 5))
