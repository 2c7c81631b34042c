"""The content network of the `paper` preset: VGG-19, as in the study, where its file is in the cache; else VGG-16."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

from sr_tf.assets.store import is_cached
from sr_tf.config import TrainConfig, load_config

# No weights of channels are published for VGG-19, so its features are compared without (`unit`). The sum over five
# layers is then about 11.5 times as large: 10.7 for the generator `mixed` and 12.5 for `m2` on six Chula validation
# fields, measured with VGG-16, whose layers are alike. So 20 becomes 1.75.
_VGG19 = {
    "content": "vgg19", "content_form": "unit", "content_weight": 1.75,
    "content_layers": "relu1_2,relu2_2,relu3_4,relu4_4,relu5_4",
}  # fmt: skip


def prefer_vgg19(config: TrainConfig, given: Collection[str]) -> TrainConfig:
    """Changes the gan phase of the `paper` preset to VGG-19 where its file is in the cache of assets.

    A run that continues keeps the network it was started with, whatever the cache holds by then.

    Args:
        config: the preset with the user's changes.
        given: the fields that the user named. If one of them is about the content loss, nothing is changed.

    Raises:
        UserError: the run folder's configuration cannot be read.
    """
    if config.phase != "gan" or any(name.startswith("content") for name in given):
        return config
    started = Path(config.run_dir) / "config.json"
    chosen = load_config(started).content == "vgg19" if started.exists() else is_cached("vgg19_imagenet")
    return dataclasses.replace(config, **_VGG19) if chosen else config
