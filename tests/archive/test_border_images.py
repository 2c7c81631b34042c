"""Images in crafted archives are refused before they are decoded, by what their own headers state."""

from pathlib import Path

import imagecodecs
import numpy as np
from forger import Forgery, refused

VERSION_1 = Path(__file__).parents[1] / "golden" / "interpolated.sr.zip"


def avif(side: int) -> bytes:
    return imagecodecs.avif_encode(np.zeros((side, side, 3), np.uint8), level=0, speed=10, numthreads=1)


def jpegxl(side: int) -> bytes:
    return imagecodecs.jpegxl_encode(np.zeros((side, side, 3), np.uint8), lossless=True, effort=1, numthreads=1)


def test_an_image_that_states_another_size_is_not_decoded(tiny, tmp_path):
    large = avif(4096)
    lying = large.replace(b"ispe\0\0\0\0" + (4096).to_bytes(4, "big") * 2, b"ispe\0\0\0\0\0\0\2\0\0\0\1\x2c")
    alpha = imagecodecs.avif_encode(np.zeros((300, 512, 4), np.uint8), level=50, numthreads=1)
    for kind, file, found in (
        (5, large, "claims 4096×4096 pixels, expected 512×300"),
        (5, lying, "claims 4096×4096 pixels, expected 512×300"),
        (1, large, "expected 128×75"),
        (5, alpha, "that no encoder here writes"),
        (5, large[: len(large) // 2], "AVIF file"),
        (5, b"", "AVIF file"),
        (7, jpegxl(4096), "claims 4096×4096 pixels, expected 512×300"),
        (7, b"\xff\x0a", "truncated"),
        (7, avif(16), "expected ff0a"),
    ):
        forgery = Forgery(tiny)
        forgery.set_block(kind, file)
        assert found in refused(forgery.save(tmp_path / "block.zip"))


def test_other_kinds_of_jpegxl_files_than_the_encoder_writes_are_not_decoded(tiny, tmp_path):
    pixels = np.zeros((300, 512, 4), np.uint8)
    for file, found in (
        (imagecodecs.jpegxl_encode(pixels, lossless=True, numthreads=1), "extra channels"),
        (
            imagecodecs.jpegxl_encode(pixels[..., :3].astype(np.uint16), lossless=True, numthreads=1),
            "expected ff0a",
        ),
        (imagecodecs.jpegxl_encode(np.stack([pixels[..., :3]] * 3), lossless=True, numthreads=1), "animation"),
    ):
        forgery = Forgery(tiny)
        forgery.set_block(7, file)
        assert found in refused(forgery.save(tmp_path / "block.zip"))


def test_a_segment_is_not_unpacked_or_decoded_before_its_size_is_known(native, tmp_path):
    small = imagecodecs.jpeg8_encode(np.zeros((256, 256, 3), np.uint8), subsampling="420")
    large = imagecodecs.jpeg8_encode(np.zeros((4096, 4096, 3), np.uint8), subsampling="420")
    comments = small[:2] + (b"\xff\xfe\xff\xff" + bytes(65533)) * 100 + small[2:]
    scan = small.index(b"\xff\xda")
    scans = small[:scan] + b"\xff\xda\x00\x02" * 101 + small[scan:]
    for kind, packed, standalone, found in (
        (1, imagecodecs.jpegxl_encode_jpeg(comments, numthreads=1), comments, "6,553,617 bytes beside its image"),
        (1, imagecodecs.jpegxl_encode_jpeg(large, numthreads=1), large, "claims 4096×4096 pixels, expected 256×256"),
        (2, large, large, "claims 4096×4096 pixels, expected 256×256"),
        (2, scans, scans, "102 scans"),
        (1, jpegxl(256), b"", "expected a container"),
        (1, b"", b"", "expected a container"),
        (0, small, small, "stored in the way 0"),
        (7, small, small, "stored in the way 7"),
    ):
        forgery = Forgery(native)
        forgery.set_segment(kind, packed, standalone)
        assert found in refused(forgery.save(tmp_path / "segment.zip"))


def test_metadata_of_a_segment_that_inflates_is_not_inflated(native, tmp_path):
    small = imagecodecs.jpeg8_encode(np.zeros((256, 256, 3), np.uint8), subsampling="420")
    bomb = b"brobExif" + imagecodecs.brotli_encode(bytes(64 << 20))
    packed = imagecodecs.jpegxl_encode_jpeg(small, numthreads=1) + (len(bomb) + 4).to_bytes(4, "big") + bomb
    forgery = Forgery(native)
    forgery.set_segment(1, packed, small)
    assert "too long metadata" in refused(forgery.save(tmp_path / "brotli.zip"))


def test_a_large_label_is_not_decoded(tiny, tmp_path):
    for stored, content in (("avif", avif(4096)), ("jpegxl", jpegxl(4096))):
        forgery = Forgery(tiny)
        forgery.header["associated"] = {"label": {"stored": stored, "width": 30, "height": 40}}
        forgery.members["associated/label"] = content
        assert "claims 4096×4096 pixels, expected 30×40" in refused(forgery.save(tmp_path / "label.zip"))


def test_an_overview_of_another_format_or_size_is_not_decoded(tiny, tmp_path):
    black = np.zeros((4096, 4096, 3), np.uint8)
    png = imagecodecs.png_encode(black[:20, :20])
    for content in (png, imagecodecs.avif_encode(black, level=50, speed=9), b""):
        forgery = Forgery(tiny)
        forgery.members["overview.avif"] = content
        assert "is damaged (" in refused(forgery.save(tmp_path / "overview.zip"))


def test_a_preview_of_version_1_of_another_format_or_size_is_not_decoded(tmp_path):
    png = imagecodecs.png_encode(np.zeros((20, 20, 3), np.uint8))
    for content in (png, imagecodecs.jpeg8_encode(np.zeros((4096, 4096, 3), np.uint8)), b""):
        forgery = Forgery(VERSION_1)
        forgery.members["preview.jpg"] = content
        assert "preview.jpg is damaged" in refused(forgery.save(tmp_path / "preview.zip"))
