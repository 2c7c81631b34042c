"""Ctrl-C while a program still imports its modules, before `sr_tf.cli.interrupt` can listen."""

import os
import signal
import sys


def stop_at_once() -> None:
    """Makes Ctrl-C end the process in one line with exit code 130, until `stop_in_order` is called."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def stop_in_order() -> None:
    """Makes Ctrl-C raise `KeyboardInterrupt` again."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(*_: object) -> None:
    os.write(2, f"{os.path.basename(sys.argv[0])}: stopped\n".encode())
    os._exit(130)
