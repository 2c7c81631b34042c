"""The number of threads that are worth starting."""

import os


def usable_cores() -> int:
    """Counts the CPU cores that this process may use; the machine can have more."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
