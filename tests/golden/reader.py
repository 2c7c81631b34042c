"""A reader of archives that is written from `docs/archive-format.md` alone and uses nothing of `sr_tf`.

It proves that the document suffices: it opens an archive of any version, checks every hash, restores all blocks, and
refuses what the document says that a reader must refuse. It reads the file into memory.

    archive = Archive(Path("slide.sr.zip").read_bytes())
    pixels = archive.read()
"""

import ast
import hashlib
import itertools
import math
import zlib
from collections.abc import Iterable

import numpy as np
from reader_container import (
    COMMENT,
    RefusedError,
    from_base64,
    grid_shape,
    judges_cells,
    parse_header,
    read_members,
    require,
)
from reader_images import decode_image, enlarge, enlarge_in_floats, join, read_segments, reduce, unpack
from reader_index import AVIF, BLOCK_TYPE, FILTER_KINDS, NETWORK_KINDS, PIECE_TYPE, SCALES, SEGMENTS_KIND, Index
from reader_network import filtered, from_bytes, generate, radius, weights_sha256

SEGMENT_TYPE = np.dtype([("kind", "u1"), ("length", "<u4"), ("sha256", "V16")])
SCORE_TYPE = np.dtype([("psnr", "<u2"), ("ssim", "<u2"), ("shift", "<u2"), ("enl0", "<u2")])
BYTE = np.dtype("u1")
BLOCK, GATE_TILE, CELL, HALO = 512, 256, 32, 2
LOCAL_SSIM = [-1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
LOCAL_ERROR = [0, 8, 12, 16, 20, 24, 32, 48, 64, 255]
FIXED = {"README.txt": 1 << 16, "archive.json": 16 << 20, "profile.icc": 16 << 20}
FIXED |= {"preview.jpg": 1 << 20, "overview.avif": 4 << 20}
LARGEST_ASSOCIATED, LARGEST_PIECE, NPY_HEADER = 256 << 20, 4 << 20, 1 << 10


class GeneratorNeededError(Exception):
    """A block is restored by a generator or filter whose weights are not in the archive and were not given."""


class Archive:
    """An archive of version 1 or 2.

    Args:
        data: the file's content.
        weights: the weights of generators, each a list of arrays.

    Attributes:
        header: the content of `archive.json`.
        kinds: the kind of each block, uint8 [rows, columns].
    """

    def __init__(self, data: bytes, weights: Iterable[list[np.ndarray]] = ()):
        self._data = data
        self._weights = {weights_sha256(one): one for one in weights}
        self._members = read_members(data)
        self.header = parse_header(self.member("archive.json", checked=False))
        slide, native = self.header["slide"], self.header["native"]
        self.width, self.height = slide["width"], slide["height"]
        self._version = self.header["version"]
        self._enlarge = enlarge_in_floats if self._version == 1 else enlarge
        embedded = {f"generators/{one['weights_sha256']}" for one in self.header["generators"] if one.get("embedded")}
        needed = {"README.txt", "blocks", "blocks.npy", "scores.npy"} | embedded
        needed |= {"preview.jpg"} if self._version == 1 else {"overview.avif", "pieces.npy"}
        needed |= {f"associated/{name}" for name in self.header["associated"]}
        needed |= {"segments", "segments.npy"} if native else set()
        needed |= {"cells.npy"} if judges_cells(self.header["gate"]) else set()
        optional = {"profile.icc"} | ({"cells.npy"} if self._version > 1 else set())
        listed = set(self.header["members"])
        require(set(self._members) == listed | {"archive.json"}, "other members than archive.json lists")
        require(listed - optional == needed - optional, "a member is missing or not expected")
        require("cells.npy" in listed or "cells.npy" not in needed, "no scores of cells")
        self._heads = [from_base64(head) for head in self.header["heads"]]
        self._shapes = self._array_shapes()
        shape, count = self._shapes["blocks.npy"][1], self.header.get("pieces", 0)
        self._index = Index(self._version, self._array, shape, count)
        self.kinds = self._index.kinds
        self._starts = self._pieces("blocks", self._index.lengths, LARGEST_PIECE)
        self._images: dict[int, np.ndarray] = {}
        require(int(self._index.heads.max(initial=0)) <= len(self._heads), "a head that does not exist")
        require(bool(native) or not (self.kinds == SEGMENTS_KIND).any(), "blocks without their segments")
        if native:
            self._segment_index = self._array("segments.npy", *self._shapes["segments.npy"])
            largest = 8 * native["segment_width"] * native["segment_height"] + LARGEST_PIECE
            self._segments = self._pieces("segments", self._segment_index["length"], largest)

    def verify(self) -> None:
        """Checks all that has a hash; raises `RefusedError` for the first part that is damaged."""
        end = len(self._data) - len(COMMENT) - 64
        digest = hashlib.sha256(self._data[:end]).hexdigest().encode()
        require(self._data[end:] == COMMENT + digest, "the file's hash is not that of its comment")
        for name in self.header["members"]:
            self.member(name)
        for name in self.header["associated"]:
            self.associated(name)
        self.scores()
        self.cells()
        for record in self.header["generators"]:
            if record.get("embedded"):
                self._embedded(record)
        if self._version > 1:
            self.overview()
        for place in np.ndindex(self.kinds.shape):
            self._stored(*place)

    def member(self, name: str, checked: bool = True) -> bytes:
        """The content of a member, inflated; `checked`: compared with its hash."""
        start, packed, size, deflated = self._members[name]
        require(size <= self._largest(name), f"{name} has {size} bytes")
        content = self._data[start : start + packed]
        if deflated:
            try:
                content = zlib.decompressobj(-15).decompress(content, size + 1)
            except zlib.error as error:
                raise RefusedError(f"{name} cannot be inflated") from error
        require(len(content) == size, f"{name} has not {size} bytes")
        if checked:
            require(hashlib.sha256(content).hexdigest() == self.header["members"][name], f"{name} has another hash")
        return content

    def scores(self) -> dict[str, np.ndarray]:
        """The scores by name, uint16 [rows, columns] in units of the version."""
        values = self._array("scores.npy", *self._shapes["scores.npy"])
        if self._version == 1:
            return {name: values[name] for name in SCORE_TYPE.names}
        count = len(self.header["scores"])
        whole = 256 * values[:count].astype(np.uint16) + values[count:]
        return dict(zip(self.header["scores"], whole, strict=True))

    def cells(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(lowest local SSIM, largest local error) that each cell can have, [rows, columns] each; None: no cells."""
        if "cells.npy" not in self.header["members"]:
            return None
        ssim, error = np.divmod(self._array("cells.npy", *self._shapes["cells.npy"]), 16)
        known = ssim.max() < len(LOCAL_SSIM) and error.max() < len(LOCAL_ERROR)
        require(bool(known), "a cell of unknown scores")
        return np.array(LOCAL_SSIM)[ssim], np.array(LOCAL_ERROR)[error]

    def overview(self) -> np.ndarray:
        """The overview, uint8 [h, w, 3]; not in version 1."""
        scale = 8
        while -(-max(self.width, self.height) // scale) > 1024:
            scale *= 2
        return decode_image(self.member("overview.avif"), "avif", -(-self.width // scale), -(-self.height // scale))

    def read(self, fill: int | None = None) -> np.ndarray:
        """Level 0, uint8 [height, width, 3]; `fill`: value of the blocks that need a network, instead of an error."""
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        for row, column in np.ndindex(self.kinds.shape):
            place = pixels[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
            if fill is not None and self.kinds[row, column] in NETWORK_KINDS:
                place[:] = fill
            else:
                place[:] = self.block(row, column)
        return pixels

    def block(self, row: int, column: int) -> np.ndarray:
        """A block's restored pixels, uint8 [h, w, 3]."""
        kind = int(self.kinds[row, column])
        scale, (height, width) = SCALES[kind], self._size(row, column)
        if scale == 1 and kind not in FILTER_KINDS:
            return self._stored(row, column)
        if kind in NETWORK_KINDS:
            architecture, weights = self._generator(scale)
            halo = radius(architecture)
            window = self._window(row, column, scale, halo)
            level = self._index.piece(int(self._index.numbers[row, column])).level
            if kind in FILTER_KINDS:
                large = filtered(window, level, architecture, weights)
            else:
                large = generate(window, level, architecture, weights)
        else:
            halo = HALO
            large = self._enlarge(self._window(row, column, scale, halo), scale)
        cut = halo * scale
        return large[cut : cut + height, cut : cut + width]

    def associated(self, name: str) -> np.ndarray:
        """A label, macro or thumbnail image, uint8 [h, w, 3]."""
        entry, content = self.header["associated"][name], self.member(f"associated/{name}")
        if entry["stored"] != "segments":
            return decode_image(content, entry["stored"], entry["width"], entry["height"])
        ends = np.cumsum([0, *entry["lengths"]])
        require(int(ends[-1]) == len(content), f"the segments of {name} do not add up")
        pieces = [content[start:end] for start, end in itertools.pairwise(ends)]
        page = entry["segments"]
        columns = -(-page["width"] // page["segment_width"])

        def file_of(row: int, column: int) -> bytes:
            number = row * columns + column
            return unpack(entry["kinds"][number], pieces[number])

        return read_segments(page, file_of, 0, 0, entry["width"], entry["height"])

    def _largest(self, name: str) -> int:
        if name in ("blocks", "segments"):
            return len(self._data)
        if name.startswith("generators/"):
            return LARGEST_ASSOCIATED
        if name not in getattr(self, "_shapes", {}):
            return FIXED.get(name, LARGEST_ASSOCIATED)
        kind, shape = self._shapes[name]
        return NPY_HEADER + kind.itemsize * math.prod(shape)

    def _array_shapes(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """The type and shape of each array."""
        blocks, tiles = (grid_shape(self.width, self.height, side, side) for side in (BLOCK, GATE_TILE))
        shapes = {"blocks.npy": (BLOCK_TYPE, blocks), "scores.npy": (SCORE_TYPE, tiles)}
        if self._version > 1:
            scores = BYTE, (2 * len(self.header["scores"]), *tiles)
            pieces = BYTE, (PIECE_TYPE.itemsize, self.header["pieces"])
            shapes = {"blocks.npy": (BYTE, blocks), "pieces.npy": pieces, "scores.npy": scores}
            shapes["cells.npy"] = BYTE, grid_shape(self.width, self.height, CELL, CELL)
        if native := self.header["native"]:
            side = native["segment_width"], native["segment_height"]
            shapes["segments.npy"] = SEGMENT_TYPE, grid_shape(native["width"], native["height"], *side)
        return shapes

    def _array(self, name: str, kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        content = self.member(name)
        begin = 10 + int.from_bytes(content[8:10], "little")
        require(content[:8] == b"\x93NUMPY\x01\x00" and begin <= NPY_HEADER, f"{name} is no NPY file of version 1.0")
        try:
            found = ast.literal_eval(content[10:begin].decode("ascii").strip())
        except (ValueError, SyntaxError) as error:
            raise RefusedError(f"{name} has a damaged NPY header") from error
        description = kind.descr if kind.names else kind.str
        require(found == {"descr": description, "fortran_order": False, "shape": shape}, f"{name} has another type")
        require(len(content) - begin == kind.itemsize * math.prod(shape), f"{name} has too few or many values")
        return np.frombuffer(content, kind, offset=begin).reshape(shape)

    def _pieces(self, name: str, lengths: np.ndarray, largest: int) -> np.ndarray:
        """The place in the file of each piece of a member."""
        start, _, size, deflated = self._members[name]
        ends = np.cumsum(lengths.ravel(), dtype=np.int64)
        require(not deflated and int(lengths.max(initial=0)) <= largest, f"{name} is deflated or has a large piece")
        require(int(lengths.sum(dtype=np.int64)) == size, f"{name} has wrong lengths")
        return (start + ends - lengths.ravel()).reshape(lengths.shape)

    def _size(self, row: int, column: int) -> tuple[int, int]:
        return min(BLOCK, self.height - row * BLOCK), min(BLOCK, self.width - column * BLOCK)

    def _plane(self, row: int, column: int, scale: int) -> np.ndarray:
        """A block at a scale, uint8 [ceil(h / scale), ceil(w / scale), 3]."""
        own, image = SCALES[int(self.kinds[row, column])], self._stored(row, column)
        if own < scale:
            return reduce(image, scale // own)
        height, width = (-(-length // scale) for length in self._size(row, column))
        return image if own == scale else self._enlarge(image, own // scale)[:height, :width]

    def _window(self, row: int, column: int, scale: int, halo: int) -> np.ndarray:
        """A block at a scale with its neighbours around it."""
        rows = range(max(0, row - 1), min(self.kinds.shape[0], row + 2))
        columns = range(max(0, column - 1), min(self.kinds.shape[1], column + 2))
        around = np.concatenate([np.concatenate([self._plane(r, c, scale) for c in columns], 1) for r in rows])
        # No more than the block needs, and an even number: its lower and right part may lie outside the slide.
        height, width = (2 * -(-length // (2 * scale)) for length in self._size(row, column))
        side = BLOCK // scale
        y = np.arange(-halo, height + halo) + side * (row - rows[0])
        x = np.arange(-halo, width + halo) + side * (column - columns[0])
        return around[np.clip(y, 0, around.shape[0] - 1)][:, np.clip(x, 0, around.shape[1] - 1)]

    def _generator(self, scale: int) -> tuple[dict, list[np.ndarray]]:
        """(architecture, weights) of the generator of a scale."""
        records = [one for one in self.header["generators"] if one["architecture"]["scale"] == scale]
        require(len(records) == 1, f"no generator of scale {scale}")
        name, sha256 = records[0]["name"], records[0]["weights_sha256"]
        architecture = records[0]["architecture"]
        if records[0].get("embedded"):
            return architecture, self._embedded(records[0])
        if sha256 not in self._weights:
            raise GeneratorNeededError(f"{name}, weights {sha256}")
        return architecture, self._weights[sha256]

    def _embedded(self, record: dict) -> list[np.ndarray]:
        sha256 = record["weights_sha256"]
        return from_bytes(self.member(f"generators/{sha256}"), record["architecture"], sha256)

    def _stored(self, row: int, column: int) -> np.ndarray:
        """A block's stored image, decoded."""
        height, width = self._size(row, column)
        number = int(self._index.numbers[row, column])
        if number < 0:
            return read_segments(self.header["native"], self._segment, column * BLOCK, row * BLOCK, width, height)
        piece = self._index.piece(number)
        if number not in self._images:
            self._images[number] = self._decoded(number)
        side = BLOCK // piece.scale
        y, x = (row - piece.row) * side, (column - piece.column) * side
        return self._images[number][y : y - (-height // piece.scale), x : x - (-width // piece.scale)]

    def _decoded(self, number: int) -> np.ndarray:
        """A piece's image."""
        piece, start = self._index.piece(number), int(self._starts[number])
        body = self._data[start : start + piece.length]
        file = join(self._heads[piece.head - 1], body) if piece.head else body
        right = hashlib.sha256(file).digest()[: len(piece.sha256)] == piece.sha256
        require(right, f"the piece of block {piece.row},{piece.column} is damaged")
        width = min(piece.columns * BLOCK, self.width - piece.column * BLOCK)
        height = min(piece.rows * BLOCK, self.height - piece.row * BLOCK)
        codec = "avif" if piece.codec == AVIF else "jpegxl"
        return decode_image(file, codec, -(-width // piece.scale), -(-height // piece.scale))

    def _segment(self, row: int, column: int) -> bytes:
        kind, length, sha256 = self._segment_index[row, column]
        start = int(self._segments[row, column])
        file = unpack(int(kind), self._data[start : start + int(length)])
        require(hashlib.sha256(file).digest()[:16] == sha256.tobytes(), f"segment {row},{column} is damaged")
        return file
