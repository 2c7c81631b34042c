"""Super-resolution storage of microscope images: reduce, keep, reconstruct, measure.

    import sr_tf

    with sr_tf.open("slide.sr.zip") as slide:  # or slide.svs
        region = slide.read_region((4096, 4096), 0, (512, 512))

`open`, `archive`, `restore`, `verify` and `upscale` are described in `sr_tf.api`. They are imported when they are first
used.

For research use only: not a medical device.
"""

from importlib import import_module

__version__ = "0.3.0"

_INTERFACE = ("OpenedSlide", "open", "restore", "upscale", "verify")
_MODULES = ("api", "archive", "errors")


def __getattr__(name: str) -> object:
    if name in _INTERFACE:
        return getattr(import_module("sr_tf.api"), name)
    if name in _MODULES:
        return import_module(f"sr_tf.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_INTERFACE, *_MODULES})
