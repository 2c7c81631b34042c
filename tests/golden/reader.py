"""A reader of archives that is written from `docs/archive-format.md` alone and uses nothing of `sr_tf`.

It proves that the document suffices: it opens an archive of version 1, checks every hash, restores all blocks, and
refuses what the document says that a reader must refuse. It reads the file into memory.

    archive = Archive(Path("slide.sr.zip").read_bytes())
    pixels = archive.read()
"""

import ast
import hashlib
import itertools
import zlib
from collections.abc import Iterable

import numpy as np
from reader_container import COMMENT, RefusedError, from_base64, grid_shape, parse_header, read_members, require
from reader_images import decode_image, enlarge, join, read_segments, reduce, unpack
from reader_network import generate, radius, weights_sha256

BLOCK_TYPE = np.dtype([("kind", "u1"), ("head", "u1"), ("level", "<f4"), ("length", "<u4"), ("sha256", "V16")])
SEGMENT_TYPE = np.dtype([("kind", "u1"), ("length", "<u4"), ("sha256", "V16")])
SCORE_TYPE = np.dtype([("psnr", "<u2"), ("ssim", "<u2"), ("shift", "<u2"), ("enl0", "<u2")])
BLOCK, GATE_TILE, HALO = 512, 256, 2
SCALES = {1: 4, 2: 4, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1}
GENERATOR_KINDS, JPEGXL_KINDS, SEGMENTS_KIND = {2, 4}, {6, 7}, 8
FIXED = {"README.txt": 1 << 16, "preview.jpg": 1 << 20, "archive.json": 16 << 20, "profile.icc": 16 << 20}
LARGEST_ASSOCIATED, LARGEST_BLOCK, NPY_HEADER = 256 << 20, 4 << 20, 1 << 10


class GeneratorNeededError(Exception):
    """A block is restored by a generator whose weights were not given."""


