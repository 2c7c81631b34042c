"""A drawn slide laid out as an Aperio scanner does, and its archives."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ImageCms

import sr_tf
from sr_tf.data.smear import render_smear

WIDTH, HEIGHT = 2150, 530  # 5 × 2 blocks; sides that are odd when halved; 4 levels, the last from the overview
APERIO = "Aperio Image Library v11.2.1 \r\n{what} [0,0 2150x530] (256x256) JPEG/RGB Q=90|AppMag = 20|MPP = 0.499"


def draw() -> np.ndarray:
    """Sharp cells at the left, the others out of focus, uint8 [530, 2150, 3]."""
    pixels = render_smear(1, HEIGHT, WIDTH)
    pixels[:, 300:] = cv2.GaussianBlur(pixels[:, 300:], (0, 0), 3)
    return pixels


@pytest.fixture(scope="session")
def svs(tmp_path_factory):
    """An SVS with a smaller level, a colour profile, a thumbnail, a label and a macro."""
    path, pixels = tmp_path_factory.mktemp("slides") / "cells.svs", draw()
    small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    jpeg = {"compression": "jpeg", "compressionargs": {"level": 90}, "photometric": "rgb", "metadata": None}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(
            pixels, tile=(256, 256), description=APERIO.format(what="2150x530"), iccprofile=profile, **jpeg
        )  # fmt: skip
        tiff.write(small[:, ::2].copy(), description=APERIO.format(what="thumbnail"), rowsperstrip=16, **jpeg)
        tiff.write(small, tile=(256, 256), description=APERIO.format(what="2150x530 -> 538x132"), **jpeg)
        for name, kind, color in (("label", 1, 250), ("macro", 9, 120)):
            image = np.full((60, 90, 3), color, np.uint8)
            about = f"Aperio Image Library v11.2.1 \r\n{name} 90x60"
            tiff.write(image, subfiletype=kind, description=about, rowsperstrip=60, **jpeg)
    return path


@pytest.fixture(scope="session")
def lossless(svs):
    """The slide's lossless archive."""
    return sr_tf.archive(svs, svs.with_name("lossless.sr.zip"), "lossless")


@pytest.fixture(scope="session")
def bicubic(svs):
    """The slide's archive at quality visual, without a generator."""
    return sr_tf.archive(svs, svs.with_name("bicubic.sr.zip"), models=())


@pytest.fixture(scope="session")
def restored(bicubic):
    """What `sr-tf restore` writes of it."""
    return sr_tf.restore(bicubic, bicubic.with_name("bicubic.ome.tif"))
