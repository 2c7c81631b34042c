"""A source's pyramid by DICOMweb: searching (QIDO-RS), metadata and frames (WADO-RS)."""

import asyncio
import re
from functools import cached_property

import numpy as np
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from starlette.requests import Request
from starlette.responses import Response

from sr_tf.errors import UserError
from sr_tf.images.libraries import imagecodecs
from sr_tf.viewer.answers import answered, as_json, etag_of
from sr_tf.viewer.dicom_objects import as_json as dicom_json
from sr_tf.viewer.dicom_objects import datasets
from sr_tf.viewer.levels import TILE, Tile
from sr_tf.viewer.png import decode_tile
from sr_tf.viewer.tiles import Tiles

_JSON = "application/dicom+json"
_MOST_FRAMES = 64
"""Most frames in one answer."""
_MEDIA = {"image/jp2": JPEG2000Lossless, "application/octet-stream": ExplicitVRLittleEndian}
_BOUNDARY = "sr-tf-frame-0b5d3f6c"
_STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex",
)  # fmt: skip
_SERIES = (*_STUDY, "SeriesInstanceUID", "SeriesNumber", "Modality")
_INSTANCE = (
    *_SERIES, "SOPClassUID", "SOPInstanceUID", "InstanceNumber", "AvailableTransferSyntaxUID", "ImageType", "Rows",
    "Columns", "BitsAllocated", "NumberOfFrames", "TotalPixelMatrixColumns", "TotalPixelMatrixRows",
)  # fmt: skip
_LEVELS = {"studies": _STUDY, "series": _SERIES, "instances": _INSTANCE}


