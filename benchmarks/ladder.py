"""Applies the ladder test to every available metric and to the feature distance of CRAFT's VGG-16.

python benchmarks/ladder.py --images=CHULA/test --models=m1,m2,m3
"""

from functools import partial

from absl import app, flags

from sr_tf.messages import load_tensorflow

flags.DEFINE_string("images", None, "Folder of HR images.", required=True)
flags.DEFINE_integer("scenes", 6, "The largest number of images, evenly spread over the folder.", lower_bound=1)
flags.DEFINE_list("models", [], "Generators whose scores on the same scenes are printed below the table.")


def main(_) -> None:
    """Prints the table and the generators' scores."""
    load_tensorflow()
    from sr_tf.assets.store import is_cached
    from sr_tf.evaluation.measures import load_measures
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale
    from sr_tf.images.reading import find_images, read_rgb
    from sr_tf.metrics.ladder import SCALE, as_markdown, ladder_test
    from sr_tf.metrics.scores import SCORES

    measures = load_measures([], SCALE, "study")
    metrics = {SCORES[key]: function for key, function in measures.functions.items() if key != "lr_psnr"}
    if is_cached("craft_vgg16"):
        metrics |= _craft()
    paths = find_images(flags.FLAGS.images)
    chosen = paths[:: -(-len(paths) // flags.FLAGS.scenes)]
    print(as_markdown(ladder_test(metrics, map(read_rgb, chosen), partial(upscale, load_generator("small")))))
    for name in flags.FLAGS.models:
        print(f"{name}: {_scores(load_generator(name), metrics, chosen)}")
    print(f"Means over {', '.join(path.name for path in chosen)}.")
    for key, reason in measures.unmeasured.items():
        print(f"{SCORES[key].heading}: not measured ({reason}).")


def _scores(generator, metrics: dict, paths: list) -> str:
    import numpy as np

    from sr_tf.generators.upscale import upscale
    from sr_tf.images.degradation import crop_to, reduce
    from sr_tf.images.reading import read_rgb

    pairs = []
    for path in paths:
        hr = read_rgb(path)
        pairs.append((hr, crop_to(upscale(generator, reduce(hr, generator.scale)), hr.shape[:2])))
    return ", ".join(
        f"{score.heading} {score.text(float(np.mean([measure(*pair) for pair in pairs])))}"
        for score, measure in metrics.items()
    )


def _craft() -> dict:
    """The feature distance of CRAFT's VGG-16 (relu1_2, relu2_2, relu3_3, relu4_3)."""
    from keras import ops

    from sr_tf.assets.store import locate
    from sr_tf.metrics.feature_distance import feature_distance
    from sr_tf.metrics.scores import Score
    from sr_tf.models.features import craft_vgg16_features

    network = craft_vgg16_features(locate("craft_vgg16"))

    def distance(hr, sr) -> float:
        return float(feature_distance(*(network(ops.cast(image[None], "float32")) for image in (hr, sr)))[0])

    return {Score("craft", "CRAFT VGG-16", "", -1, 3, "", lambda scale, degradation: distance): distance}


if __name__ == "__main__":
    app.run(main)
