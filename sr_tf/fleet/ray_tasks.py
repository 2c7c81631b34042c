"""Runs the tries of a fleet as Ray tasks: on this machine, or on a cluster whose nodes share the storage."""

import logging
import os
import socket

from sr_tf.errors import UserError, missing_extra, reason
from sr_tf.fleet.attempt import Outcome, Task, attempt
from sr_tf.fleet.processes import default_slides_at_once

_PATIENCE = 10
"""Seconds in which a cluster must answer."""


class RayTasks:
    """An engine of `sr_tf.fleet.drive.drive`: every try is a Ray task with a process of its own.

    Slides and archives must have the same paths on all nodes.

    Args:
        address: of a cluster; empty: that of the environment variable RAY_ADDRESS, or Ray is started on this machine.
        workers: CPU cores of each task.
        slides_at_once: largest number of tasks at the same time; None: the cluster's cores decide, or on this machine
            `sr_tf.fleet.processes.default_slides_at_once`.

    Attributes:
        slides_at_once: the number that was given or decided.

    Raises:
        UserError: Ray is not installed, cannot start or does not answer, or no node has `workers` cores.
    """

    def __init__(self, address: str, workers: int, slides_at_once: int | None):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise missing_extra("ray", error) from error
        self._ray = ray
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if address := address or os.environ.get("RAY_ADDRESS", ""):
                _require_answer(address)
                ray.init(address, **quiet)
            else:
                count = slides_at_once or default_slides_at_once(workers)
                ray.init("local", num_cpus=workers * count, include_dashboard=False, **quiet)
            cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        except (ray.exceptions.RayError, RuntimeError, OSError, ValueError) as error:
            raise UserError(f"--ray {address}: Ray cannot be used ({reason(error)}), expected a cluster") from error
        if (largest := max(cores, default=0)) < workers:
            ray.shutdown()
            raise UserError(f"--workers={workers}: no node has as many cores, expected at most {largest}")
        self.slides_at_once = slides_at_once or sum(count // workers for count in cores)
        # Tries are counted and repeated by `drive`, which looks at the archive before each.
        self._attempt = ray.remote(num_cpus=workers, max_retries=0, max_calls=1)(attempt)
        self._running: dict = {}

    def start(self, task: Task) -> None:
        """Starts a try."""
        self._running[self._attempt.remote(task)] = task.name

    def wait(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Waits for tries to end; see `sr_tf.fleet.processes.Processes.wait`."""
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [(name, self._result(name, one)) for one in ready if (name := self._running.pop(one))]

    def stop(self) -> None:
        """Ends all tasks; their journals keep what is finished."""
        for one in self._running:
            self._ray.cancel(one, force=True)
        self._running.clear()
        self._ray.shutdown()

    def _result(self, name: str, one: object) -> Outcome:
        try:
            return self._ray.get(one)
        except self._ray.exceptions.RayError as error:
            return Outcome(None, f"{name}: its Ray task ended ({reason(error)})", final=False)


def _require_answer(address: str) -> None:
    """Raises an `OSError` if nothing answers at HOST:PORT, where Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
