"""Runs `sr-tf fleet` and prints its results."""

import argparse
from pathlib import Path

from sr_tf.archive.write import Options
from sr_tf.cli.archive_commands import chosen_options
from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.disk.paths import check_name, refuse_special
from sr_tf.disk.spool import open_locked
from sr_tf.errors import UserError
from sr_tf.fleet.drive import Results, drive
from sr_tf.fleet.find import Job, find_jobs
from sr_tf.fleet.page import facts, to_html
from sr_tf.fleet.processes import Processes, default_slides_at_once, default_workers
from sr_tf.fleet.ray_tasks import RayTasks
from sr_tf.fleet.state import State
from sr_tf.fleet.table import to_csv
from sr_tf.generators.load import require_generator
from sr_tf.messages import tell

_LOCK = ".fleet.lock"


def fleet(options: argparse.Namespace) -> None:
    """Runs `sr-tf fleet`."""
    if options.workers is None:
        options.workers = default_workers()
    chosen = chosen_options(options)
    _check(chosen)
    jobs = find_jobs(options.slides, options.out)
    for job in jobs:
        check_name(job.source)
        refuse_special(job.source)
    folder = make_folder(options.out.resolve())
    with open_locked(folder / _LOCK):
        results = _archive_all(jobs, chosen, State(folder), options)
    _report(folder, jobs, results, options.price)


def _check(chosen: Options) -> None:
    """Raises a `UserError` for what would make every slide fail."""
    for model in () if chosen.gate.lossless else chosen.models:
        require_generator(model)


def _archive_all(jobs: list[Job], chosen: Options, state: State, options: argparse.Namespace) -> Results:
    results = Results()
    at_once = options.slides_at_once
    if options.ray is not None:
        engine = RayTasks(options.ray, options.workers, at_once)
        at_once = engine.slides_at_once
    else:
        engine = Processes()
        at_once = at_once or default_slides_at_once(options.workers)
    try:
        drive(jobs, chosen, state, engine, at_once, options.tries, results)
    finally:
        engine.stop()
    return results


def _report(folder: Path, jobs: list[Job], results: Results, price: float) -> None:
    """Writes the tables and prints the totals and every failure."""
    records = {job.name: results.records[job.name] for job in jobs}
    write_atomically(folder / "fleet.csv", to_csv(records))
    write_atomically(folder / "fleet.html", to_html(folder.name, records, price))
    print(*(f"{name:<16} {value}" for name, value in facts(records, price)), sep="\n")
    print(f"complete before  {len(results.skipped):,}")
    print(f"begun again      {results.retried:,}")
    print(f"{folder}: see fleet.html, or fleet.csv. Research use only. Not a medical device.")
    for reason in results.failed.values():
        tell(reason)
    if results.failed:
        raise UserError(
            f"{folder}: {len(results.failed)} of {len(jobs)} slides failed, expected an archive of each; the same "
            "command tries them again"
        )
