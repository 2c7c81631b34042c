"""What a certificate says nothing about."""

from sr_tf.certificate.record import ArchiveFacts, CellFacts

_ALWAYS = (
    "Whether a diagnosis from the restored slide would be the same: no reader looked at it.",
    "Whether the original is a good image: focus, stain, scanner faults and what the scanner's own compression had "
    "removed before are outside this comparison.",
    "Single small details. A score is that of a whole tile; a dot or a fine outline can be missing from a tile that "
    "passes.",
    "Fine detail in colour alone: detail was compared in luma.",
    "Smaller levels of the slide, which are averages of the pixels measured here; label, macro and thumbnail images.",
    "Colour on a screen or printer: pixel values were compared, not what a monitor shows.",
    "Other versions of the networks' engine: on another machine single values may differ by 1 of 255.",
)
_NO_CELLS = "Cells: none were counted."
_SAME_FINDER = (
    "Red cells by a finder that had no part in storing them: the archive was made so that this finder's answers agree."
)
_NO_SCALE = "Sizes in µm: the slide's file does not state its resolution."
_NO_HASH = "Identity of the slide's file: the archive was de-identified and records no hash; only pixels were compared."
_NO_GATE = "Nothing was refused: the quality study has no threshold; errors are reported as they are."
_REDUCED = (
    "What was lost when the slide was reduced before it was archived. Every figure compares with the reduced pixels."
)


def not_measured(archive: ArchiveFacts, cells: CellFacts | None) -> list[str]:
    """The sentences that hold for an archive."""
    special = {
        _NO_GATE: not archive.limits,
        _NO_CELLS: cells is None and archive.red_cells is None,
        _SAME_FINDER: archive.red_cells is not None,
        _NO_HASH: archive.slide.sha256 is None,
        _NO_SCALE: archive.slide.mpp is None,
        _REDUCED: archive.slide.reduced_from is not None,
    }
    return [*(sentence for sentence, holds in special.items() if holds), *_ALWAYS]
