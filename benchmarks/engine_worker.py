"""Times one engine on the networks of a folder. Started by `engines.py` with ENGINE FOLDER RUNS RANK."""

import json
import sys
from pathlib import Path

import numpy as np
from other_frameworks import load_network
from timing import seconds_of, sgemm_gflops


def keras_generator(shape, convolutions):
    """Builds an EDSR of a shape with the weights of its convolutions."""
    from sr_tf.models.edsr import EDSR

    generator = EDSR(**shape)
    generator.build((None, None, None, 3))
    blocks = [layer for block in generator.body for layer in (block.expand, block.contract)]
    layers = [generator.head, *blocks, generator.body_end, *generator.upsampling, generator.tail]
    for layer, weights in zip(layers, convolutions, strict=True):
        layer.set_weights(weights)
    return generator


def with_tensorflow(shape, convolutions, lr):
    """The engine of `sr-tf upscale`."""
    generator = keras_generator(shape, convolutions)
    return lambda: generator.predict_on_batch(lr)


def with_openvino(shape, convolutions, lr):
    """The engine of `sr-tf upscale --engine openvino`."""
    from sr_tf.generators.engines import on_engine

    generator = on_engine(keras_generator(shape, convolutions), "openvino")
    return lambda: generator.predict_on_batch(lr)


def with_onnxruntime(shape, convolutions, lr):
    """ONNX Runtime's CPU provider."""
    import onnxruntime
    from torch_edsr import onnx_network

    session = onnxruntime.InferenceSession(onnx_network(shape, convolutions), providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(lr.transpose(0, 3, 1, 2))
    return lambda: session.run(None, {"images": images})[0].transpose(0, 2, 3, 1)


def with_torch(shape, convolutions, lr):
    """PyTorch without compilation, channels last, which is its faster layout on CPUs."""
    import torch
    from torch_edsr import torch_network

    network = torch_network(shape, convolutions).eval()
    images = torch.from_numpy(lr).permute(0, 3, 1, 2).to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            return network(images).permute(0, 2, 3, 1).numpy()

    return run


def main(engine: str, folder: str, runs: str, rank: str) -> None:
    """Writes each network's SR and prints the seconds of its runs; with PyTorch, also the rate of SGEMM."""
    if engine in ("tensorflow", "openvino"):
        from sr_tf.messages import load_tensorflow

        load_tensorflow()
    results = {}
    for path in sorted(Path(folder).glob("network-*.npz")):
        shape, convolutions, rest = load_network(path)
        run = globals()[f"with_{engine}"](shape, convolutions, rest["lr"])
        results[path.stem] = seconds_of(run, int(runs))
        np.save(Path(folder) / f"{engine}-{path.stem}.npy", run())
    if engine == "torch":
        import torch

        matrix = torch.rand(int(rank), int(rank))
        results["sgemm"] = sgemm_gflops(lambda: matrix @ matrix, int(rank))
    print(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
