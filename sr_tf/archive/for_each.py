"""Calls a function for many places in threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait


def for_each(action: Callable[..., object], places: Iterable[tuple], workers: int) -> None:
    """Calls `action(*place)` for each place in threads; the first exception stops it and is raised.

    Only a few calls wait at a time, so that the number of places does not matter for memory.
    """
    waiting = []  # in order, so that of several exceptions the first place's is raised
    pool = ThreadPoolExecutor(workers)
    try:
        for place in places:
            if len(waiting) >= 2 * workers:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in [future for future in waiting if future in done]:
                    future.result()
                    waiting.remove(future)
            waiting.append(pool.submit(action, *place))
        for future in waiting:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
