"""What a certificate says nothing about."""

from sr_tf.archive.grid import CELL
from sr_tf.certificate.record import ArchiveFacts, CellFacts

_READERS = "Whether a diagnosis from the restored slide would be the same: no reader looked at it."
_ORIGINAL = (
    "Whether the original is a good image: focus, stain, scanner faults and what the scanner's own compression had "
    "removed before are outside this comparison."
)
_SMALLEST = (
    f"The smallest details. Scores are those of tiles and of detail cells of {CELL}×{CELL} pixels; where these are "
    "good, a dot of a few pixels or a fine outline can still be missing."
)
_COLOUR = "Fine detail in colour alone: detail was compared in luma."
_OTHER_IMAGES = (
    "Smaller levels of the slide, which are averages of the pixels measured here; label, macro and thumbnail images."
)
_SCREEN = "Colour on a screen or printer: pixel values were compared, not what a monitor shows."
_ENGINE = "Other versions of the networks' engine: on another machine single values may differ by 1 of 255."
_NO_CELLS = "Red cells and nuclei: none were counted."
_SAME_FINDER = (
    "Red cells by a finder that had no part in storing them: the archive was made so that this finder's answers agree."
)
_NO_SCALE = "Sizes in µm: the slide's file does not state its resolution."
_NO_HASH = "Identity of the slide's file: the archive was de-identified and records no hash; only pixels were compared."
_NO_GATE = (
    "Whether the archive is good enough for any use: the quality study has no threshold, and nothing was refused."
)
_REDUCED = (
    "What was lost when the slide was reduced before it was archived. Every figure compares with the reduced pixels."
)


def not_measured(archive: ArchiveFacts, cells: CellFacts | None) -> list[str]:
    """The sentences that hold for an archive, the special ones first."""
    equal = bool(archive.limits) and archive.limits["psnr"] is None
    sentences = {
        _NO_GATE: not archive.limits,
        _NO_CELLS: cells is None and archive.red_cells is None,
        _SAME_FINDER: archive.red_cells is not None,
        _NO_HASH: archive.slide.sha256 is None,
        _NO_SCALE: archive.slide.mpp is None,
        _REDUCED: archive.slide.reduced_from is not None,
        _READERS: True,
        _ORIGINAL: True,
        _SMALLEST: not equal,
        _COLOUR: not equal,
        _OTHER_IMAGES: True,
        _SCREEN: True,
        _ENGINE: bool(archive.generators),
    }
    return [sentence for sentence, holds in sentences.items() if holds]
