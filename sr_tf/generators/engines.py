"""What runs a generator: TensorFlow, or OpenVINO where it is installed, which restores sooner on CPUs.

The engines' pixels agree within 1 of 255: sums are taken in another order, and where a value lies between two levels
another one may come out. So one engine is the rule, TensorFlow, and another is used only where it is asked for; an
archive names the engine that measured it.
"""

from importlib import metadata

from sr_tf.errors import UserError

ENGINES = ("tensorflow", "openvino")
DEFAULT_ENGINE = ENGINES[0]


def on_engine(generator, engine: str = DEFAULT_ENGINE):
    """A generator as an engine runs it.

    Args:
        generator: `sr_tf.models.edsr.EDSR`, built.
        engine: a name in `ENGINES`.

    Returns:
        An object with the generator's `scale`, `receptive_radius` and `predict_on_batch` (float32 [N, h, w, 3] to
        float32 [N, scale · h, scale · w, 3]), which any number of threads may call: all that
        `sr_tf.generators.upscale` needs.

    Raises:
        UserError: OpenVINO is not installed.
        ValueError: unknown engine.
    """
    if engine == "tensorflow":
        return generator
    if engine == "openvino":
        try:
            from sr_tf.generators.openvino import OpenVINOGenerator
        except ImportError as error:
            raise UserError(
                f"--engine=openvino: not installed ({error}); expected `pip install sr-tf[openvino]`"
            ) from error
        return OpenVINOGenerator(generator)
    raise ValueError(f"engine {engine!r}: expected one of {', '.join(ENGINES)}")


def engine_version(engine: str) -> str:
    """An engine's name and version, as archives record it: `openvino 2026.4.1`."""
    return f"{engine} {metadata.version(engine)}"
