"""Estimates the lowest ENL0 distance that a generator can reach: fine-tunes it on ENL0 itself.

  python benchmarks/enl0_bound.py --train=CHULA/train --test=CHULA/validation

No shipped generator was trained on ENL0. The result is a bound for generators of this size that are trained with other
losses. Prints, before and after training, the ENL0 distance, its part in the smoother half of each image (camera grain,
JPEG), PSNR, SSIM and the lattice.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from absl import app, flags

from sr_tf.images.degradation import crop_to, reduce
from sr_tf.images.reading import find_images, read_folder, read_rgb
from sr_tf.messages import load_tensorflow

flags.DEFINE_string("train", None, "Folder of HR images.", required=True)
flags.DEFINE_string("test", None, "Folder of further HR images.", required=True)
flags.DEFINE_string("model", "small", "The generator before training.")
flags.DEFINE_integer("steps", 1000, "Training steps, each with 8 patches of 24×24 LR pixels.")
flags.DEFINE_float("learning_rate", 1e-3, "Adam's initial learning rate, which falls along a cosine.")
flags.DEFINE_float("structure_weight", 0.0, "Weight of 1 − SSIM; ENL0 has weight 1.")
flags.DEFINE_float(
    "colour_weight",
    0.005,
    "Weight of the colour loss, against colour shifts and lattices; 2 in shipped ones.",
)

BATCH, CROP = 8, 24


class ImageFolder:
    """The images of a folder as `sr_tf.data.scene_store.Scenes`."""

    def __init__(self, folder: str):
        self._paths = find_images(folder)

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields (name, HR uint8 [H, W, 3])."""
        for index, path in enumerate(self._paths):
            yield str(path), self.read(index)

    def read(self, index: int) -> np.ndarray:
        """HR uint8 [H, W, 3] of one image."""
        return read_rgb(self._paths[index])


def main(_) -> None:
    """Scores the generator, trains it and scores it again."""
    options = flags.FLAGS
    load_tensorflow()
    import keras
    import tensorflow as tf
    from tqdm import tqdm

    from sr_tf.assets.store import locate
    from sr_tf.data.pipeline import training_batches
    from sr_tf.data.sampler import Sampler
    from sr_tf.data.scene_store import CodedLRs, SceneStore
    from sr_tf.generators.load import load_generator
    from sr_tf.models.efficientnet_lite import efficientnet_lite_features
    from sr_tf.training import losses

    generator = load_generator(options.model)
    network = efficientnet_lite_features("efficientnet_lite0", locate("efficientnet_lite0"))
    test = [hr for _, hr in read_folder(find_images(options.test))]
    _report(options.model, generator, network, test)

    reduction = CodedLRs(partial(reduce, scale=generator.scale))
    store = SceneStore(ImageFolder(options.train), generator.scale, reduction, CROP, cache_bytes=6 * 2**30)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(options.learning_rate, options.steps))
    optimizer.build(generator.trainable_variables)

    @tf.function
    def step(lr, hr):
        with tf.GradientTape() as tape:
            sr = generator(lr, training=True)
            loss = losses.unit_content(network(hr), network(sr)) + options.colour_weight * losses.colour(
                hr, sr, generator.scale
            )
            if options.structure_weight:
                loss += options.structure_weight * losses.structure(hr, sr)
        optimizer.apply(tape.gradient(loss, generator.trainable_variables), generator.trainable_variables)

    batches = training_batches(Sampler(store, BATCH, CROP, seed=0), start=0, stop=options.steps)
    for batch in tqdm(batches, total=options.steps, unit="step", disable=None):
        step(*batch)
    _report(f"{options.model}, {options.steps} steps on ENL0", generator, network, test)


def _report(name, generator, network, scenes) -> None:
    from sr_tf.generators.upscale import upscale
    from sr_tf.metrics.scores import mean_scores, score_image
    from sr_tf.metrics.spectrum import lattice_excess

    results = []
    for hr in scenes:
        sr = crop_to(upscale(generator, reduce(hr, generator.scale)), hr.shape[:2])
        total, smooth = _distance(network, hr, sr)
        lattice = lattice_excess(hr, sr, generator.scale)
        results.append({**score_image(hr, sr), "enl0": total, "smooth": smooth, "lattice": lattice})
    means = mean_scores(results)
    share = means["smooth"] / means["enl0"]
    values = f"PSNR {means['psnr']:.2f} dB, SSIM {means['ssim']:.4f}, lattice {means['lattice']:.1f} dB"
    print(f"{name}: ENL0 {means['enl0']:.3f} ({share:.0%} of it in smooth halves), {values}, {len(results)} scenes")


def _distance(network, hr, sr) -> tuple[float, float]:
    """The ENL0 distance, and its part at the positions where HR has less detail than in the median."""
    import cv2

    from sr_tf.metrics.feature_distance import unit_normalised

    grey = cv2.GaussianBlur(cv2.cvtColor(hr, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    detail = cv2.GaussianBlur(cv2.Laplacian(grey, cv2.CV_32F) ** 2, (0, 0), 4)
    total = smooth = 0.0
    for features in zip(*(network(np.float32(image[None])) for image in (hr, sr)), strict=True):
        a, b = (np.asarray(unit_normalised(feature))[0] for feature in features)
        squared = ((a - b) ** 2).sum(-1)
        local = cv2.resize(detail, squared.shape[::-1], interpolation=cv2.INTER_AREA)
        total += squared.mean()
        smooth += (squared * (local < np.median(local))).mean()
    return total, smooth


if __name__ == "__main__":
    app.run(main)
