"""Archives of slides: each block in the fewest bytes whose restored pixels were measured to be good enough.

`sr_tf.archive(source, target)` calls `sr_tf.api.archive`: the function shares its name with this package.
"""

import sys
from importlib import import_module
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: object, **named: object) -> object:
        """Archives a slide; see `sr_tf.api.archive`."""
        return import_module("sr_tf.api").archive(*arguments, **named)


sys.modules[__name__].__class__ = _CallablePackage
