"""What an archive costs: bytes by representation, beside the source's file, and money a year."""

from dataclasses import dataclass

import numpy as np

from sr_tf.archive.kinds import KINDS, NATIVE
from sr_tf.archive.reader import ArchiveFile

_GB = 1e9


@dataclass(frozen=True)
class Share:
    """What one representation takes.

    Attributes:
        name: of the representation, or of what else is in the file.
        blocks: how many blocks are stored so.
        bytes: that they take.
    """

    name: str
    blocks: int
    bytes: int


def shares(archive: ArchiveFile) -> list[Share]:
    """Where the bytes of an archive are; together all of its file."""
    found = []
    for kind in KINDS.values():
        chosen = archive.index["kind"] == kind.code
        size = (
            archive.segment_index["length"].sum()
            if kind is NATIVE and chosen.any()
            else archive.index["length"][chosen].sum()
        )
        if chosen.any():
            found.append(Share(kind.name, int(np.count_nonzero(chosen)), int(size)))
    associated = sum(archive.member_size(f"associated/{name}") for name in archive.header.associated)
    if associated:
        found.append(Share("label, macro, thumbnail", 0, associated))
    rest = archive.path.stat().st_size - sum(share.bytes for share in found)
    found.append(Share("index, scores, preview, metadata", 0, rest))
    return found


def report(archive: ArchiveFile, price_per_gb_month: float) -> list[str]:
    """Lines for people.

    Args:
        archive: to report on.
        price_per_gb_month: of storage, for 10⁹ bytes.
    """
    size, source = archive.path.stat().st_size, int(archive.header.source["bytes"])
    pixels = archive.header.slide.width * archive.header.slide.height
    lines = [f"{'blocks':>8} {'bytes':>13} {'share':>6}  stored as"]
    for share in shares(archive):
        blocks = f"{share.blocks:,}" if share.blocks else ""
        lines.append(f"{blocks:>8} {share.bytes:>13,} {share.bytes / size:>6.1%}  {share.name}")
    lines.append(f"{'':>8} {size:>13,} {1:>6.1%}  in all, {8 * size / pixels:.4f} bits for each original pixel")
    lines.append(f"the source's file has {source:,} bytes: {source / size:.2f} times as many")
    yearly = 12 * price_per_gb_month / _GB
    lines.append(
        f"stored for a year at {price_per_gb_month:g} for 10⁹ bytes and month: {yearly * size:.3g}, the source's file "
        f"{yearly * source:.3g}; a thousand such slides {1000 * yearly * size:,.2f} and {1000 * yearly * source:,.2f}"
    )
    return lines