class Archive:
    """An archive of version 1.

    Args:
        data: the file's content.
        weights: the weights of generators, each a list of arrays.

    Attributes:
        header: the content of `archive.json`.
        index: the content of `blocks.npy`, [rows, columns].
    """

    def __init__(self, data: bytes, weights: Iterable[list[np.ndarray]] = ()):
        self._data = data
        self._weights = {weights_sha256(one): one for one in weights}
        self._members = read_members(data)
        self.header = parse_header(self.member("archive.json", checked=False))
        slide, native = self.header["slide"], self.header["native"]
        self.width, self.height = slide["width"], slide["height"]
        needed = {"README.txt", "preview.jpg", "blocks", "blocks.npy", "scores.npy"}
        needed |= {f"associated/{name}" for name in self.header["associated"]}
        needed |= {"segments", "segments.npy"} if native else set()
        listed = set(self.header["members"])
        require(set(self._members) == listed | {"archive.json"}, "other members than archive.json lists")
        require(listed - {"profile.icc"} == needed, "a member is missing or not expected")
        self._heads = [from_base64(head) for head in self.header["heads"]]
        self.index = self._array("blocks.npy", BLOCK_TYPE, grid_shape(self.width, self.height, BLOCK, BLOCK))
        self._blocks = self._pieces("blocks", self.index["length"], LARGEST_BLOCK)
        require(set(np.unique(self.index["kind"]).tolist()) <= set(SCALES), "an unknown kind of block")
        require(int(self.index["head"].max()) <= len(self._heads), "a head that does not exist")
        require(bool(native) or not (self.index["kind"] == SEGMENTS_KIND).any(), "blocks without their segments")
        if native:
            side = native["segment_width"], native["segment_height"]
            self._segment_index = self._array("segments.npy", SEGMENT_TYPE, grid_shape(self.width, self.height, *side))
            largest = 8 * side[0] * side[1] + LARGEST_BLOCK
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
        for place in np.ndindex(self.index.shape):
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

    def scores(self) -> np.ndarray:
        """The content of `scores.npy`, [rows, columns]."""
        return self._array("scores.npy", SCORE_TYPE, grid_shape(self.width, self.height, GATE_TILE, GATE_TILE))

    def read(self, fill: int | None = None) -> np.ndarray:
        """Level 0, uint8 [height, width, 3]; `fill`: value of the blocks that need a generator, instead of an error."""
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        for row, column in np.ndindex(self.index.shape):
            place = pixels[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
            if fill is not None and self.index["kind"][row, column] in GENERATOR_KINDS:
                place[:] = fill
            else:
                place[:] = self.block(row, column)
        return pixels

    def block(self, row: int, column: int) -> np.ndarray:
        """A block's restored pixels, uint8 [h, w, 3]."""
        kind = int(self.index["kind"][row, column])
        scale, (height, width) = SCALES[kind], self._size(row, column)
        if scale == 1:
            return self._stored(row, column)
        if kind in GENERATOR_KINDS:
            architecture, weights = self._generator(scale)
            halo = radius(architecture)
            large = generate(self._window(row, column, scale, halo), architecture, weights)
        else:
            halo = HALO
            large = enlarge(self._window(row, column, scale, halo), scale)
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
        arrays = {"blocks.npy": (BLOCK_TYPE, BLOCK, BLOCK), "scores.npy": (SCORE_TYPE, GATE_TILE, GATE_TILE)}
        if name == "segments.npy":
            arrays[name] = (SEGMENT_TYPE, *(self.header["native"][f"segment_{side}"] for side in ("width", "height")))
        if name not in arrays:
            return FIXED.get(name, LARGEST_ASSOCIATED)
        kind, *sides = arrays[name]
        return NPY_HEADER + kind.itemsize * int(np.prod(grid_shape(self.width, self.height, *sides)))

    def _array(self, name: str, kind: np.dtype, shape: tuple[int, int]) -> np.ndarray:
        content = self.member(name)
        begin = 10 + int.from_bytes(content[8:10], "little")
        require(content[:8] == b"\x93NUMPY\x01\x00" and begin <= NPY_HEADER, f"{name} is no NPY file of version 1.0")
        try:
            found = ast.literal_eval(content[10:begin].decode("ascii").strip())
        except (ValueError, SyntaxError) as error:
            raise RefusedError(f"{name} has a damaged NPY header") from error
        require(found == {"descr": kind.descr, "fortran_order": False, "shape": shape}, f"{name} has another type")
        require(len(content) - begin == kind.itemsize * shape[0] * shape[1], f"{name} has too few or many values")
        return np.frombuffer(content, kind, offset=begin).reshape(shape)

    def _pieces(self, name: str, lengths: np.ndarray, largest: int) -> np.ndarray:
        """The place in the file of each piece of a member."""
        start, _, size, deflated = self._members[name]
        ends = np.cumsum(lengths.ravel(), dtype=np.int64)
        require(not deflated and int(lengths.max()) <= largest and int(ends[-1]) == size, f"{name} has wrong lengths")
        return (start + ends - lengths.ravel()).reshape(lengths.shape)

    def _size(self, row: int, column: int) -> tuple[int, int]:
        return min(BLOCK, self.height - row * BLOCK), min(BLOCK, self.width - column * BLOCK)

    def _plane(self, row: int, column: int, scale: int) -> np.ndarray:
        """A block at a scale, uint8 [ceil(h / scale), ceil(w / scale), 3]."""
        own, image = SCALES[int(self.index["kind"][row, column])], self._stored(row, column)
        if own < scale:
            return reduce(image, scale // own)
        height, width = (-(-length // scale) for length in self._size(row, column))
        return image if own == scale else enlarge(image, own // scale)[:height, :width]

    def _window(self, row: int, column: int, scale: int, halo: int) -> np.ndarray:
        """A block at a scale with its neighbours around it."""
        rows = range(max(0, row - 1), min(self.index.shape[0], row + 2))
        columns = range(max(0, column - 1), min(self.index.shape[1], column + 2))
        around = np.concatenate([np.concatenate([self._plane(r, c, scale) for c in columns], 1) for r in rows])
        # No more than the block needs: its lower and right part may lie outside the slide.
        height, width = (-(-length // scale) for length in self._size(row, column))
        side = BLOCK // scale
        y = np.arange(-halo, height + halo) + side * (row - rows[0])
        x = np.arange(-halo, width + halo) + side * (column - columns[0])
        return around[np.clip(y, 0, around.shape[0] - 1)][:, np.clip(x, 0, around.shape[1] - 1)]

    def _generator(self, scale: int) -> tuple[dict, list[np.ndarray]]:
        """(architecture, weights) of the generator of a scale."""
        records = [one for one in self.header["generators"] if one["architecture"]["scale"] == scale]
        require(len(records) == 1, f"no generator of scale {scale}")
        name, sha256 = records[0]["name"], records[0]["weights_sha256"]
        if sha256 not in self._weights:
            raise GeneratorNeededError(f"{name}, weights {sha256}")
        return records[0]["architecture"], self._weights[sha256]

    def _stored(self, row: int, column: int) -> np.ndarray:
        """A block's stored image, decoded."""
        kind, number, _, length, sha256 = self.index[row, column]
        height, width = self._size(row, column)
        start = int(self._blocks[row, column])
        body = self._data[start : start + int(length)]
        file = join(self._heads[number - 1], body) if number else body
        require(hashlib.sha256(file).digest()[:16] == sha256.tobytes(), f"block {row},{column} is damaged")
        if kind == SEGMENTS_KIND:
            return read_segments(self.header["native"], self._segment, column * BLOCK, row * BLOCK, width, height)
        scale = SCALES[int(kind)]
        codec = "jpegxl" if kind in JPEGXL_KINDS else "avif"
        return decode_image(file, codec, -(-width // scale), -(-height // scale))

    def _segment(self, row: int, column: int) -> bytes:
        kind, length, sha256 = self._segment_index[row, column]
        start = int(self._segments[row, column])
        file = unpack(int(kind), self._data[start : start + int(length)])
        require(hashlib.sha256(file).digest()[:16] == sha256.tobytes(), f"segment {row},{column} is damaged")
        return file