class DicomWeb:
    """Answers requests of DICOMweb: one study with one series, an instance for each level of the first layer.

    Args:
        tiles: the source's tiles.
    """

    def __init__(self, tiles: Tiles):
        self._tiles, self._layer = tiles, next(iter(tiles.source.layers))

    @cached_property
    def _instances(self) -> list[Dataset]:
        return datasets(self._tiles.source)

    async def search(self, request: Request) -> Response:
        """Answers with the studies, series or instances that match the address and its query."""
        kind = request.url.path.rsplit("/", 1)[-1]
        try:
            found = self._matching(request)
        except UserError as error:
            return _refused(error, self._tiles)
        for keyword, value in request.query_params.multi_items():
            if tag := _tag(keyword):
                found = [one for one in found if _matches(one, tag, value)]
        rows = {}
        for one in found:
            kept = Dataset()
            for keyword in _LEVELS[kind]:
                kept[keyword] = one[keyword]
            rows.setdefault(one[_LEVELS[kind][0] if kind == "studies" else _UIDS[kind]].value, dicom_json(kept))
        first, most = (_whole(request.query_params.get(name, "")) for name in ("offset", "limit"))
        listed = list(rows.values())[first or 0 :][:most]
        return self._json(request, listed) if listed else Response(status_code=204)

    async def metadata(self, request: Request) -> Response:
        """Answers with the attributes of all instances under the address; status 404 if there are none."""
        try:
            found = self._matching(request)
        except UserError as error:
            return _refused(error, self._tiles)
        return self._json(request, [dicom_json(one) for one in found]) if found else Response("no such object", 404)

    async def frames(self, request: Request) -> Response:
        """Answers with frames, numbered from 1; status 406 if none of the media types that are asked for is known."""
        try:
            found = self._matching(request)
        except UserError as error:
            return _refused(error, self._tiles)
        numbers = [_whole(text) or 0 for text in request.path_params["frames"].split(",")]
        if len(numbers) > _MOST_FRAMES:
            return Response(f"{len(numbers)} frames, expected at most {_MOST_FRAMES}", 400)
        if len(found) != 1 or not all(1 <= number <= found[0].NumberOfFrames for number in numbers):
            return Response("no such frame", 404)
        media = _accepted(request.headers.get("accept", ""))
        if media is None:
            return Response(f"expected {' or '.join(_MEDIA)} in multipart/related", 406)
        level = found[0].InstanceNumber - 1
        columns, _ = self._tiles.levels.tiles(level)
        places = [Tile(self._layer, level, (number - 1) % columns, (number - 1) // columns) for number in numbers]
        what = f"dicomweb/{media}/{level}/{numbers}"
        kind = f'multipart/related; type="{media}"; boundary={_BOUNDARY}'
        return await self._tiles.answer(request, what, lambda: self._parts(places, media), kind)

    def _matching(self, request: Request) -> list[Dataset]:
        """The instances under an address."""
        given = request.path_params
        names = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
        wanted = {names[name]: value for name, value in given.items() if name in names}
        return [one for one in self._instances if all(one[name].value == value for name, value in wanted.items())]

    async def _parts(self, places: list[Tile], media: str) -> bytes:
        files = [await self._tiles.png(tile, guess=len(places) == 1) for tile in places]
        return await asyncio.to_thread(_multipart, files, media)

    def _json(self, request: Request, content: list[dict]) -> Response:
        body = as_json(content)
        return answered(request, body, _JSON, etag_of(body))


_UIDS = {"series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}


def _refused(error: UserError, tiles: Tiles) -> Response:
    return Response(" ".join(str(error).split()).removeprefix(f"{tiles.source.path}: "), 404)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def _tag(keyword: str) -> int | None:
    """The tag of an attribute that a query names by keyword or by eight digits; None for other parameters."""
    if re.fullmatch("[0-9A-Fa-f]{8}", keyword):
        return int(keyword, 16)
    return tag_for_keyword(keyword)


def _matches(found: Dataset, tag: int, wanted: str) -> bool:
    """Whether an attribute has one of the values, * standing for any text."""
    if tag not in found:
        return wanted in ("", "*")
    value = found[tag].value
    own = [str(one) for one in value] if found[tag].VM > 1 else [str(value)]
    return not wanted or any(_is_like(one, pattern) for pattern in re.split(r"[,\\]", wanted) for one in own)


def _is_like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern; in one pass, so that no query takes long."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    *middle, last = middle
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    rest = text[len(first) : len(text) - len(last)]
    for part in middle:
        found = rest.find(part)
        if found < 0:
            return False
        rest = rest[found + len(part) :]
    return True


def _accepted(header: str) -> str | None:
    """The first media type of an Accept header that is known."""
    for part in header.split(",") if header.strip() else ["*/*"]:
        kind, *settings = (piece.strip() for piece in part.split(";"))
        values = dict(re.findall(r'([\w-]+)="?([^";]*)"?', ";".join(settings)))
        media = values.get("type", "application/octet-stream") if kind in ("*/*", "multipart/related") else kind
        syntax = values.get("transfer-syntax", "*")
        if media in _MEDIA and syntax in ("*", _MEDIA[media]):
            return media
    return None


def _multipart(files: list[bytes], media: str) -> bytes:
    body = bytearray()
    for file in files:
        pixels = decode_tile(file)
        missing = [(0, TILE - length) for length in pixels.shape[:2]]
        frame = np.ascontiguousarray(np.pad(pixels, (*missing, (0, 0)), constant_values=255))
        data = frame.tobytes() if media == "application/octet-stream" else _jpeg2000(frame)
        body += f"--{_BOUNDARY}\r\nContent-Type: {media}; transfer-syntax={_MEDIA[media]}\r\n".encode()
        body += f"Content-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"
    return bytes(body + f"--{_BOUNDARY}--\r\n".encode())


def _jpeg2000(frame: np.ndarray) -> bytes:
    """A bare codestream without loss and without a change of colours, as the metadata says."""
    return imagecodecs.jpeg2k_encode(frame, level=0, codecformat="j2k", mct=False, reversible=True, numthreads=1)
