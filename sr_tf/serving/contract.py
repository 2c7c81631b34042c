"""What an exported generator promises to those who call it: its signatures, by name.

| signature | in | out |
| --- | --- | --- |
| `serving_default` | `images`: float32 [N, h, w, 3], RGB in [0, 255] | `images`: float32 [N, s·h, s·w, 3], clipped |
| `encoded` | `image_bytes`: string [N], PNG or JPEG files of any sizes | `image_bytes`: string [N], PNG files |
| `geometry` | `probe`: int32 [N], any numbers | `scale`, `receptive_radius`: int32 [N] |

`geometry` tells a client how large an answer is and how wide a tile's halo must be. It is a signature and not a file
beside the model because signatures are all that a server lets its clients ask for; and it keeps N, so that servers may
batch it like the others.
"""

FLOAT = "serving_default"
ENCODED = "encoded"
GEOMETRY = "geometry"

IMAGES = "images"
IMAGE_BYTES = "image_bytes"
PROBE = "probe"
SCALE = "scale"
RADIUS = "receptive_radius"

OUTPUTS = {FLOAT: (IMAGES,), ENCODED: (IMAGE_BYTES,), GEOMETRY: (SCALE, RADIUS)}
