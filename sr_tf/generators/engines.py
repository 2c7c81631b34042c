"""The engines that run a generator: TensorFlow, or OpenVINO if it is installed, which is faster on CPUs.

The engines' pixels differ by at most 1 of 255: they add in different orders, and a value between two levels may be
rounded to the other one. TensorFlow is therefore the default, and OpenVINO is used only on request; an archive names
the engine with which it was measured.
"""

import os
from importlib import metadata

from sr_tf.errors import UserError, missing_extra
from sr_tf.images.libraries import is_installed

ENGINES = ("tensorflow", "openvino")
DEFAULT_ENGINE = ENGINES[0]


def on_engine(generator, engine: str = DEFAULT_ENGINE, inner: bool = False):
    """Prepares a generator to run on an engine.

    Args:
        generator: a built `sr_tf.models.edsr.EDSR` or `sr_tf.models.coded_filter.CodedFilter`.
        engine: a name in `ENGINES`.
        inner: whether to restore the middle of windows only, see `sr_tf.models.inner.Inner`.

    Returns:
        An object with the generator's `scale`, `channels`, `receptive_radius` and `predict_on_batch` (float32 [N, h, w,
        channels] to float32 [N, scale · h, scale · w, 3]), which is all that `sr_tf.generators.upscale` needs. It is
        thread-safe. With `inner`, only its `predict_on_batch`, which cuts `receptive_radius` off each side of a window.

    Raises:
        UserError: OpenVINO is not installed.
        ValueError: unknown engine.
    """
    if engine == "tensorflow":
        if not inner:
            return generator
        from sr_tf.models.inner import Inner

        return Inner(generator)
    if engine == "openvino":
        try:
            from sr_tf.generators.openvino import OpenVINOGenerator
        except ImportError as error:
            raise missing_extra("openvino", error) from error
        return OpenVINOGenerator(generator, inner)
    raise ValueError(f"engine {engine!r}: expected one of {', '.join(ENGINES)}")


def require_engine(engine: str) -> None:
    """Raises a `UserError` if there is no engine of this name."""
    if engine not in ENGINES:
        raise UserError(f"engine={engine}: expected one of {', '.join(ENGINES)}")


def require_installed(engine: str) -> None:
    """Raises a `UserError` if an engine is not installed; imports none."""
    module = "openvino" if engine == "openvino" else os.environ.get("KERAS_BACKEND", "tensorflow")
    if not is_installed(module):
        raise missing_extra(module, ModuleNotFoundError(f"No module named {module!r}"))


def engine_version(engine: str) -> str:
    """An engine's name and version in the form that archives record: `openvino 2026.4.1`."""
    return f"{engine} {metadata.version(engine)}"
