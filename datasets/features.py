"""What every data set of this project holds."""

import tensorflow_datasets as tfds


def scene_features() -> tfds.features.FeaturesDict:
    """One scene: `image` uint8 RGB [H, W, 3], its `name`, and the `group` (smear) that no split may part.

    Stored as PNG, because JPEG decoders differ in their last bits.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "name": tfds.features.Text(),
            "group": tfds.features.Text(),
        }
    )
