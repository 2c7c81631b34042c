"""Runs the tries of a fleet in processes of this machine, one process for each try."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tqdm import tqdm

from sr_tf.disk.cores import usable_cores
from sr_tf.fleet.attempt import Outcome, Task, attempt

WORKERS = 2
"""Cores for each slide unless the user says otherwise; a slide has parts that use only one."""
MEMORY_PER_SLIDE = 2 * 10**9
"""Bytes for a slide that is being archived: about 1.2 GB were measured."""
_CONTEXT = multiprocessing.get_context("spawn")


def default_workers() -> int:
    """The number of threads for each slide: `WORKERS`, or the usable cores if they are fewer."""
    return min(WORKERS, usable_cores())


def default_slides_at_once(workers: int) -> int:
    """As many slides as the usable cores and the free memory allow, at least one."""
    return max(1, min(usable_cores() // workers, free_memory() // MEMORY_PER_SLIDE))


def free_memory() -> int:
    """Bytes of memory that this process and its children may still use, as far as the system says."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits.append(next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit
        group = Path("/sys/fs/cgroup")
        limits.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(0, min(limits))


class Processes:
    """An engine of `sr_tf.fleet.drive.drive`: every try is a new process, whose memory goes with it."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[multiprocessing.process.BaseProcess, Connection]] = {}

    def start(self, task: Task) -> None:
        """Starts a try."""
        receiving, sending = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_work, args=(sending, task), daemon=True, name=task.name)
        with _without_interrupts():
            process.start()
        sending.close()
        self._running[task.name] = process, receiving

    def wait(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Waits for tries to end.

        Args:
            seconds: how long, at most.

        Returns:
            The names of those that ended, and how.
        """
        names = {receiving: name for name, (_, receiving) in self._running.items()}
        return [(names[ready], self._end(names[ready])) for ready in wait(list(names), seconds)]

    def stop(self) -> None:
        """Kills all processes; their journals keep what is finished."""
        for process, _ in self._running.values():
            process.kill()
        for process, receiving in self._running.values():
            process.join()
            receiving.close()
        self._running.clear()

    def _end(self, name: str) -> Outcome:
        process, receiving = self._running.pop(name)
        try:
            outcome = receiving.recv()
            process.kill()  # its work is done; frameworks take seconds to end
            process.join()
        except EOFError:
            process.join()
            outcome = Outcome(None, f"{name}: its process {_how(process.exitcode)}", final=False)
        receiving.close()
        return outcome


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return f"was ended by {name}" + ", as the system does when memory is short" * (-code == signal.SIGKILL)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process that starts within it never hears Ctrl-C, which its parent answers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(sending: Connection, task: Task) -> None:
    """The process of a try."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The terminal is the parent's, with its progress bar.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    # Its default lock is a semaphore of the system, which a killed process would leave behind.
    tqdm.set_lock(threading.RLock())
    sending.send(attempt(task))


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
