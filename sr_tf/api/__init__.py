"""The Python interface: opening archives and slides alike, and the commands as functions.

Everything here is also an attribute of `sr_tf` itself, which imports it when it is first used.
"""

from sr_tf.api.functions import archive, restore, upscale, verify
from sr_tf.api.slide import OpenedSlide, open

__all__ = ["OpenedSlide", "archive", "open", "restore", "upscale", "verify"]
