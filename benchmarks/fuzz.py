"""Feeds mutated files to the commands that read them, and counts what must not happen.

    python benchmarks/fuzz.py --inputs=1000 --keep=fuzzed
    python benchmarks/fuzz.py --kinds=tiff --first=17 --inputs=1 --keep=fuzzed

The program draws its own slides, images, archives, generators, packed scenes and run folders, changes each in one to
three places, and runs the commands of `sr-tf` that read it: flipped bits, boundary values, pieces cut, repeated and
exchanged, fields of TIFF, PNG, JPEG, DICOM, XML, JSON and ZIP, and archives whose hashes an attacker made right again.
A command must exit with 0, or with 2 and one line on stderr; it must stay below the limits of memory and time; where it
refuses, it leaves no file, and what it calls done can be verified and restored.

Equal seeds give equal inputs. The exit code is 1 if anything failed. `--keep` receives the files of each failed input
and `faults.txt`, with the call that makes the input again. Ctrl-C prints the table of what is done.
"""

import datetime
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from absl import app, flags
from fuzzing.bases import build
from fuzzing.inputs import KINDS
from fuzzing.supervisor import Supervisor
from fuzzing.worker import FAULTS, Outcome
from tqdm import tqdm

from sr_tf.messages import markdown_table

flags.DEFINE_list("kinds", list(KINDS), f"What is mutated: {', '.join(KINDS)}.")
flags.DEFINE_integer("inputs", 1000, "Inputs of each kind.", lower_bound=1)
flags.DEFINE_integer("first", 0, "Number of the first input of each kind.", lower_bound=0)
flags.DEFINE_integer("seed", 0, "Seed of the mutations.")
flags.DEFINE_float("seconds", None, "Stop after so many seconds, even if not all inputs are done.")
flags.DEFINE_string("keep", None, "Folder that receives the failed inputs.")
flags.DEFINE_integer("jobs", 2, "Processes at the same time.", lower_bound=1)
flags.DEFINE_float("most_seconds", 20, "The longest processor time of a command; it may wait six times as long.")
flags.DEFINE_integer("most_megabytes", 2000, "The most memory of a command.")

_COLUMNS = dict(
    zip(FAULTS, ("tracebacks", "crashes", "over {} MB", "over {:g} s", "half files", "wrong messages"), strict=True)
)


class Tally:
    """The outcomes so far, and the failed inputs on disk. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.counts = {kind: Counter() for kind in flags.FLAGS.kinds}

    def add(self, kind: str, number: int, outcome: Outcome, files: Path) -> None:
        """Counts an outcome; keeps the files of a failed input."""
        with self._lock:
            self.counts[kind][outcome.result] += 1
            if outcome.result not in FAULTS:
                return
            call = f"python benchmarks/fuzz.py --kinds={kind} --first={number} --inputs=1 --seed={flags.FLAGS.seed}"
            report = f"{outcome.result}: {call}\n{outcome.detail}\n"
            tqdm.write(report, file=sys.stderr)
            if flags.FLAGS.keep:
                target = Path(flags.FLAGS.keep) / f"{kind}-{flags.FLAGS.seed}-{number}"
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(files, target)
                with (target.parent / "faults.txt").open("a") as file:
                    file.write(report + "\n")

    def table(self) -> str:
        """A row for each kind, and their sum."""
        limits = {"memory": flags.FLAGS.most_megabytes, "time": flags.FLAGS.most_seconds}
        heads = ["kind", "inputs", "accepted", "refused", *(_COLUMNS[one].format(limits.get(one)) for one in FAULTS)]
        rows = [(kind, self.counts[kind]) for kind in flags.FLAGS.kinds]
        rows.append(("all", sum(self.counts.values(), Counter())))
        keys = ("accepted", "refused", *FAULTS)
        return markdown_table(
            [heads, *([name, f"{count.total():,}", *(f"{count[key]:,}" for key in keys)] for name, count in rows)]
        )


def main(_) -> None:
    """Runs all inputs and prints the table."""
    unknown = sorted(set(flags.FLAGS.kinds) - set(KINDS))
    if unknown:
        sys.exit(f"--kinds={','.join(unknown)}: expected some of {', '.join(KINDS)}")
    start = time.monotonic()
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    for kind in flags.FLAGS.kinds:
        for number in range(flags.FLAGS.first, flags.FLAGS.first + flags.FLAGS.inputs):
            tasks.put((kind, number))
    tally, stop, total = Tally(), threading.Event(), tasks.qsize()
    if flags.FLAGS.keep:
        Path(flags.FLAGS.keep).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tqdm(total=total, unit="input", file=sys.stderr) as bar:
        build(Path(folder), set(flags.FLAGS.kinds))

        def run() -> None:
            limits = flags.FLAGS.most_megabytes, flags.FLAGS.most_seconds
            with Supervisor(Path(folder), flags.FLAGS.seed, *limits) as supervisor:
                while not stop.is_set():
                    try:
                        kind, number = tasks.get_nowait()
                    except queue.Empty:
                        return
                    tally.add(kind, number, supervisor.run(kind, number), supervisor.files)
                    bar.set_description(kind, refresh=False)
                    bar.update()

        threads = [threading.Thread(target=run) for _ in range(flags.FLAGS.jobs)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.1)
                if flags.FLAGS.seconds and time.monotonic() - start > flags.FLAGS.seconds:
                    stop.set()
        except KeyboardInterrupt:
            stop.set()
        for thread in threads:
            thread.join()
    print(_protocol(time.monotonic() - start), tally.table(), sep="\n\n")
    failed = sum(count[fault] for count in tally.counts.values() for fault in FAULTS)
    done = sum(count.total() for count in tally.counts.values())
    print(f"\n{done:,} of {total:,} inputs, {failed or 'none'} failed")
    sys.exit(bool(failed))


def _protocol(seconds: float) -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    call = f"python benchmarks/fuzz.py --inputs={flags.FLAGS.inputs} --seed={flags.FLAGS.seed}"
    return (
        f"`{call}`, commit {commit or 'unknown'} "
        f"({datetime.date.today()}), {flags.FLAGS.jobs} processes, {seconds / 60:.1f} minutes:"
    )


if __name__ == "__main__":
    app.run(main)
