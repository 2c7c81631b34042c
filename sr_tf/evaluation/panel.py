"""The figure panel: HR, LR, interpolations and SR of one scene, each with an enlarged detail."""

import io

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.details import DETAIL, busiest

_PERCEPTUAL = {"lpips_alex": "LPIPS", "enl0": "ENL0"}
"""The perceptual scores of captions; the first that was measured is shown."""
_INK, _ACCENT = "#222222", "#e4572e"


def typical_scene(comparison: Comparison) -> str:
    """The scene with the median PSNR of the last method in the table, which is a generator if there is one."""
    scores = list(comparison.scores.values())[-1]
    ranked = sorted(scores, key=lambda name: scores[name]["psnr"])
    return ranked[len(ranked) // 2]


def panel(name: str, hr: np.ndarray, images: dict[str, np.ndarray], comparison: Comparison) -> bytes:
    """Draws the panel.

    Args:
        name: the scene's name.
        hr: uint8 [H, W, 3].
        images: the LR and the restored images, as `sr_tf.evaluation.compare.restorations` returns them.
        comparison: the scores that are written below the pictures.

    Returns:
        The bytes of a PNG file.
    """
    shown = {"HR": hr, **{key: image for key, image in images.items() if key != "Lanczos"}}
    side = min(DETAIL, *hr.shape[:2])
    top, left = busiest(hr, side)
    figure = Figure(figsize=(2.6 * len(shown), 4.9), dpi=150, layout="constrained", facecolor="white")
    title = f"{comparison.data}, scene {name}. Reconstructions are for research use only"
    figure.suptitle(title, color=_INK, fontsize=10)
    axes = figure.subplots(2, len(shown), squeeze=False, height_ratios=(hr.shape[0] / hr.shape[1], 1))
    for column, (method, image) in enumerate(shown.items()):
        whole, detail = axes[0, column], axes[1, column]
        shrink = comparison.scale if method == "LR" else 1
        whole.imshow(image, interpolation="nearest")
        whole.set_title(f"{method}  {image.shape[1]}×{image.shape[0]}", color=_INK, fontsize=9)
        corner = (left / shrink - 0.5, top / shrink - 0.5)
        whole.add_patch(Rectangle(corner, side / shrink, side / shrink, fill=False, color=_ACCENT, linewidth=1.2))
        rows, columns = (slice(start // shrink, start // shrink + side // shrink) for start in (top, left))
        detail.imshow(image[rows, columns], interpolation="nearest")
        detail.set_xlabel(_caption(method, name, comparison), color=_INK, fontsize=9)
        for axis, colour in ((whole, "#cccccc"), (detail, _ACCENT)):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_color(colour)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _caption(method: str, name: str, comparison: Comparison) -> str:
    if method not in comparison.scores:
        return "original" if method == "HR" else ""
    score = comparison.scores[method][name]
    text = f"{score['psnr']:.2f} dB   SSIM {score['ssim']:.3f}"
    perceptual = [f"{label} {score[key]:.3f}" for key, label in _PERCEPTUAL.items() if key in score]
    return "\n".join([text, *perceptual[:1]])
