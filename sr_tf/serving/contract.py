"""The signatures of an exported generator, by name, and the JSON form of their files.

| signature | in | out |
| --- | --- | --- |
| `serving_default` | `images`: float32 [N, h, w, 3], RGB in [0, 255] | `images`: float32 [N, s·h, s·w, 3], clipped |
| `encoded` | `image_bytes`: string [N], PNG or JPEG files | `image_bytes`: string [N], PNG files |
| `geometry` | `probe`: int32 [N], any numbers | `scale`, `receptive_radius`: int32 [N] |

The graph mirrors each image at its edges before the network restores it, see `sr_tf.images.edges`. A client that cuts
an image into tiles with a halo gets the pixels of the whole image; the halo hides the mirrored edge of its tiles.

`geometry` tells a client how large the result is and how wide a tile's halo must be. It is a signature and not a file
beside the model, because clients of a server can only call signatures. It keeps N so that servers can batch it like
the others.

The graph itself refuses a request of more than `LARGEST_PIXELS` pixels or `MOST_FILES` files, and numbers that are not
finite, with INVALID_ARGUMENT. It reads an encoded image's size from its header, before it decodes the image.
"""

import base64

FLOAT = "serving_default"
ENCODED = "encoded"
GEOMETRY = "geometry"

IMAGES = "images"
IMAGE_BYTES = "image_bytes"
PROBE = "probe"
SCALE = "scale"
RADIUS = "receptive_radius"

LARGEST_PIXELS = 1 << 18
"""The most pixels of a request's floats, or of one of its files: 512 × 512. The networks need some 6 kB for each."""

MOST_FILES = 64
"""The most files in a request."""

LARGEST_BODY = 64 << 20
"""The most bytes of a REST request: the largest image as numbers in text, with room to spare."""

OUTPUTS = {FLOAT: (IMAGES,), ENCODED: (IMAGE_BYTES,), GEOMETRY: (SCALE, RADIUS)}


def bytes_to_json(content: bytes) -> dict[str, str]:
    """TF Serving's JSON form of binary data: `{"b64": …}`."""
    return {"b64": base64.b64encode(content).decode("ascii")}


def bytes_from_json(value: dict[str, str]) -> bytes:
    """The inverse of `bytes_to_json`.

    Raises:
        ValueError, TypeError or KeyError: `value` does not have this form.
    """
    return base64.b64decode(value["b64"], validate=True)
