"""What a user chose: the quality gate, and arguments that exclude each other."""

from dataclasses import replace

from sr_tf.archive.effort import EFFORTS
from sr_tf.archive.gate import QUALITIES, Gate
from sr_tf.cells.names import AGREEMENTS
from sr_tf.errors import UserError


def chosen_gate(
    quality: str,
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    max_enl0: float | None = None,
    min_local_ssim: float | None = None,
    max_local_error: float | None = None,
    cells: str | None = None,
) -> Gate:
    """Returns the gate of a quality, with the given thresholds instead of its own.

    Args:
        quality: a name in `QUALITIES`.
        min_psnr: lowest PSNR of a tile in dB; None: the gate's.
        min_ssim: lowest SSIM of a tile; None: the gate's.
        max_enl0: largest ENL0 distance of a tile; None: the gate's.
        min_local_ssim: lowest SSIM of a detail cell of 32×32 pixels; None: the gate's.
        max_local_error: largest error of a detail cell in 8-bit levels; None: the gate's.
        cells: what must agree between the red cells of original and archive, a name in `AGREEMENTS`; None: nothing.

    Raises:
        UserError: there is no such quality or agreement, a threshold is out of range, or one of them is given with
            lossless or study.
    """
    if quality not in QUALITIES:
        raise UserError(f"quality={quality}: expected one of {', '.join(QUALITIES)}")
    gate = QUALITIES[quality]
    limits = {
        "min_psnr": min_psnr,
        "min_ssim": min_ssim,
        "max_enl0": max_enl0,
        "min_local_ssim": min_local_ssim,
        "max_local_error": max_local_error,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    flag = "--cells" if cells is not None else _flag(next(iter(given))) if given else None
    if gate.lossless and flag:
        raise UserError(f"--quality=lossless keeps every pixel; expected no {flag} with it")
    if gate.study and flag:
        raise UserError(f"--quality=study has no thresholds; expected no {flag} with it")
    if cells is not None and cells not in AGREEMENTS:
        raise UserError(f"--cells={cells}: expected one of {', '.join(AGREEMENTS)}")
    if cells is not None:
        gate = replace(gate, red_cells=cells)
    if not given:
        return gate
    if not 0 < given.get("min_psnr", gate.min_psnr) <= 60:
        raise UserError(f"--min-psnr={min_psnr:g}: expected dB above 0, at most 60; --quality=lossless keeps all")
    if not 0 <= given.get("min_ssim", gate.min_ssim) <= 0.9999:
        raise UserError(f"--min-ssim={min_ssim:g}: expected 0 to 0.9999")
    if not given.get("max_enl0", 1) > 0:
        raise UserError(f"--max-enl0={max_enl0:g}: expected a number above 0")
    if not 0 <= given.get("min_local_ssim", 0) <= 0.9999:
        raise UserError(f"--min-local-ssim={min_local_ssim:g}: expected 0 to 0.9999")
    if not 1 <= given.get("max_local_error", 1) <= 255:
        raise UserError(f"--max-local-error={max_local_error:g}: expected 8-bit levels from 1 to 255")
    return replace(gate, name="custom", **given)


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def require_networks(gate: Gate, effort: int, **arguments: bool) -> None:
    """Checks that an effort uses networks if arguments are about them.

    Args:
        gate: the chosen gate.
        effort: the chosen effort.
        **arguments: which arguments about networks were given, by their names.

    Raises:
        UserError: there is no such effort; or it uses no network, but the gate could and an argument is about one.
    """
    if effort not in EFFORTS:
        raise UserError(f"effort={effort}: expected {min(EFFORTS)} to {max(EFFORTS)}")
    if gate.lossless or gate.study or EFFORTS[effort].networks:
        return
    for name, given in arguments.items():
        if given:
            lowest = min(number for number, settings in EFFORTS.items() if settings.networks)
            raise UserError(
                f"--effort={effort} uses no generator; expected no --{name} with it, or an effort of at least {lowest}"
            )
