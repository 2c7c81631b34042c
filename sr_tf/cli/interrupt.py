"""Ctrl-C ends the program soon, also while native code computes or worker threads finish their tiles."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

_GRACE = 1.5
"""Seconds for the usual way out, which removes drafts. After it, the process leaves what a killed one leaves."""


@contextlib.contextmanager
def prompt_stop(process: bool, program: str = "sr-tf") -> Iterator[None]:
    """Within it, Ctrl-C ends the process with exit code 130 at the latest after `_GRACE` seconds.

    Python raises its `KeyboardInterrupt` only between two steps of the main thread, and a process ends only with its
    last thread. A thread that hears of the signal directly does not depend on either. It leaves signals to commands
    that handle them themselves, such as the servers.

    Args:
        process: whether the program owns the process. False: nothing changes.
        program: the program's name, for the message.
    """
    if not process or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    hearing, telling = socket.socketpair()
    telling.setblocking(False)
    before = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    threading.Thread(target=_end_soon, args=(hearing, ended, program), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        telling.close()


def _end_soon(hearing: socket.socket, ended: threading.Event, program: str) -> None:
    while numbers := hearing.recv(64):
        if signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            time.sleep(_GRACE)
            if not ended.is_set():
                os.write(2, f"\n{program}: stopped\n".encode())
            os._exit(130)
