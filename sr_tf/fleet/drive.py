"""Drives a fleet: starts tries, repeats those whose process died, and keeps the state."""

import os
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tqdm import tqdm

from sr_tf.archive.write import Options
from sr_tf.fleet.attempt import Outcome, Task
from sr_tf.fleet.existing import is_done
from sr_tf.fleet.find import Job
from sr_tf.fleet.record import Record, fingerprint, words
from sr_tf.fleet.state import State
from sr_tf.slides.source_files import SourceFiles

_LOOK = 1.0
"""Seconds between two updates of the progress bar."""


class Engine(Protocol):
    """What runs tries: `sr_tf.fleet.processes.Processes` or `sr_tf.fleet.ray_tasks.RayTasks`."""

    def start(self, task: Task) -> None:
        """Starts a try."""

    def wait(self, seconds: float) -> list[tuple[str, Outcome]]:
        """Waits for tries to end, `seconds` at most; returns the names of those that ended, and how."""


@dataclass
class Results:
    """What came out of a call.

    Attributes:
        records: of the slides that ended, by the archives' names; a failed one has its reason.
        skipped: the names of those that were complete before.
        retried: how often a slide was begun again.
        seconds: how long the call took.
    """

    records: dict[str, Record] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    retried: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> dict[str, str]:
        """The reasons of those that failed, by the archives' names."""
        return {name: record.reason for name, record in self.records.items() if record.state == "failed"}


def drive(
    jobs: Iterable[Job], options: Options, state: State, engine: Engine, slides_at_once: int, tries: int, into: Results
) -> None:
    """Archives slides.

    Args:
        jobs: the slides.
        options: how to archive them.
        state: the state of the fleet's folder, whose lock the caller holds.
        engine: what runs the tries; the caller stops it.
        slides_at_once: largest number of tries that run at the same time.
        tries: how often a slide whose process dies is begun, at most.
        into: the results; after an exception it holds those so far.

    Raises:
        UserError: the state cannot be written.
    """
    start, wanted = time.monotonic(), words(options)
    jobs = list(jobs)
    running: dict[str, tuple[Job, int, float]] = {}
    waiting: deque[tuple[Job, int]] = deque()
    for job in jobs:
        if is_done(job, record := state.get(job.name), wanted):
            into.records[job.name] = record
            into.skipped.add(job.name)
        else:
            waiting.append((job, 1))
    with tqdm(total=len(jobs), initial=len(into.skipped), desc="archive", unit="slide", disable=None) as bar:
        while waiting or running:
            while waiting and len(running) < slides_at_once:
                job, number = waiting.popleft()
                running[job.name] = job, number, time.monotonic()
                engine.start(_begun(job, number, options, wanted, state))
            for name, outcome in engine.wait(_LOOK):
                job, number, began = running.pop(name)
                seconds = outcome.seconds or time.monotonic() - began
                if outcome.record is None and not outcome.final and number < tries:
                    into.retried += 1
                    _add_seconds(state, name, seconds)
                    waiting.append((job, number + 1))
                    continue
                into.records[name] = _ended(job, outcome, number, seconds, wanted, state)
                if outcome.record and outcome.existed and number == 1:
                    into.skipped.add(name)
                bar.update()
            into.seconds = time.monotonic() - start
            bar.set_postfix_str(_progress(into, len(running)))


def _begun(job: Job, number: int, options: Options, wanted: dict, state: State) -> Task:
    """Notes that a slide is begun, before it is. An archive that exists later is then known to be of these options."""
    record = state.get(job.name)
    if not os.path.lexists(job.target):
        seconds = record.seconds if record and record.options == wanted else 0.0
        files = fingerprint(SourceFiles(job.source).paths)
        state.put(job.name, Record("running", str(job.source), wanted, files, tries=number, seconds=seconds))
        record = state.get(job.name)
    return Task(job.name, str(job.source), str(job.target), options, record)


def _add_seconds(state: State, name: str, seconds: float) -> None:
    if record := state.get(name):
        record.seconds += seconds
        state.put(name, record)


def _ended(job: Job, outcome: Outcome, number: int, seconds: float, wanted: dict, state: State) -> Record:
    """The record of a slide after its last try; the state has it too, unless it keeps what it says of an archive."""
    before = state.get(job.name)
    # Looking at an archive that exists is no time spent on it.
    spent = (before.seconds if before else 0.0) + (0.0 if outcome.existed else seconds)
    if outcome.record:
        record = outcome.record
        record.tries, record.seconds = number, spent
    else:
        why = outcome.reason if outcome.final else f"{outcome.reason}, in the last of {number} tries"
        record = Record("failed", str(job.source), wanted, tries=number, seconds=spent, reason=why)
    if outcome.record or not outcome.existed:
        state.put(job.name, record)
    return record


def _progress(results: Results, running: int) -> str:
    new = [record for name, record in results.records.items() if name not in results.skipped]
    rate = sum(record.pixels for record in new) / 1e6 / max(results.seconds, 1e-9)
    return f"{running} running, {len(results.failed)} failed, {rate:.2f} megapixels/s"
