"""`sr-tf fleet`: arguments and help."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.archive import add_choices
from sr_tf.cli.arguments import Commands, add_command


def add_commands(commands: Commands) -> None:
    """Adds `fleet`."""
    command = add_command(
        commands,
        "fleet",
        _run,
        "archive many slides; repeat the command to do what is missing",
        "Archives slides as `sr-tf archive` does, several at once, each in a process of its own. FOLDER gets an "
        "archive of each slide, and fleet.csv and fleet.html with one row for each: size, ratio, worst tile, time, and "
        "why it failed if it did. A slide that cannot be archived does not stop the others. Interrupt it at any time: "
        "the same command goes on where it stopped. Slides whose archives are complete are skipped. An archive of "
        "another slide or with other options is never replaced, but reported as a failure. Slides are never changed or "
        "deleted. Exit code 2 if a slide failed.",
        "sr-tf fleet slides/ more/slide.svs --out archives --quality visual",
        notes="names: slides/a/b.svs of the folder slides/ becomes FOLDER/a/b.sr.zip, a slide that is named itself "
        "FOLDER/NAME.sr.zip. Qualities: see `sr-tf archive --help`. De-identified archives do not name their slides, "
        "but FOLDER's file names, fleet.json, fleet.csv and fleet.html do.",
    )
    command.add_argument(
        "slides", type=Path, nargs="+", metavar="SLIDES", help="slides, and folders that are searched with sub-folders"
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where the archives go; one fleet at a time"
    )
    add_choices(command)
    arguments.add_engine(command)
    command.add_argument(
        "--workers",
        type=arguments.positive,
        metavar="N",
        help="number of threads for each slide (default: 2, or the usable CPU cores if they are fewer)",
    )
    command.add_argument(
        "--slides-at-once",
        type=arguments.positive,
        metavar="N",
        help="number of slides that are archived at the same time (default: the usable CPU cores divided by --workers, "
        "at most one for each 2 GB of free memory, at least 1; on a cluster: its cores divided by --workers)",
    )
    command.add_argument(
        "--tries",
        type=arguments.positive,
        default=3,
        metavar="N",
        help="how often a slide is begun whose process dies, for instance for lack of memory; each try goes on where "
        "the last one stopped. A slide that cannot be read has one (default 3)",
    )
    command.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="run the slides as Ray tasks, on the cluster at ADDRESS or of RAY_ADDRESS, else on this machine; slides "
        "and FOLDER must have the same paths on all nodes, on storage with file locks; needs the extra ray: "
        f"{arguments.install_extra('ray')}",
    )


def _run(options: argparse.Namespace) -> None:
    from sr_tf.cli.fleet_command import fleet

    fleet(options)
