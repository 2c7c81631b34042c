"""What an archive costs: its bytes by representation, beside the source's file, and the price of storing it."""

from dataclasses import dataclass

import numpy as np

from sr_tf.archive.kinds import KINDS, NATIVE
from sr_tf.archive.reader import ArchiveFile

_GB = 1e9


@dataclass(frozen=True)
class Share:
    """The bytes of one representation.

    Attributes:
        name: the representation, or another part of the file.
        blocks: number of blocks that are stored in this way; 0 for other parts.
        bytes: their size in the file.
    """

    name: str
    blocks: int
    bytes: int


def shares(archive: ArchiveFile) -> list[Share]:
    """Divides the bytes of an archive's file; the shares add up to its size."""
    found, of_pieces = [], archive.index.bytes_by_kind()
    for kind in KINDS.values():
        chosen = archive.index.kinds == kind.code
        if not chosen.any():
            continue
        size = archive.segment_index["length"].sum() if kind is NATIVE else of_pieces[kind.code]
        found.append(Share(kind.name, int(np.count_nonzero(chosen)), int(size)))
    associated = sum(archive.member_size(f"associated/{name}") for name in archive.header.associated)
    if associated:
        found.append(Share("label, macro, thumbnail", 0, associated))
    rest = archive.path.stat().st_size - sum(share.bytes for share in found)
    found.append(Share("index, scores, overview, metadata", 0, rest))
    return found


def report(archive: ArchiveFile, price_per_gb_month: float) -> list[str]:
    """Describes the cost of an archive.

    Args:
        archive: the archive.
        price_per_gb_month: price of storing 10⁹ bytes for a month.

    Returns:
        Lines for people.
    """
    size, source = archive.path.stat().st_size, archive.header.source.get("bytes")
    pixels = archive.header.slide.width * archive.header.slide.height
    lines = [f"{'blocks':>8} {'bytes':>13} {'share':>6}  stored as"]
    for share in shares(archive):
        blocks = f"{share.blocks:,}" if share.blocks else ""
        lines.append(f"{blocks:>8} {share.bytes:>13,} {share.bytes / size:>6.1%}  {share.name}")
    lines.append(f"{'':>8} {size:>13,} {1:>6.1%}  in total, {8 * size / pixels:.4f} bits per original pixel")
    yearly = 12 * price_per_gb_month / _GB
    if source is None:
        lines.append(
            f"storage for a year at {price_per_gb_month:g} per 10⁹ bytes and month: {yearly * size:.3g}; for a "
            f"thousand such archives {1000 * yearly * size:,.2f}"
        )
        return lines
    has = "files have" if archive.header.source.get("files", 1) > 1 else "file has"
    lines.append(f"the source's {has} {source:,} bytes, {source / size:.2f} times as many")
    lines.append(
        f"storage for a year at {price_per_gb_month:g} per 10⁹ bytes and month: {yearly * size:.3g} for the archive, "
        f"{yearly * source:.3g} for the source's file; for a thousand such slides {1000 * yearly * size:,.2f} and "
        f"{1000 * yearly * source:,.2f}"
    )
    return lines
