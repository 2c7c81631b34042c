"""The order in which tiles are made, and which are dropped."""

import asyncio
import threading

import pytest

from sr_tf.viewer.maker import Abandoned
from sr_tf.viewer.tile_queue import Busy, TileQueue


class Work:
    """Makes tiles; each waits until it is let through."""

    def __init__(self):
        self.begun, self.given_up, self.gates = [], [], {}

    def __call__(self, key, wanted):
        self.begun.append(key)
        gate = self.gates.setdefault(key, threading.Event())
        while not gate.wait(0.005):
            if not wanted():
                self.given_up.append(key)
                raise Abandoned
        return f"tile {key}"

    def let(self, *keys):
        for key in keys:
            self.gates.setdefault(key, threading.Event()).set()

    async def until_begun(self, *keys):
        while not set(keys) <= set(self.begun):
            await asyncio.sleep(0.002)


def _run(scenario, **options):
    async def inside():
        work = Work()
        queue = TileQueue(work, **{"workers": 1, **options})
        try:
            await asyncio.wait_for(scenario(queue, work), 20)
        finally:
            queue.close()
            await asyncio.to_thread(queue.join)

    asyncio.run(inside())


def test_requests_for_the_same_key_share_the_work():
    async def scenario(queue, work):
        first, second = (asyncio.ensure_future(queue.get("a")) for _ in range(2))
        work.let("a")
        assert await first == await second == "tile a"
        assert work.begun == ["a"]

    _run(scenario)


def test_jobs_that_nobody_waits_for_are_not_started():
    async def scenario(queue, work):
        under_way, dropped, kept = (asyncio.ensure_future(queue.get(key)) for key in "abc")
        await work.until_begun("a")
        dropped.cancel()
        await asyncio.sleep(0)
        work.let("a", "b", "c")
        assert await under_way == "tile a"
        assert await kept == "tile c"
        assert work.begun == ["a", "c"]

    _run(scenario)


def test_long_work_stops_when_nobody_waits_any_more():
    async def scenario(queue, work):
        gone = asyncio.ensure_future(queue.get("a"))
        await work.until_begun("a")
        gone.cancel()
        work.let("b")
        assert await queue.get("b") == "tile b"
        assert work.given_up == ["a"]
        work.let("a")
        assert await queue.get("a") == "tile a"

    _run(scenario)


def test_if_one_of_two_leaves_the_other_gets_its_tile():
    async def scenario(queue, work):
        gone, stays = (asyncio.ensure_future(queue.get("a")) for _ in range(2))
        await work.until_begun("a")
        gone.cancel()
        await asyncio.sleep(0.02)
        work.let("a")
        assert await stays == "tile a"
        assert work.given_up == []

    _run(scenario)


def test_a_full_queue_refuses_until_there_is_room():
    async def scenario(queue, work):
        tasks = [asyncio.ensure_future(queue.get(key)) for key in "abc"]  # one is running, two wait
        await work.until_begun("a")
        with pytest.raises(Busy):
            await queue.get("d")
        tasks[2].cancel()
        await asyncio.sleep(0)
        last = asyncio.ensure_future(queue.get("d"))
        work.let(*"abd")
        assert await last == "tile d"

    _run(scenario, room=2)


def test_guesses_wait_for_everything_else_and_the_latest_is_first():
    async def scenario(queue, work):
        asked = asyncio.ensure_future(queue.get("a"))
        await work.until_begun("a")
        queue.guess(["g", "h"])
        second = asyncio.ensure_future(queue.get("b"))
        await asyncio.sleep(0)
        work.let(*"abgh")
        await asked
        await second
        await work.until_begun("g", "h")
        assert work.begun == ["a", "b", "h", "g"]

    _run(scenario)


def test_a_requested_guess_moves_forward():
    async def scenario(queue, work):
        asyncio.ensure_future(queue.get("a"))  # noqa: RUF006
        await work.until_begun("a")
        queue.guess(["g", "h"])
        wanted = asyncio.ensure_future(queue.get("g"))
        await asyncio.sleep(0)
        work.let(*"agh")
        assert await wanted == "tile g"
        assert work.begun[:2] == ["a", "g"]

    _run(scenario)


def test_slow_work_and_guesses_leave_a_thread_free():
    async def scenario(queue, work):
        slow = [asyncio.ensure_future(queue.get(key, slow=True)) for key in "st"]
        await asyncio.sleep(0)
        queue.guess(["g"])
        await work.until_begun("s")
        work.let("q")
        assert await queue.get("q") == "tile q"
        assert set(work.begun) == {"s", "q"}
        work.let(*"stg")
        assert await asyncio.gather(*slow) == ["tile s", "tile t"]

    _run(scenario, workers=2)


def test_an_error_reaches_all_waiting_and_is_not_kept():
    calls = []

    def make(key, wanted):
        calls.append(key)
        if len(calls) == 1:
            raise ValueError("damaged")
        return "well"

    async def scenario():
        queue = TileQueue(make, workers=1)
        answers = await asyncio.gather(queue.get("a"), queue.get("a"), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["damaged", "damaged"]
        assert await queue.get("a") == "well"
        queue.close()
        queue.join()

    asyncio.run(scenario())
