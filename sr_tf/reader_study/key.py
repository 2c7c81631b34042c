"""The key of a reader study: which image shows what. Readers do not need it and must not see it."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec

from sr_tf.disk.files import input_file
from sr_tf.disk.json_files import decode_json
from sr_tf.errors import UserError

KEY_NAME, READER_FOLDER, SEAL_NAME = "key.json", "reader", "key.sha256"
SESSIONS = (1, 2)
GUIDELINE_CASES, GUIDELINE_WASHOUT, GUIDELINE_CONCORDANCE = 60, 14, 0.95
"""What the guideline of the College of American Pathologists asks for (Evans et al. 2022): cases, days, share."""

_EXPECTED = f"expected the {KEY_NAME} of a reader study that `sr-tf reader-kit` made"
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
_Image = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$")]


class Case(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One field of a slide.

    Attributes:
        number: 1 and up, in the order of drawing.
        archive: the archive's file name.
        archive_sha256: of its file.
        slide: the slide's file name.
        x: left edge in pixels of full size.
        y: upper edge, likewise.
        psnr: of the restored field against the original's, dB; None if they are equal.
        original: name of the image of the original, without suffix.
        restored: of the restored one.
    """

    number: _Count
    archive: str
    archive_sha256: str
    slide: str
    x: _Count
    y: _Count
    psnr: float | None
    original: _Image
    restored: _Image


class Key(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A reader study.

    Attributes:
        made_by: the program and its version.
        study: the study's random name.
        made: date, YYYY-MM-DD.
        seed: of everything that is drawn.
        side: of a field in pixels.
        washout: days between the sessions.
        categories: the findings to choose from.
        cases: the fields.
        sessions: the images of each of the two sessions, in the order of reading.
    """

    made_by: str
    study: _Image
    made: str
    seed: _Count
    side: _Count
    washout: _Count
    categories: list[str]
    cases: list[Case]
    sessions: list[list[_Image]]

    def of_image(self) -> dict[str, tuple[Case, bool]]:
        """(case, whether it is restored) by the image's name."""
        originals = {case.original: (case, False) for case in self.cases}
        return originals | {case.restored: (case, True) for case in self.cases}


def encode_key(key: Key) -> bytes:
    """The key as a file's content."""
    return msgspec.json.format(msgspec.json.encode(key), indent=1) + b"\n"


def seal(content: bytes) -> str:
    """The SHA-256 of a key's file, which readers get: a key that was changed after the answers no longer fits."""
    return hashlib.sha256(content).hexdigest()


def read_key(folder: Path) -> tuple[Key, str]:
    """Reads the key of a study and checks its seal.

    Args:
        folder: what `sr-tf reader-kit` wrote.

    Returns:
        The key and its SHA-256.

    Raises:
        UserError: the folder has no key, the key is damaged, or it is not the one of the kit that readers got.
    """
    path, sealed = folder / KEY_NAME, folder / READER_FOLDER / SEAL_NAME
    with input_file(path, _EXPECTED):
        content = path.read_bytes()
    key = decode_json(content, Key, path, _EXPECTED)
    images = [image for session in key.sessions for image in session]
    if len(key.sessions) != len(SESSIONS) or sorted(images) != sorted(key.of_image()):
        raise UserError(f"{path}: its sessions do not show every image of its cases once, {_EXPECTED}")
    with input_file(sealed, "expected the SHA-256 of the key, as `sr-tf reader-kit` wrote it"):
        expected = sealed.read_text("utf-8", "replace").split()[:1]
    if (found := seal(content)) not in expected:
        raise UserError(
            f"{path}: has SHA-256 {found[:12]}…, expected {''.join(expected)[:12]}… of {sealed}: the key is not "
            "the one that was sealed"
        )
    return key, found
