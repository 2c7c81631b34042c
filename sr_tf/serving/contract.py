"""The signatures of an exported generator, by name, and the JSON form of their files.

| signature | in | out |
| --- | --- | --- |
| `serving_default` | `images`: float32 [N, h, w, 3], RGB in [0, 255] | `images`: float32 [N, s·h, s·w, 3], clipped |
| `encoded` | `image_bytes`: string [N], PNG or JPEG files of any sizes | `image_bytes`: string [N], PNG files |
| `geometry` | `probe`: int32 [N], any numbers | `scale`, `receptive_radius`: int32 [N] |

`geometry` tells a client how large the result is and how wide a tile's halo must be. It is a signature and not a file
beside the model, because clients of a server can only call signatures. It keeps N so that servers can batch it like
the others.
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
