"""What a run is: one frozen dataclass, its presets, and its JSON form in the run's folder."""

import dataclasses
import json
from pathlib import Path

from sr_tf.disk.files import write_atomically
from sr_tf.errors import UserError

PHASES = ("pretrain", "gan")


def _field(default, help_text: str, choices: tuple[str, ...] = ()):
    return dataclasses.field(default=default, metadata={"help": help_text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run computes; each field is also a flag of `train.py`."""

    # What runs, and where it goes.
    phase: str = _field(
        "pretrain", "pretrain: pixelwise MSE. gan: adversarial fine-tuning of a pretrained run.", PHASES
    )
    run_dir: str = _field("", "Folder of the run: checkpoints, best models, logs. Default: runs/PRESET-PHASE.")
    seed: int = _field(0, "Seed of initial weights, crops, flips and order.")

    # Data.
    dataset: str = _field(
        "synthetic_smear",
        "Where scenes come from. synthetic_smear: drawn. chula_rbc12, scene_folder: images in --data_dir. packed: "
        "train.npz and validation.npz in --data_dir, written by `sr-tf pack`.",
        ("synthetic_smear", "chula_rbc12", "scene_folder", "packed"),
    )
    data_dir: str = _field("", "Folder of your images, for chula_rbc12 and scene_folder, or of packed scenes.")
    tfds_dir: str = _field("", "Where TFRecords are written and found again. Default: that of TFDS.")
    scene_size: int = _field(700, "scene_folder: side in pixels of the scenes that images are cut into.")
    group_by: str = _field(
        "folder", "scene_folder: `folder`, or a regular expression whose first group names the source."
    )
    strict: bool = _field(
        False, "scene_folder: stop at the first unreadable image instead of skipping it with a warning."
    )
    cache_gib: float = _field(6.0, "Memory for decoded scenes in GiB; scenes beyond it are read from disk each time.")
    degradation: str = _field("study", "How HR becomes LR; see sr_tf/images/degradation.py.", ("study", "antialiased"))
    lr_qualities: str = _field(
        "",
        "Qualities of AVIF, 0 to 100, separated by commas: each training LR goes through one of them, as archives "
        "store it. Default: LRs are not coded.",
    )

    learn_reduction: bool = _field(
        False,
        "pretrain: let a reducer learn beside the generator what LR to make of HR, through AVIF at --lr_qualities.",
    )
    rate_weight: float = _field(
        0.45, "--learn_reduction: price of a bit of an LR sample, in squared steps of the codec's quantiser."
    )

    # Generator.
    blocks: int = _field(32, "Residual blocks of the EDSR generator.")
    filters: int = _field(64, "Filters of its convolutions.")
    scale: int = _field(4, "Reduction in each direction: 2, 4 or 8.")
    residual_scaling: float = _field(1.0, "Factor on each residual branch (EDSR uses 0.1 from 256 filters on).")
    one_step: bool = _field(False, "Enlarge in a single pixel shuffle at the very end: half the cost at 32 filters.")

    # Optimisation.
    steps: int = _field(20_000, "Training steps.")
    batch_size: int = _field(16, "Patches a step, over all replicas.")
    crop_size: int = _field(24, "Side of the LR patches in pixels.")
    learning_rate: float = _field(1e-4, "Adam's peak learning rate for the generator.")
    schedule: str = _field("constant", "Learning rate over the run, after the warm-up.", ("constant", "cosine"))
    warmup_steps: int = _field(0, "Steps over which the learning rate rises linearly from zero.")
    ema_decay: float = _field(0.999, "Decay of the generator's moving average, which is what is validated and kept.")

    # GAN phase.
    pretrained: str = _field(
        "",
        "Run folder, .keras file or shipped name to start from. Default: runs/PRESET-pretrain in the gan phase, random "
        "weights in the other.",
    )
    content: str = _field(
        "vgg19",
        "gan: network of the content loss; `sr-tf assets fetch` gets its weights.",
        ("vgg19", "craft_vgg16", "efficientnet_lite2"),
    )
    content_layers: str = _field(
        "",
        "gan: its layers, separated by commas; VGG's conv5_4 is before its ReLU, relu5_4 after it. Default: relu5_4 of "
        "vgg19 (SRGAN's), several of the others.",
    )
    content_weights: str = _field("", "gan: file with its weights. Default: the one that was fetched.")
    content_form: str = _field(
        "mse",
        "gan: how features are compared. mse: as SRGAN. unit: each position scaled to length 1 first, as LPIPS.",
        ("mse", "unit"),
    )
    content_weight: float = _field(0.006, "gan: weight of the distance of features.")
    adversarial_weight: float = _field(1e-3, "gan: weight of the generator's cross-entropy.")
    pixel_weight: float = _field(0.0, "gan: weight of the pixelwise MSE (in 8-bit levels squared).")
    structure_weight: float = _field(0.0, "gan: weight of 1 − SSIM at three sizes.")
    colour_weight: float = _field(0.0, "gan: weight of the MSE of local means, which forbids lattices.")
    discriminator_filters: int = _field(64, "gan: filters of the discriminator's first layer.")
    discriminator_learning_rate: float = _field(1e-4, "gan: Adam's peak learning rate for the discriminator.")
    select_by: str = _field(
        "content",
        "gan: distance on validation scenes that decides which generators are kept. content: that of the loss. enl0: "
        "by EfficientNet-Lite0, which no loss sees (`sr-tf assets fetch efficientnet_lite0`).",
        ("content", "enl0"),
    )

    # Watching.
    validate_every: int = _field(500, "Steps between validations; each also writes a checkpoint.")
    validation_scenes: int = _field(20, "At most this many validation scenes, evenly spread.")
    keep_best: int = _field(3, "How many of the best generators on validation are kept.")
    log_every: int = _field(50, "Steps between log lines and TensorBoard points.")

    # Speed.
    xla: bool = _field(False, "Compile forward pass and gradients with XLA. Meant for GPUs; see BUILD.md.")
    mixed_bfloat16: bool = _field(
        False, "Compute in bfloat16, keep float32 weights. On a CPU only sensible with --xla."
    )

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
        if self.scale not in (2, 4, 8):
            raise UserError(f"--scale={self.scale}: expected 2, 4 or 8")
        if self.structure_weight and self.crop_size * self.scale < 44:
            raise UserError(
                f"--crop_size={self.crop_size}: HR patches of {self.crop_size * self.scale} pixels, expected at least "
                "44 for --structure_weight, whose SSIM window is laid on a quarter of them"
            )
        if self.lr_qualities and not all(
            part.isdecimal() and int(part) <= 100 for part in self.lr_qualities.split(",")
        ):
            raise UserError(f"--lr_qualities={self.lr_qualities}: expected whole numbers from 0 to 100 and commas")
        if self.learn_reduction and (self.phase != "pretrain" or not self.lr_qualities):
            raise UserError(
                f"--learn_reduction --phase={self.phase} --lr_qualities={self.lr_qualities}: expected --phase=pretrain "
                "and some qualities"
            )
        if self.learn_reduction and self.crop_size % 8:
            raise UserError(f"--crop_size={self.crop_size}: expected a multiple of 8 for --learn_reduction")
        if not 0 <= self.ema_decay < 1:
            raise UserError(f"--ema_decay={self.ema_decay}: expected a number from 0 to below 1")

    @property
    def qualities(self) -> tuple[int, ...]:
        """`lr_qualities` as numbers."""
        return tuple(int(part) for part in self.lr_qualities.split(",") if part)

    def save(self, path: Path) -> None:
        """Writes the configuration as JSON."""
        write_atomically(path, json.dumps(dataclasses.asdict(self), indent=2) + "\n")


_POSITIVE = (
    "steps", "batch_size", "crop_size", "blocks", "filters", "learning_rate", "discriminator_learning_rate",
    "discriminator_filters", "rate_weight", "validate_every", "validation_scenes", "keep_best", "log_every",
    "scene_size",
)  # fmt: skip

# Fields that say where things are or how they are watched: they may change when a run is taken up again.
FREE_TO_CHANGE = {"run_dir", "data_dir", "tfds_dir", "cache_gib", "log_every", "content_weights", "pretrained"}


def load_config(path: Path) -> TrainConfig:
    """Reads what `TrainConfig.save` wrote.

    Raises:
        UserError: the file is missing, no JSON, or has other fields.
    """
    try:
        return TrainConfig(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, UserError) as error:
        raise UserError(f"{path}: not a configuration of this version of sr_tf ({error})") from error


def require_same_run(config: TrainConfig, earlier: TrainConfig, path: Path) -> None:
    """Refuses to continue a run whose settings were different.

    Raises:
        UserError: naming the first settings that differ.
    """
    now, before = dataclasses.asdict(config), dataclasses.asdict(earlier)
    changed = [name for name in now if name not in FREE_TO_CHANGE and now[name] != before[name]]
    if changed:
        shown = ", ".join(f"{name} {before[name]} there, {now[name]} asked for" for name in changed[:4])
        raise UserError(f"{path}: this run was started with other settings ({shown}); name another --run_dir")


_SMALL = {"blocks": 8, "filters": 32, "discriminator_filters": 32, "schedule": "cosine"}
_SMOKE = {"blocks": 4, "filters": 24, "discriminator_filters": 16, "validation_scenes": 4}

# The `paper` preset is the study's schedule to the letter. The study does not give batch, patch, learning rates or
# loss weights; those are SRGAN's (Ledig et al. 2017, arXiv 1609.04802, section 3.2). Residual scaling is EDSR's for its
# large model: 32 unscaled blocks start at values hundreds of times too large (after 240 steps on drawn smears 11.8 dB
# on validation, with 0.1 36.3 dB).
PRESETS = {
    ("paper", "pretrain"): TrainConfig(phase="pretrain", steps=20_000, residual_scaling=0.1),
    ("paper", "gan"): TrainConfig(phase="gan", steps=30_000, residual_scaling=0.1),
    ("small", "pretrain"): TrainConfig(
        **_SMALL, phase="pretrain", steps=20_000, batch_size=8, crop_size=40, learning_rate=1e-3,
        warmup_steps=500, validate_every=1_000,
    ),
    # The shipped m3; m1 and m2 have a quarter and half of its weights of content and adversary.
    ("small", "gan"): TrainConfig(
        **_SMALL, phase="gan", steps=300, batch_size=8, validate_every=100, learning_rate=5e-4, ema_decay=0.995,
        content="efficientnet_lite2", content_form="unit", content_weight=1.0, structure_weight=20.0,
        colour_weight=2.0, adversarial_weight=0.01, select_by="enl0", validation_scenes=6,
    ),
    ("smoke", "pretrain"): TrainConfig(
        **_SMOKE, phase="pretrain", steps=600, batch_size=8, learning_rate=2e-3, schedule="cosine",
        warmup_steps=20, validate_every=200, ema_decay=0.98,
    ),
    ("smoke", "gan"): TrainConfig(
        **_SMOKE, phase="gan", steps=100, batch_size=4, validate_every=50, ema_decay=0.98
    ),
}  # fmt: skip


def preset(name: str, phase: str, **changes) -> TrainConfig:
    """A named preset with some fields changed.

    Args:
        name: `paper`, `small` or `smoke`.
        phase: `pretrain` or `gan`.
        **changes: fields of `TrainConfig`.

    Raises:
        UserError: unknown preset or phase, or a value out of range.
    """
    if (name, phase) not in PRESETS:
        names = ", ".join(sorted({known for known, _ in PRESETS}))
        raise UserError(f"--preset={name} --phase={phase}: expected a preset of {names} and a phase of pretrain, gan")
    places = {"run_dir": f"runs/{name}-{phase}"}
    if phase == "gan":
        places["pretrained"] = f"runs/{name}-pretrain"
    return dataclasses.replace(PRESETS[name, phase], **{**places, **changes})
