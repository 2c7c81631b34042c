"""Times training steps of one framework; `training_speed.py` starts it: FRAMEWORK NETWORK.npz STEPS."""

import json
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__" and sys.argv[1] == "jax":
    os.environ["KERAS_BACKEND"] = "jax"

from other_frameworks import load_network

RATE = 1e-4


def keras_network(shape, convolutions):
    """An EDSR with those weights, and Adam as a run of `train.py` has it by default."""
    import keras
    from engine_worker import keras_generator

    return keras_generator(shape, convolutions), keras.optimizers.Adam(RATE)


def with_tensorflow(shape, convolutions, lr, hr, xla=False):
    """`sr_tf.training.step_tensorflow`."""
    from sr_tf.messages import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from sr_tf.training.objectives import pixel_objective
    from sr_tf.training.step_tensorflow import Phase

    generator, optimizer = keras_network(shape, convolutions)
    model = Phase(pixel_objective(generator), xla)
    model.compile({"generator": optimizer})
    batch = (tf.constant(lr), tf.constant(hr))
    step = tf.function(lambda: model.train_step(batch)["loss"])
    return lambda: float(step())


def with_xla(shape, convolutions, lr, hr):
    """The same with forward pass and gradients compiled by XLA."""
    return with_tensorflow(shape, convolutions, lr, hr, xla=True)


def with_jax(shape, convolutions, lr, hr):
    """`sr_tf.training.step_jax`."""
    import tempfile

    from sr_tf.config import TrainConfig
    from sr_tf.models.edsr import architecture
    from sr_tf.training.step_jax import JaxBackend

    generator, _ = keras_network(shape, convolutions)
    with tempfile.TemporaryDirectory() as folder:
        start = f"{folder}/start.keras"
        generator.save(start)
        backend = JaxBackend(TrainConfig(**architecture(generator), pretrained=start, learning_rate=RATE))
    state = backend.state()

    def step():
        nonlocal state
        state, named = backend.steps(state, lr[None], hr[None])
        return float(named["loss"][0])

    return step


def with_torch(shape, convolutions, lr, hr):
    """PyTorch without compiling, channels last."""
    import torch
    from torch_edsr import torch_network

    network = torch_network(shape, convolutions).train()
    lr, hr = (torch.from_numpy(images).permute(0, 3, 1, 2).to(memory_format=torch.channels_last) for images in (lr, hr))
    optimizer = torch.optim.Adam(network.parameters(), RATE, eps=1e-7)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(lr), hr)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main(framework: str, path: str, steps: str) -> None:
    """Prints the loss and the seconds of each step, the first of which compiles."""
    shape, convolutions, rest = load_network(Path(path))
    step = globals()[f"with_{framework}"](shape, convolutions, rest["lr"], rest["hr"])
    losses, seconds = [], []
    for _ in range(int(steps) + 1):
        start = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"losses": losses, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
