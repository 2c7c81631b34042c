"""The quality gate that a user chose: a quality's own, or with other thresholds."""

from dataclasses import replace

from sr_tf.archive.gate import QUALITIES, Gate
from sr_tf.errors import UserError


def chosen_gate(quality: str, min_psnr: float | None, min_ssim: float | None, max_enl0: float | None) -> Gate:
    """Returns the gate of a quality, with the given thresholds instead of its own.

    Args:
        quality: a name in `QUALITIES`.
        min_psnr: lowest PSNR of a tile in dB; None: the gate's.
        min_ssim: lowest SSIM of a tile; None: the gate's.
        max_enl0: largest ENL0 distance of a tile; None: the gate's.

    Raises:
        UserError: there is no such quality, or a threshold is out of range or is given with lossless or study.
    """
    if quality not in QUALITIES:
        raise UserError(f"quality={quality}: expected one of {', '.join(QUALITIES)}")
    gate = QUALITIES[quality]
    given = {
        name: value
        for name, value in (("min_psnr", min_psnr), ("min_ssim", min_ssim), ("max_enl0", max_enl0))
        if value is not None
    }
    if not given:
        return gate
    if gate.lossless:
        raise UserError(
            "--quality=lossless keeps every pixel; expected no --min-psnr, --min-ssim or --max-enl0 with it"
        )
    if gate.study:
        raise UserError("--quality=study has no thresholds; expected no --min-psnr, --min-ssim or --max-enl0 with it")
    if not 0 < given.get("min_psnr", gate.min_psnr) <= 60:
        raise UserError(f"--min-psnr={min_psnr:g}: expected dB above 0, at most 60; --quality=lossless keeps all")
    if not 0 <= given.get("min_ssim", gate.min_ssim) <= 0.9999:
        raise UserError(f"--min-ssim={min_ssim:g}: expected 0 to 0.9999")
    if not given.get("max_enl0", 1) > 0:
        raise UserError(f"--max-enl0={max_enl0:g}: expected a number above 0")
    return replace(gate, name="custom", **given)
