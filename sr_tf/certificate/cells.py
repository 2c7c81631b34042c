"""The figures of `sr-tf validate` on a certificate."""

from pathlib import Path

import msgspec

from sr_tf.certificate.record import CellFacts, CellsOfMethod
from sr_tf.disk.json_files import read_json
from sr_tf.errors import UserError

_EXPECTED = "expected the JSON file of `sr-tf validate`"

_DETAIL = "; detail: "
"""Where the part of the protocol begins that the certificate's own figures of detail have too."""


class _Counts(msgspec.Struct):
    original: int
    stored: int
    bias_percent: float | None
    limits_of_agreement: tuple[float | None, float | None]
    only_in_original: int
    only_in_stored: int
    places: int


class _Types(msgspec.Struct):
    kappa: float | None
    kappa_interval: tuple[float | None, float | None]
    pairs: int
    same: int


class _Method(msgspec.Struct):
    name: str
    bits_per_pixel: float
    cells: _Counts
    types: _Types


class _Finder(msgspec.Struct):
    weights_sha256: str | None
    in_words: str = "its own errors are not stated in these results."


class _Results(msgspec.Struct):
    made_by: str
    archive_sha256: str
    protocol: str
    counted: str
    types: list[str]
    finder: _Finder
    methods: list[_Method]


def read_cells(path: Path, archive_sha256: str) -> CellFacts:
    """Reads the results of `sr-tf validate`.

    Args:
        path: the JSON file.
        archive_sha256: of the archive that the results must belong to.

    Raises:
        UserError: the file is not such results, or belongs to another archive.
    """
    results = read_json(path, _Results, _EXPECTED)
    if results.archive_sha256 != archive_sha256:
        raise UserError(
            f"{path}: belongs to an archive of SHA-256 {results.archive_sha256[:12]}…, expected {archive_sha256[:12]}…"
        )
    return _facts(results)


def count_cells(path: Path, original: Path, models: tuple[str, ...], engine: str, cells: str) -> CellFacts:
    """Runs `sr-tf validate`; see `sr_tf.validation.validate.validate` for arguments and errors."""
    from sr_tf.validation.table import to_json
    from sr_tf.validation.validate import validate

    return _facts(msgspec.json.decode(to_json(validate(path, original, models, engine, cells)), type=_Results))


def _facts(results: _Results) -> CellFacts:
    return CellFacts(
        made_by=results.made_by,
        counted=results.counted,
        typed=bool(results.types),
        protocol=results.protocol.partition(_DETAIL)[0],
        finder_sha256=results.finder.weights_sha256,
        finder_errors=results.finder.in_words,
        methods=[
            CellsOfMethod(
                name=one.name,
                bits_per_pixel=one.bits_per_pixel,
                **msgspec.structs.asdict(one.cells),
                **msgspec.structs.asdict(one.types),
            )
            for one in results.methods
        ],
    )
