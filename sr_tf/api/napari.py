"""Opening archives and slides in napari: a reader plugin by its manifest `napari.yaml` (npe2).

napari itself is not needed to use `sr_tf`, nor imported here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sr_tf.api.slide import open as open_slide
from sr_tf.messages import RESEARCH_ONLY

_NOTICE = f"{RESEARCH_ONLY} An archive's pixels are reconstructed."

LayerData = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of: the data, arguments of the layer and its type."""


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Returns the reader of a file; None for several files that shall be one layer, which slides are not.

    Args:
        path: the file, or several of them.
    """
    return None if isinstance(path, list) else read


def read(path: str) -> list[LayerData]:
    """Opens an archive or a slide as one layer, whose pixels are read where napari shows them.

    Args:
        path: the file.

    Returns:
        One image layer: Zarr arrays of all levels, uint8 [height, width, 3], the largest first; the scale in µm per
        pixel, or in pixels if the slide does not state it. The slide remains open as long as the layer has it.

    Raises:
        UserError: see `sr_tf.open`; or the extra `zarr` is not installed.
    """
    slide = open_slide(path)
    try:
        levels = [slide.zarr(level) for level in range(slide.level_count)]
    except BaseException:
        slide.close()
        raise
    layer: dict[str, Any] = {
        "name": Path(path).name,
        "rgb": True,
        "multiscale": len(levels) > 1,
        "metadata": {**slide.properties, "sr_tf.notice": _NOTICE},
    }
    if slide.mpp is not None:
        across, down = slide.mpp
        layer |= {"scale": (down, across), "units": ("µm", "µm")}
    return [(levels if len(levels) > 1 else levels[0], layer, "image")]
