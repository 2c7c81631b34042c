"""Spools in tests."""

import pytest

from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError

A, B = {"quality": "visual"}, {"quality": "diagnostic"}


def contents(spool):
    keys = spool.keys()
    return {key: spool.get(key) for key in keys}


def filled(path, payloads):
    with Spool(path, A) as spool:
        for key, payload in payloads.items():
            spool.put(key, payload)
    return path


def refused(path, settings):
    """The message with which a file is refused; its bytes must stay."""
    content = path.read_bytes()
    with pytest.raises(UserError) as caught:
        Spool(path, settings)
    assert path.read_bytes() == content
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")
