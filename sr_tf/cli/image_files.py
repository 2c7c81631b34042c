"""Converts an image file, or a folder of them, to PNG files without overwriting inputs."""

from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.disk.outputs import PNG, check_outputs
from sr_tf.disk.paths import refuse_special
from sr_tf.errors import UserError
from sr_tf.images.reading import find_images, read_folder


def convert_images(
    source: Path, target: Path, strict: bool, overwrite: bool, convert: Callable[[Path, object], bytes]
) -> list[Path]:
    """Converts an image, or every image of a folder, to a PNG with the same stem.

    Args:
        source: an image, or a folder that is searched with its sub-folders.
        target: for an image, a `.png` file or a folder; for a folder, a folder, which gets the same sub-folders.
        strict: stop at the first unreadable image of a folder instead of skipping it with a warning.
        overwrite: whether existing PNG files may be replaced.
        convert: a function from (path, uint8 [h, w, 3]) to the content of a PNG file.

    Returns:
        The files written, in order.

    Raises:
        UserError: there are no images, the target cannot be written, or a result would replace an input, another
            result or a file that may not be replaced.
    """
    results = dict(_plan(source, target, overwrite))
    written = []
    readable = read_folder(results, strict or source.is_file())
    with tqdm(readable, total=len(results), unit="image", disable=None) as images:
        for path, image in images:
            images.set_postfix_str(path.name)
            write_atomically(results[path], convert(path, image))
            written.append(results[path])
    return written


def _plan(source: Path, target: Path, overwrite: bool) -> list[tuple[Path, Path]]:
    if source.is_file():
        result = target if target.suffix.lower() == ".png" else target / f"{source.stem}.png"
        jobs = [(source, result)]
    elif source.is_dir():
        paths = find_images(source)
        for path in paths:
            refuse_special(path)
        jobs = [(path, (target / path.relative_to(source)).with_suffix(".png")) for path in paths]
    else:
        raise UserError(f"{source}: no such file or folder, expected an image or a folder of them")
    taken: dict[Path, Path] = {}
    for path, result in jobs:
        if result in taken:
            raise UserError(f"{path}: its result {result} is also that of {taken[result]}; rename one of them")
        taken[result] = path
    check_outputs(taken, PNG, {"input image": [path for path, _ in jobs]}, overwrite)
    make_folder(jobs[0][1].parent)
    return jobs
