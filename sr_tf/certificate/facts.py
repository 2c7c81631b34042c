"""The part of a certificate that the archive alone decides."""

from sr_tf.archive import cost
from sr_tf.archive.cells import LOCAL_ERROR, LOCAL_SSIM
from sr_tf.archive.gate import Gate
from sr_tf.archive.header import Header
from sr_tf.archive.reader import ArchiveFile
from sr_tf.certificate.record import ArchiveFacts, GatedCells, GeneratorFacts, Share, SlideFacts
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.pages.figures import finite

SCORE_NAMES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "shift": "colour shift",
    "enl0": "ENL0 distance",
    "lpips": "LPIPS",
    LOCAL_SSIM: "SSIM of the worst detail cell",
    LOCAL_ERROR: "error of the worst detail cell",
}
"""What scores are called on a certificate."""


def archive_facts(archive: ArchiveFile) -> ArchiveFacts:
    """Reads the facts from an archive's header, index and bytes."""
    header, slide = archive.header, archive.header.slide
    return ArchiveFacts(
        sha256=archive.sha256(),
        bytes=archive.path.stat().st_size,
        format_version=header.version,
        software=header.software,
        codecs=dict(header.codecs),
        gate=header.gate.describe(),
        protocol=header.gate.protocol,
        limits=limits(header.gate),
        generators=[
            GeneratorFacts(
                name=one["name"],
                scale=int(one["architecture"]["scale"]),
                weights_sha256=one["weights_sha256"],
                engine=one.get("engine", DEFAULT_ENGINE),
                embedded=bool(one.get("embedded")),
            )
            for one in header.generators
        ],
        stored=[Share(one.name, one.blocks, one.bytes) for one in cost.shares(archive)],
        slide=SlideFacts(
            name=header.source.get("name"),
            sha256=header.source.get("sha256"),
            bytes=header.source.get("bytes"),
            format=slide.format,
            width=slide.width,
            height=slide.height,
            mpp=slide.mpp,
            objective_power=slide.objective_power,
            second_reader=header.source.get("second_reader"),
            reduced_from=header.source.get("reduced", {}).get("objective_power"),
        ),
        red_cells=_gated_cells(header),
    )


def _gated_cells(header: Header) -> GatedCells | None:
    agree, outcome = header.gate.red_cells, header.red_cells
    return GatedCells(agree, outcome.finder_sha256, outcome.found, outcome.raised) if agree and outcome else None


def limits(gate: Gate) -> dict[str, float | None]:
    """The thresholds of a gate by the names of the scores; None: equal pixels. Empty for the quality `study`."""
    if gate.study:
        return {}
    found = {"psnr": finite(gate.min_psnr), "ssim": gate.min_ssim, "shift": gate.max_shift}
    optional = {"enl0": gate.max_enl0, LOCAL_SSIM: gate.min_local_ssim, LOCAL_ERROR: gate.max_local_error}
    return found | {name: limit for name, limit in optional.items() if limit is not None}
