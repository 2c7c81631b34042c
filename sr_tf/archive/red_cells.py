"""What an archive says of the red cells that were kept as the original has them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RedCells:
    """The outcome of the gate on red cells, see `sr_tf.archive.cell_gate`.

    Attributes:
        finder_sha256: of the weights of the network that found the cells in original and restored pixels.
        found: number of cells in the original; the archive has the same.
        raised: number of blocks that were made larger for their cells.
    """

    finder_sha256: str
    found: int
    raised: int

    def describe(self) -> str:
        """The outcome in one line for people."""
        if not self.found:
            return f"the network {self.finder_sha256[:12]}… found none, so nothing was compared"
        return (
            f"the network {self.finder_sha256[:12]}… finds the same {self.found:,} in original and archive; stored "
            f"larger for this: {self.raised:,} {'block' if self.raised == 1 else 'blocks'}"
        )
