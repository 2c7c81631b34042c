"""The features that all data sets of this project have."""

import tensorflow_datasets as tfds


def scene_features() -> tfds.features.FeaturesDict:
    """One scene: `image` uint8 RGB [H, W, 3], its `name`, and its `group`, a smear that stays in one split.

    Images are stored as PNG, because JPEG decoders differ in the last bits of their results.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "name": tfds.features.Text(),
            "group": tfds.features.Text(),
        }
    )


def scene_info(builder: tfds.core.DatasetBuilder, **metadata: str) -> tfds.core.DatasetInfo:
    """The description of a data set of scenes, which keeps its examples in the order of generation."""
    return builder.dataset_info_from_configs(features=scene_features(), disable_shuffling=True, **metadata)
