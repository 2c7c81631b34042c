"""Measures whether a generator changes the stain: the mean of SR − HR in each channel, over all images of a folder.

python benchmarks/colour_shift.py --model=runs/small-gan --images=CHULA/test
"""

from absl import app, flags

from sr_tf.messages import load_tensorflow

flags.DEFINE_string("model", "small", "Shipped name, .keras file or run folder.")
flags.DEFINE_string("images", None, "Folder of HR images.", required=True)


def main(_) -> None:
    """Prints mean and extremes over images."""
    load_tensorflow()
    import numpy as np

    from sr_tf.data.images import find_images, read_folder
    from sr_tf.evaluation.compare import restorations
    from sr_tf.zoo import load_generator

    generators = {"SR": load_generator(flags.FLAGS.model)}
    shifts = [
        (restorations(hr, generators, "study")["SR"].astype(float) - hr).mean(axis=(0, 1))
        for _, hr in read_folder(find_images(flags.FLAGS.images))
    ]
    for channel, values in zip(("R", "G", "B"), np.transpose(shifts), strict=True):
        print(f"{channel}: mean {values.mean():+.2f}, from {values.min():+.2f} to {values.max():+.2f} of 255")


if __name__ == "__main__":
    app.run(main)
