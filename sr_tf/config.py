"""The configuration of a training run: its fields, its presets, and its JSON file in the run folder."""

import dataclasses
import json
from pathlib import Path

import msgspec

from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.disk.json_files import read_json
from sr_tf.errors import UserError, reason

PHASES = ("pretrain", "gan")


def _field(default, help_text: str, choices: tuple[str, ...] = ()):
    return dataclasses.field(default=default, metadata={"help": help_text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The configuration of a training run; each field is also a flag of `train.py`."""

    # The run.
    phase: str = _field(
        "pretrain",
        "pretrain: training by pixelwise MSE. gan: adversarial fine-tuning of a pretrained generator.",
        PHASES,
    )
    run_dir: str = _field("", "Folder for checkpoints, best generators and logs. Default: runs/PRESET-PHASE.")
    seed: int = _field(0, "Random seed of the initial weights and of the order, crops, flips and rotations of patches.")

    # Data.
    dataset: str = _field(
        "synthetic_smear",
        "Source of the scenes. synthetic_smear: drawn by a program. chula_rbc12, scene_folder: images in --data_dir. "
        "packed: train.npz and validation.npz in --data_dir, written by `sr-tf pack`.",
        ("synthetic_smear", "chula_rbc12", "scene_folder", "packed"),
    )
    data_dir: str = _field("", "Folder of the images (chula_rbc12, scene_folder) or of the packed scenes (packed).")
    tfds_dir: str = _field("", "Folder for the prepared TFRecords. Default: the folder that TFDS uses.")
    scene_size: int = _field(700, "scene_folder: images are cut into scenes of about this side length, in pixels.")
    group_by: str = _field(
        "folder",
        "scene_folder: how images are grouped by source; a source stays in one split. folder: by their folder. "
        "Otherwise by a regular expression on the path, whose first group names the source.",
    )
    strict: bool = _field(
        False, "scene_folder: stop at the first unreadable image instead of skipping it with a warning."
    )
    cache_gib: float = _field(6.0, "Memory for decoded scenes in GiB; scenes that do not fit are read again each time.")
    degradation: str = _field(
        "study", "Reduction from HR to LR; see sr_tf/images/degradation.py.", ("study", "antialiased")
    )
    lr_qualities: str = _field(
        "",
        "AVIF qualities, 0 to 100, separated by commas. Each training LR is compressed at one of them, as in archives. "
        "Default: LRs are not compressed.",
    )

    learn_reduction: bool = _field(
        False,
        "pretrain: train a reducer, which makes LR from HR, together with the generator; LRs are compressed by AVIF at "
        "--lr_qualities.",
    )
    rate_weight: float = _field(
        0.45, "--learn_reduction: cost in the loss of one bit per LR sample, in squared steps of the codec's quantiser."
    )

    # Generator.
    blocks: int = _field(32, "Number of residual blocks of the EDSR generator.")
    filters: int = _field(64, "Filters of the generator's convolutions.")
    scale: int = _field(
        4,
        "Factor between HR and LR in each direction: 2, 4 or 8. 1: a filter that restores images which AVIF stored at "
        "full size, at one of --lr_qualities, which it is told; --crop_size is then even, for instance 96.",
    )
    residual_scaling: float = _field(1.0, "Factor on each residual branch (EDSR uses 0.1 with 256 filters).")
    quality_input: bool = _field(
        False,
        "Tell the generator at which of --lr_qualities its LR was compressed, as a fourth channel. Such a generator "
        "restores coded LRs only. A filter (--scale=1) is always told.",
    )
    one_step: bool = _field(False, "Enlarge by a single pixel shuffle at the end: half the cost at 32 filters.")

    # Optimisation.
    steps: int = _field(20_000, "Number of training steps.")
    batch_size: int = _field(16, "Patches in a step, over all replicas together.")
    crop_size: int = _field(24, "Side length of the LR patches, in pixels.")
    learning_rate: float = _field(1e-4, "Peak learning rate of the generator's Adam optimizer.")
    schedule: str = _field("constant", "Learning-rate schedule after the warm-up.", ("constant", "cosine"))
    warmup_steps: int = _field(0, "Steps over which the learning rate rises linearly from zero.")
    ema_decay: float = _field(
        0.999, "Decay of the moving average of the generator's weights, which is validated and kept."
    )

    # GAN phase.
    pretrained: str = _field(
        "",
        "Generator to start from: a run folder, a .keras file or the name of a shipped generator. Default: "
        "runs/PRESET-pretrain in the gan phase, random weights in the pretrain phase.",
    )
    content: str = _field(
        "vgg19",
        "gan: network of the content loss; `sr-tf assets fetch` downloads its weights.",
        ("vgg19", "vgg16", "craft_vgg16", "efficientnet_lite2"),
    )
    content_layers: str = _field(
        "",
        "gan: layers of the content network, separated by commas; VGG's conv5_4 is before the ReLU, relu5_4 after it. "
        "Default: relu5_4 for vgg19 (as in SRGAN), several layers for the other networks.",
    )
    content_weights: str = _field("", "gan: file with the content network's weights. Default: the fetched file.")
    content_form: str = _field(
        "mse",
        "gan: how features are compared. mse: MSE, as in SRGAN. unit: the vector at each position is first scaled to "
        "length 1. lpips: as unit, with LPIPS's published weights of channels; needs --content=vgg16.",
        ("mse", "unit", "lpips"),
    )
    content_weight: float = _field(0.006, "gan: weight of the content loss.")
    adversarial_weight: float = _field(1e-3, "gan: weight of the adversarial loss, the generator's cross-entropy.")
    pixel_weight: float = _field(0.0, "gan: weight of the pixelwise MSE (in squared 8-bit levels).")
    structure_weight: float = _field(0.0, "gan: weight of 1 − SSIM, averaged over three image sizes.")
    colour_weight: float = _field(0.0, "gan: weight of the MSE of local means, which prevents checkerboards.")
    discriminator_filters: int = _field(64, "gan: filters of the first layer of the discriminator.")
    discriminator_learning_rate: float = _field(1e-4, "gan: peak learning rate of the discriminator's Adam optimizer.")
    select_by: str = _field(
        "content",
        "gan: score on the validation scenes that decides which generators are kept. content: the content loss. enl0: "
        "the distance by EfficientNet-Lite0, which no loss uses (`sr-tf assets fetch efficientnet_lite0`).",
        ("content", "enl0"),
    )

    # Validation and logs.
    validate_every: int = _field(500, "Steps between validations; each validation also writes a checkpoint.")
    validation_scenes: int = _field(20, "At most this many validation scenes, spread evenly over the split.")
    keep_best: int = _field(3, "Number of generators to keep: the best on the validation scenes.")
    log_every: int = _field(50, "Steps between log lines, and between points in TensorBoard.")

    # Speed.
    xla: bool = _field(False, "Compile the forward pass and the gradients with XLA. Intended for GPUs; see BUILD.md.")
    mixed_bfloat16: bool = _field(False, "Compute in bfloat16 with float32 weights. On a CPU useful only with --xla.")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            choices = field.metadata["choices"]
            if choices and getattr(self, field.name) not in choices:
                raise UserError(f"--{field.name}={getattr(self, field.name)}: expected one of {', '.join(choices)}")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise UserError(f"--{name}={getattr(self, name)}: expected a number above 0")
        if not self.warmup_steps >= 0:
            raise UserError(f"--warmup_steps={self.warmup_steps}: expected 0 or more")
        if self.scale not in (1, 2, 4, 8):
            raise UserError(f"--scale={self.scale}: expected 1, 2, 4 or 8")
        if self.scale == 1:
            self._check_filter()
        if self.quality_input and (not self.lr_qualities or self.learn_reduction):
            raise UserError(
                f"--quality_input --lr_qualities={self.lr_qualities}: expected at least one quality in --lr_qualities, "
                "without --learn_reduction"
            )
        if self.structure_weight and self.crop_size * self.scale < 44:
            raise UserError(
                f"--crop_size={self.crop_size}: HR patches have a side of {self.crop_size * self.scale} pixels, "
                "expected at least 44 for --structure_weight, which computes SSIM at a quarter of this size"
            )
        if self.lr_qualities and not all(
            part.isdecimal() and int(part) <= 100 for part in self.lr_qualities.split(",")
        ):
            raise UserError(
                f"--lr_qualities={self.lr_qualities}: expected whole numbers from 0 to 100, separated by commas"
            )
        if self.learn_reduction and (self.phase != "pretrain" or not self.lr_qualities):
            raise UserError(
                f"--learn_reduction --phase={self.phase} --lr_qualities={self.lr_qualities}: expected --phase=pretrain "
                "and at least one quality in --lr_qualities"
            )
        if self.learn_reduction and self.crop_size % 8:
            raise UserError(f"--crop_size={self.crop_size}: expected a multiple of 8 for --learn_reduction")
        if not 0 <= self.ema_decay < 1:
            raise UserError(f"--ema_decay={self.ema_decay}: expected a number from 0 to below 1")

    def _check_filter(self) -> None:
        wrong = {
            "phase": self.phase != "pretrain", "learn_reduction": self.learn_reduction, "one_step": self.one_step,
            "lr_qualities": not self.lr_qualities, "crop_size": self.crop_size % 2,
        }  # fmt: skip
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UserError(
                    f"--{name}={getattr(self, name)}: --scale=1 trains a filter, expected --phase=pretrain, "
                    "--lr_qualities and an even --crop_size, without --learn_reduction and --one_step"
                )

    @property
    def told(self) -> bool:
        """Whether the network is told the quality of its input."""
        return self.quality_input or self.scale == 1

    @property
    def qualities(self) -> tuple[int, ...]:
        """The AVIF qualities of `lr_qualities` as numbers."""
        return tuple(int(part) for part in self.lr_qualities.split(",") if part)

    def save(self, path: Path) -> None:
        """Writes the configuration as JSON."""
        write_atomically(path, json.dumps(dataclasses.asdict(self), indent=2) + "\n")


_POSITIVE = (
    "steps", "batch_size", "crop_size", "blocks", "filters", "learning_rate", "discriminator_learning_rate",
    "discriminator_filters", "rate_weight", "validate_every", "validation_scenes", "keep_best", "log_every",
    "scene_size",
)  # fmt: skip

# Fields that hold paths, or that affect only memory and logs: they may change when a run continues.
FREE_TO_CHANGE = {"run_dir", "data_dir", "tfds_dir", "cache_gib", "log_every", "content_weights", "pretrained"}


def load_config(path: Path) -> TrainConfig:
    """Reads a configuration that `TrainConfig.save` wrote.

    Args:
        path: the JSON file.

    Raises:
        UserError: the file is missing, is not JSON, or has other fields or values.
    """
    expected = "expected a configuration of this version of sr_tf"
    content = read_json(path, dict[str, bool | int | float | str], expected)
    try:
        if unknown := content.keys() - {field.name for field in dataclasses.fields(TrainConfig)}:
            raise UserError(f"unknown field {min(unknown)[:80]!r}")
        return msgspec.convert(content, TrainConfig)
    except (msgspec.ValidationError, UserError) as error:
        raise UserError(f"{path}: {expected} ({reason(error)})") from error


def require_same_run(config: TrainConfig, earlier: TrainConfig, path: Path) -> None:
    """Checks that a run continues with the settings it was started with.

    Args:
        config: the configuration now.
        earlier: the configuration the run was started with.
        path: the run folder, for the error.

    Raises:
        UserError: some settings differ; the message names the first four.
    """
    now, before = dataclasses.asdict(config), dataclasses.asdict(earlier)
    changed = [name for name in now if name not in FREE_TO_CHANGE and now[name] != before[name]]
    if changed:
        shown = ", ".join(f"{name} was {before[name]}, now {now[name]}" for name in changed[:4])
        raise UserError(f"{path}: this run was started with other settings ({shown}); name another --run_dir")


def open_run_folder(config: TrainConfig) -> Path:
    """Creates the folder of a run, or checks that the run in it has the same settings.

    Raises:
        UserError: the folder cannot be written, or holds another run.
    """
    folder = make_folder(config.run_dir)
    if (folder / "config.json").exists():
        require_same_run(config, load_config(folder / "config.json"), folder)
    return folder


_SMALL = {"blocks": 8, "filters": 32, "discriminator_filters": 32, "schedule": "cosine"}
_SMOKE = {"blocks": 4, "filters": 24, "discriminator_filters": 16, "validation_scenes": 4}

# The study's perceptual loss is cross-entropy plus MSE of VGG features. Its other settings are not published. The GAN
# presets compare features of VGG-16 at five layers, scaled to length 1 and weighted as in LPIPS, and add a pixel and a
# colour term: SRGAN's weights (MSE of one layer, nothing that holds colour) shift colours and end far below the start.
_PERCEPTUAL = {
    "phase": "gan", "schedule": "cosine", "content": "vgg16", "content_form": "lpips", "content_weight": 20.0,
    "adversarial_weight": 0.02, "pixel_weight": 0.02, "colour_weight": 20.0, "ema_decay": 0.995, "select_by": "enl0",
}  # fmt: skip

# The `paper` preset has the study's networks and numbers of steps. The study does not give batch size, patch size and
# learning rate; these come from SRGAN (Ledig et al. 2017, arXiv 1609.04802, section 3.2). The residual scaling is that
# of EDSR's large model: without it, the initial outputs of 32 blocks are hundreds of times too large (validation PSNR
# after 240 steps on synthetic smears: 11.8 dB without scaling, 36.3 dB with 0.1).
PRESETS = {
    ("paper", "pretrain"): TrainConfig(phase="pretrain", steps=20_000, residual_scaling=0.1),
    ("paper", "gan"): TrainConfig(**_PERCEPTUAL, steps=30_000, residual_scaling=0.1),
    ("small", "pretrain"): TrainConfig(
        **_SMALL, phase="pretrain", steps=20_000, batch_size=8, crop_size=40, learning_rate=1e-3,
        warmup_steps=500, validate_every=1_000,
    ),
    ("small", "gan"): TrainConfig(
        **(_SMALL | _PERCEPTUAL), steps=1_200, batch_size=8, validate_every=200, validation_scenes=6,
    ),
    ("smoke", "pretrain"): TrainConfig(
        **_SMOKE, phase="pretrain", steps=600, batch_size=8, learning_rate=2e-3, schedule="cosine",
        warmup_steps=20, validate_every=200, ema_decay=0.98,
    ),
    ("smoke", "gan"): TrainConfig(
        **(_SMOKE | _PERCEPTUAL | {"ema_decay": 0.98}), steps=100, batch_size=4, validate_every=50
    ),
}  # fmt: skip


def preset(name: str, phase: str, **changes) -> TrainConfig:
    """Returns a named preset with some fields changed.

    Args:
        name: `paper`, `small` or `smoke`.
        phase: `pretrain` or `gan`.
        **changes: fields of `TrainConfig` and their new values.

    Raises:
        UserError: the preset or phase does not exist, or a value is out of range.
    """
    if (name, phase) not in PRESETS:
        names = ", ".join(sorted({known for known, _ in PRESETS}))
        raise UserError(
            f"--preset={name} --phase={phase}: expected one of the presets {names} and of the phases pretrain, gan"
        )
    paths = {"run_dir": f"runs/{name}-{phase}"}
    if phase == "gan":
        paths["pretrained"] = f"runs/{name}-pretrain"
    return dataclasses.replace(PRESETS[name, phase], **{**paths, **changes})
