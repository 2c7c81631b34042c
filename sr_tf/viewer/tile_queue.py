"""Decides which tile is made next: first those that a browser waits for, then those that it may need soon."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor

from sr_tf.viewer.maker import Abandoned

_ROOM = 64
"""Number of requested tiles that may wait."""

_GUESSES = 24
"""Number of guessed tiles that may wait; older guesses are dropped."""


class Busy(Exception):  # noqa: N818, it is not an error
    """Too many tiles are waiting."""


class TileQueue:
    """Makes tiles in threads. It is used from one event loop.

    Several requests for the same key share one job. A job that nobody waits for any more is dropped before it starts.
    Slow jobs and guesses start only if nothing else waits. They leave one thread free if there are at least two.

    Args:
        make: a function from (key, wanted) to the result, called in a thread. It may raise `Abandoned` once `wanted()`
            is false.
        workers: number of threads.
        room: number of requested jobs that may wait.
    """

    def __init__(self, make: Callable[[Hashable, Callable[[], bool]], object], workers: int, room: int = _ROOM):
        self._make, self._workers, self._room = make, workers, room
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="tile")
        self._jobs: dict[Hashable, _Job] = {}
        self._quick: deque[_Job] = deque()
        self._slow: deque[_Job] = deque()
        self._guesses: deque[_Job] = deque()
        self._running: set[_Job] = set()

    async def get(self, key: Hashable, slow: bool = False) -> object:
        """Waits for the result of a key. Cancel the task to stop waiting.

        Args:
            key: what to make.
            slow: whether the job may take seconds.

        Raises:
            Busy: too many jobs are waiting.
            Exception: the exception of `make`.
        """
        job = self._jobs.get(key)
        if job is None or job in self._guesses:
            if len(self._quick) + len(self._slow) >= self._room:
                raise Busy
            if job is None:
                job = self._jobs[key] = _Job(key, slow)
            else:
                self._guesses.remove(job)
                job.slow = slow
            (self._slow if slow else self._quick).append(job)
        job.waiters += 1
        self._start()
        try:
            return await asyncio.shield(job.result)
        finally:
            job.waiters -= 1
            line = self._slow if job.slow else self._quick
            if not job.waiters and job in line:
                line.remove(job)
                self._forget(job)

    def guess(self, keys: Iterable[Hashable]) -> None:
        """Makes these keys when there is nothing else to do: the latest guesses first. The oldest ones are dropped."""
        for key in keys:
            if key not in self._jobs:
                job = self._jobs[key] = _Job(key, slow=True, guessed=True)
                self._guesses.append(job)
        while len(self._guesses) > _GUESSES:
            self._forget(self._guesses.popleft())
        self._start()

    def close(self) -> None:
        """Drops all waiting jobs and tells running ones to stop."""
        for line in (self._quick, self._slow, self._guesses):
            while line:
                self._forget(line.pop())
        for job in self._running:
            job.stopped = True

    def join(self) -> None:
        """Waits for the threads to end, after `close`. May be called in any thread."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        while len(self._running) < self._workers:
            room_for_slow = sum(job.slow for job in self._running) < max(1, self._workers - 1)
            if self._quick:
                job = self._quick.popleft()
            elif self._slow and room_for_slow:
                job = self._slow.popleft()
            elif self._guesses and room_for_slow:
                job = self._guesses.pop()
            else:
                return
            self._running.add(job)
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._make, job.key, job.wanted)
            work.add_done_callback(lambda done, job=job: self._done(job, done))

    def _done(self, job: "_Job", done: asyncio.Future) -> None:
        self._running.discard(job)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, Abandoned) and job.waiters and not job.stopped:
            (self._slow if job.slow else self._quick).appendleft(job)  # it was requested again while it gave up
        else:
            del self._jobs[job.key]
            if job.result.cancelled() or done.cancelled() or isinstance(error, Abandoned):
                job.result.cancel()
            elif error is None:
                job.result.set_result(done.result())
            else:
                job.result.set_exception(error)
                job.result.exception()  # marks the exception as retrieved, in case nobody waits
        self._start()

    def _forget(self, job: "_Job") -> None:
        del self._jobs[job.key]
        job.result.cancel()


class _Job:
    """One tile to make. Only `wanted` is called in other threads than that of the event loop."""

    def __init__(self, key: Hashable, slow: bool, guessed: bool = False):
        self.key, self.slow, self.guessed, self.waiters, self.stopped = key, slow, guessed, 0, False
        self.result = asyncio.get_running_loop().create_future()

    def wanted(self) -> bool:
        """Whether the job should go on. A guess goes on until the queue closes."""
        return not self.stopped and (self.guessed or self.waiters > 0)
