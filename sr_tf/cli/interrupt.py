"""Ctrl-C ends the program soon, also while native code computes or worker threads finish their tiles."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from sr_tf.messages import open_closed_streams

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
    open_closed_streams()
    # An own copy: while a framework is imported, the process's stderr leads nowhere.
    stderr = os.dup(2)
    hearing, telling = socket.socketpair()
    telling.setblocking(False)
    before = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    heard, ended = threading.Event(), threading.Event()
    listener = threading.Thread(target=_end_soon, args=(hearing, heard, ended, stderr, program), daemon=True)
    listener.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        telling.close()
        listener.join()
        os.close(stderr)
        if heard.is_set():
            # Drafts are removed by now. The usual end waits for threads and for a framework to free its memory.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(130)


def _end_soon(
    hearing: socket.socket, heard: threading.Event, ended: threading.Event, stderr: int, program: str
) -> None:
    while numbers := hearing.recv(64):
        if signal.SIGINT in numbers and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            heard.set()
            if not ended.wait(_GRACE):
                os.write(stderr, f"\n{program}: stopped\n".encode())
                os._exit(130)
            return
