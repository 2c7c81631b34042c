"""Which files in a folder belong to a DICOM slide: those of one series."""

import warnings
from pathlib import Path

from sr_tf.errors import UserError, unreadable
from sr_tf.images.libraries import pydicom

_PREAMBLE, _MAGIC = 128, b"DICM"
_SERIES_INSTANCE_UID = 0x0020000E


def is_dicom(path: Path) -> bool:
    """Whether a file begins as a DICOM file; False if it cannot be read."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] == _MAGIC
    except OSError:
        return False


def series_of(path: Path) -> str | None:
    """The SeriesInstanceUID of a DICOM file; None if it cannot be read."""
    read_partial = pydicom.filereader.read_partial
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with path.open("rb") as file:
                found = read_partial(
                    file, stop_when=lambda tag, *_: tag > _SERIES_INSTANCE_UID, specific_tags=[_SERIES_INSTANCE_UID]
                )
            return str(found.SeriesInstanceUID)
        except Exception:  # pydicom raises errors of many kinds for damaged files
            return None


def files_of_series(path: Path) -> list[Path]:
    """A DICOM file, and after it the others in its folder that are of the same series, by their names."""
    series = series_of(path)
    others = (other for other in sorted(path.parent.iterdir()) if other != path)
    return [path, *(other for other in others if is_dicom(other) and series_of(other) == series)]


def file_of(path: Path) -> Path:
    """The file that stands for a slide: of a folder with one DICOM series its first file, else the path itself.

    Raises:
        UserError: the folder holds several series, or cannot be read.
    """
    try:
        files = [one for one in sorted(path.iterdir()) if is_dicom(one)] if path.is_dir() else []
    except OSError as error:
        raise unreadable(path, error) from error
    if not files:
        return path
    count = len({series_of(one) for one in files})
    if count > 1:
        raise UserError(f"{path}: is a folder with {count} DICOM series, expected a slide or a folder with one series")
    return files[0]
