"""Time measurements that several benchmarks share."""

import time


def seconds_of(run, count: int) -> list[float]:
    """Calls a function once without timing it, then `count` times; returns the seconds of each timed call."""
    run()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def sgemm_gflops(multiply, side: int) -> float:
    """The highest rate of five products of two float32 [side, side] matrices, in GFLOP/s."""
    return 2e-9 * side**3 / min(seconds_of(multiply, 5))
