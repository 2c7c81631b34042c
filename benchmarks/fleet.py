"""Archives a fleet of small slides through everything that can go wrong, and prints its table.

    python benchmarks/fleet.py --slides=20 --folder=/tmp/fleet

Of the drawn slides one is damaged. A worker is killed, then the driver, both in the middle of a slide; then the same
command runs to its end. The exit code is 1 if one of these rules is broken: every archive verifies, bytes and pixels;
the damaged slide, and no other, is a named failure; no archive that was complete is written again. With --ray, the
same on a Ray cluster of two nodes of one core on this machine.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import app, flags
from commands import sr_tf

from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.verify import measure_again
from sr_tf.data.smear import render_smear
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.images.reading import write_png

flags.DEFINE_integer("slides", 20, "Number of slides; the last one is damaged.", lower_bound=3)
flags.DEFINE_integer("side", 700, "Width and height of a slide in pixels.")
flags.DEFINE_string("folder", None, "Where to work; by default a temporary folder, which is deleted.")
flags.DEFINE_bool("ray", False, "Whether the slides are tasks of Ray, on two nodes.")


def main(_) -> None:
    """Runs the fleet three times: until a worker and the driver are killed, to its end, and once more."""
    with tempfile.TemporaryDirectory(dir=flags.FLAGS.folder) as folder, _engine() as engine:
        slides, out = Path(folder, "slides"), Path(folder, "archives")
        _draw(slides)
        # Interpolation only: generators would take most of the time, and files are handled alike.
        command = sr_tf("fleet", slides, "--out", out, "--models", "", "--workers", 1, *engine)
        start = time.monotonic()
        before = _kill_both(command, out)
        ended = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - start
        again = subprocess.run(command, capture_output=True, text=True)
        rules = _rules(slides, out, before, ended, again)
        print((out / "fleet.csv").read_text("utf-8").replace(folder + "/", ""))
        print(ended.stdout.replace(folder + "/", ""))
        print(f"{seconds:.0f} s in all; {len(before)} archives were complete when the driver was killed")
        for rule, holds in rules.items():
            print(f"{'holds' if holds else 'BROKEN':<7} {rule}")
    sys.exit(not all(rules.values()))


@contextlib.contextmanager
def _engine() -> Iterator[list[str]]:
    """The arguments that say what runs two slides at once: processes, or a cluster that ends with the context."""
    if not flags.FLAGS.ray:
        yield ["--slides-at-once", "2"]
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        yield ["--ray", nodes.address]
    finally:
        nodes.shutdown()


def _draw(folder: Path) -> None:
    folder.mkdir()
    side, count = flags.FLAGS.side, flags.FLAGS.slides
    for number in range(count - 1):
        write_png(folder / f"slide-{number:02d}.png", render_smear(number, side, side))
    content = (folder / "slide-00.png").read_bytes()
    (folder / f"slide-{count - 1:02d}.png").write_bytes(content[: len(content) // 2])


def _kill_both(command: list[str], out: Path) -> dict[Path, tuple[int, int]]:
    """Kills a worker and, when half of the slides are archived, the driver.

    Returns:
        (inode, time) of each archive that was complete then.
    """
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait(lambda: (killed := _workers(driver.pid)) and _unfinished(out) and [os.kill(killed[0], signal.SIGKILL)])
    half = flags.FLAGS.slides // 2
    _wait(lambda: len(list(out.glob("*.sr.zip"))) >= half and _unfinished(out))
    driver.kill()
    driver.wait()
    time.sleep(1)  # its workers end by themselves
    return _states(out)


def _states(out: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("*.sr.zip")}


def _unfinished(out: Path) -> list[Path]:
    return list(out.glob(".*.journal"))


def _workers(parent: int) -> list[int]:
    """The processes that archive slides: children of the driver, or Ray's."""
    if flags.FLAGS.ray:
        return [
            int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _begins(path, b"ray::attempt")
        ]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _begins(path: Path, name: bytes) -> bool:
    with contextlib.suppress(OSError):  # processes end
        return path.read_bytes().startswith(name)
    return False


def _wait(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 600
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("waited 600 s for the fleet")
        time.sleep(0.02)


def _rules(
    slides: Path, out: Path, before: dict, ended: subprocess.CompletedProcess, again: subprocess.CompletedProcess
) -> dict[str, bool]:
    """Whether each rule holds, by its words."""
    after, damaged = _states(out), f"slide-{flags.FLAGS.slides - 1:02d}"
    problems = []
    for path in after:
        problems += check_integrity(path)
        source = slides / path.name.replace(".sr.zip", ".png")
        problems += measure_again(path, source, (), 1, DEFAULT_ENGINE, True, lambda _: None)[0]
    failures = ended.stderr.splitlines()[:-1]
    return {
        f"{flags.FLAGS.slides - 1} archives, and all verify": len(after) == flags.FLAGS.slides - 1 and not problems,
        "exit code 2, and the damaged slide is the only failure": ended.returncode == 2
        and len(failures) == 1
        and damaged in failures[0],
        "what was complete before the driver was killed was not written again": bool(before)
        and before.items() <= after.items(),
        f"the same call again skips {flags.FLAGS.slides - 1} slides": again.returncode == 2
        and f"complete before  {flags.FLAGS.slides - 1}" in again.stdout,
        "no journal is left": not _unfinished(out),
    }


if __name__ == "__main__":
    app.run(main)
