"""The container of an archive: the ZIP directory and `archive.json`, checked as `docs/archive-format.md` asks."""

import base64
import io
import json
import re
import struct
import zipfile

COMMENT = b"sr_tf archive, SHA-256 of what precedes: "
LAYOUT = {"piece": 512, "interpolation": "cubic, a = -3/4, weights of 1/2048, exact", "edges": "repeated"}
MOST_BLOCKS, MOST_SEGMENTS, MOST_SEGMENT_PIXELS, MOST_ASSOCIATED_PIXELS = 1 << 20, 1 << 23, 1 << 26, 1 << 25


class RefusedError(ValueError):
    """The file is not an archive of a known version, or a part of it is damaged."""


def require(condition: bool, what: str) -> None:
    """Raises `RefusedError` unless a condition holds."""
    if not condition:
        raise RefusedError(what)


def read_members(data: bytes) -> dict[str, tuple[int, int, int, bool]]:
    """(start, bytes in the file, bytes, whether deflated) of each member of the ZIP file, by name."""
    end = len(data) - len(COMMENT) - 64
    require(data[:4] == b"PK\x03\x04" and data[max(0, end - 22) :][:4] == b"PK\x05\x06", "not an archive's ZIP file")
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise RefusedError(f"the ZIP directory is damaged ({error})") from error
    require(len(entries) <= 128, "too many members")
    members, place = {}, 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        require(entry.filename not in members, f"two members are named {entry.filename}")
        require(entry.compress_type in (0, 8) and not entry.flag_bits & 0x41, "encrypted, or not deflated")
        require(entry.header_offset == place, "members that overlap or leave gaps")
        start = place + 30 + sum(struct.unpack_from("<HH", data, place + 26))
        place = start + entry.compress_size
        deflated = entry.compress_type == 8
        most = entry.compress_size * (1032 if deflated else 1)
        require(entry.file_size <= most and (deflated or entry.file_size == most), "a size that cannot be")
        members[entry.filename] = start, entry.compress_size, entry.file_size, deflated
    require("archive.json" in members and data[place : place + 4] == b"PK\x01\x02", "bytes that belong to no member")
    return members


def grid_shape(width: int, height: int, tile_width: int, tile_height: int) -> tuple[int, int]:
    return -(-height // tile_height), -(-width // tile_width)


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RefusedError("a field is not Base64") from error


def parse_header(content: bytes) -> dict:
    """`archive.json`; every field that decides pixels is checked, others are not looked at."""
    try:
        header = json.loads(content.decode("utf-8"))
        require(header["format"] == "sr_tf archive", "another format")
        versions = [header[name] for name in ("version", "block", "gate_tile")]
        require(versions in ([1, 512, 256], [2, 512, 256], [3, 512, 256], [4, 512, 256]), "another version")
        _check_codec(header)
        _check_places(header)
        _check(header)
        scales = [record["architecture"]["scale"] for record in header["generators"]]
        require(len(set(scales)) == len(scales), "two generators of one scale")
        if header["version"] == 1:
            require(not any(record.get("embedded") for record in header["generators"]), "weights in version 1")
            require(not judges_cells(header["gate"]), "thresholds of cells in version 1")
        else:
            _check_version_2(header)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise RefusedError(f"archive.json: {error!r}") from error
    return header


def _check(header: dict) -> None:
    slide, native = header["slide"], header["native"]
    _whole(1, 2**31 - 1, slide["width"], slide["height"])
    rows, columns = grid_shape(slide["width"], slide["height"], 512, 512)
    require(rows * columns <= MOST_BLOCKS, "too many blocks")
    require(all(re.fullmatch("[0-9a-f]{64}", value) for value in header["members"].values()), "not a SHA-256")
    require(len(header["heads"]) <= 255, "too many heads")
    if native is not None:
        # In version 4, the page may be a part of the slide; `_check_places` looks at it.
        _check_segments(native, native if header["version"] == 4 else slide)
    for entry in header["associated"].values():
        _whole(1, 2**31 - 1, entry["width"], entry["height"])
        require(entry["width"] * entry["height"] <= MOST_ASSOCIATED_PIXELS, "an associated image of too many pixels")
        require(entry["stored"] in ("avif", "jpegxl", "segments"), "an associated image that is stored in another way")
        if entry["stored"] == "segments":
            count = _check_segments(entry["segments"], entry)
            require(len(entry["kinds"]) == len(entry["lengths"]) == count, "wrong counts of segments")
            _whole(0, 2, *entry["kinds"])
            _whole(0, 2**32 - 1, *entry["lengths"])


def _check_codec(header: dict) -> None:
    """Version 3 says that its segments are JPEG 2000; no other one says anything of their codec."""
    native = header["native"]
    if header["version"] == 3:
        require(native["codec"] == "jpeg2000" and native["tables"] is None, "segments of another codec")
    pages = [entry.get("segments") for entry in header["associated"].values()]
    others = pages if header["version"] == 3 else [native, *pages]
    require(not any(page and "codec" in page for page in others), "a codec of segments where none is expected")


def _check_places(header: dict) -> None:
    """Version 4 says where its page lies in the slide; no other one says anything of a place."""
    native, slide = header["native"], header["slide"]
    if header["version"] == 4:
        _whole(0, 2**31 - 1, native["x"], native["y"])
        _whole(1, 2**31 - 1, native["width"], native["height"])
        inside = native["x"] + native["width"] <= slide["width"] and native["y"] + native["height"] <= slide["height"]
        require(inside, "a page that is not inside the slide")
    pages = [entry.get("segments") for entry in header["associated"].values()]
    others = pages if header["version"] == 4 else [native, *pages]
    require(not any(page and ("x" in page or "y" in page) for page in others), "a place where none is expected")


def _check_version_2(header: dict) -> None:
    require({name: header["layout"][name] for name in LAYOUT} == LAYOUT, "another layout")
    _whole(0, MOST_BLOCKS, header["pieces"])
    gate, study = header["gate"], header["gate"]["name"] == "study"
    measured = ["psnr", "ssim", "shift"] + ["enl0"] * (gate["max_enl0"] is not None) + ["lpips"] * study
    require(header["scores"] == measured, "other scores than those of the gate")
    thresholds = [gate[name] for name in ("min_psnr", "min_ssim", "max_enl0", "max_shift")]
    reached = thresholds == [0, -1, None, 255] and not judges_cells(gate)
    require(not study or reached, "thresholds of the quality study")
    for record in header["generators"]:
        require(re.fullmatch("[0-9a-f]{64}", record["weights_sha256"]) is not None, "not a SHA-256")
        require(record.get("embedded", False) in (True, False), "`embedded` is neither true nor false")


def judges_cells(gate: dict) -> bool:
    """Whether cells have a threshold."""
    return any(gate.get(name) is not None for name in ("min_local_ssim", "max_local_error"))


def _check_segments(page: dict, image: dict) -> int:
    """The number of segments of a page."""
    side = page["segment_width"], page["segment_height"]
    _whole(1, 2**31 - 1, *side)
    require((page["width"], page["height"]) == (image["width"], image["height"]), "segments of another size")
    rows, columns = grid_shape(page["width"], page["height"], *side)
    require(side[0] * side[1] <= MOST_SEGMENT_PIXELS and rows * columns <= MOST_SEGMENTS, "too large segments")
    require(page["photometric"] in (2, 6), "segments of other colours than RGB or YCbCr")
    return rows * columns


def _whole(least: int, most: int, *values: object) -> None:
    """Raises `RefusedError` unless all values are whole numbers in a range."""
    require(all(type(value) is int and least <= value <= most for value in values), f"{values[:4]} out of range")
