"""Opening slides in tests, and writing OME-TIFF with any OME-XML."""

import numpy as np
import openslide
import pytest
import tifffile

from sr_tf.errors import UserError
from sr_tf.slides.slide import open_slide


def openslide_region(path, x, y, width, height):
    with openslide.OpenSlide(path) as slide:
        rgba = np.array(slide.read_region((x, y), 0, (width, height)))
    assert rgba[..., 3].min() == 255
    return rgba[..., :3]


def read_all(slide):
    return slide.read(0, 0, slide.info.width, slide.info.height)


def use_everything(path):
    """Calls every method of a slide and its grid."""
    with open_slide(path) as slide:
        size = (slide.info.height, slide.info.width, 3)
        if slide.info.width * slide.info.height < 2**24:
            image = read_all(slide)
            assert image.shape == size and image.dtype == np.uint8
        slide.read(slide.info.width - 1, slide.info.height - 1, 1, 1)
        slide.associated()
        for row in range(slide.grid.rows if slide.grid else 0):
            slide.grid.segment(0, row)
            slide.grid.standalone(0, row)


def refused(path, match):
    with pytest.raises(UserError, match=match) as caught:
        open_slide(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="40"/></Instrument>{images}</OME>"""
OME_IMAGE = """<Image ID="Image:{index}" Name="{name}"><ObjectiveSettings ID="Objective:0"/>
<Pixels ID="Pixels:{index}" DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="3" SizeZ="{z}"
SizeT="1" PhysicalSizeX="0.3" PhysicalSizeY="0.4"><Channel ID="Channel:{index}:0" SamplesPerPixel="3"/>
<TiffData IFD="{index}" PlaneCount="1"/></Pixels></Image>"""


def write_ome(path, images, names, z=1, widen=0):
    sizes = [(image.shape[1] + widen, image.shape[0]) for image in images]
    entries = [
        OME_IMAGE.format(index=index, name=name, width=width, height=height, z=z)
        for index, (name, (width, height)) in enumerate(zip(names, sizes, strict=True))
    ]
    with tifffile.TiffWriter(path, ome=False) as writer:
        for index, image in enumerate(images):
            options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
            tiles = {"rowsperstrip": 16} if index else {"tile": (128, 128)}
            description = None if index else OME.format(images="".join(entries))
            writer.write(image, description=description, **options, **tiles)
