"""Runs `sr-tf rate-distortion`: compares full-size codecs with restored LR images at equal size."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sr_tf.disk.files import make_folder, write_atomically
from sr_tf.disk.outputs import ANY, check_outputs
from sr_tf.errors import UserError
from sr_tf.evaluation import rate_tables
from sr_tf.evaluation.curves import picture
from sr_tf.evaluation.measures import ALWAYS, load_measures, run_ladder_test
from sr_tf.evaluation.rate_distortion import measure
from sr_tf.evaluation.rate_methods import DEGRADATION, default_methods
from sr_tf.evaluation.rate_results import RateDistortion
from sr_tf.generators.load import ZOO, load_generator, load_network, load_reducer, shipped
from sr_tf.generators.names import labels
from sr_tf.generators.upscale import upscale
from sr_tf.images.reading import find_images, read_folder
from sr_tf.metrics.scores import SCORES

_TABLES = ("table.txt", "table.md", "deltas.md", "rate-distortion.json")
_DEFAULT = ("lpips_alex",)
"""The scores besides PSNR and SSIM if none is named, as far as their files were fetched."""
_DIRECTED = [key for key, score in SCORES.items() if score.better]
"""The scores for which higher or lower is better; only these can be drawn as curves."""


def compare_rates(
    folder: Path,
    out: Path,
    models: Sequence[str],
    refine: Sequence[str],
    scores: Sequence[str] | None,
    band: tuple[float, float],
    workers: int,
    strict: bool,
) -> None:
    """Measures every image of a folder, prints the table, and writes tables, curves, deltas and all points.

    Args:
        folder: the folder of HR images.
        out: the folder for the results. It keeps each image's points in `images/`, so a later call can continue.
        models: generators and filters, as `sr_tf.generators.load.load_network` takes them.
        refine: those of `models` that are also measured with refined LRs; no filters.
        scores: keys of `sr_tf.metrics.scores.SCORES` in addition to PSNR and SSIM; None: LPIPS if it was fetched.
        band: the lowest and highest rate for the mean gain, in bit/pixel.
        workers: the number of encoders that run at the same time.
        strict: whether to stop at an unreadable image instead of skipping it.

    Raises:
        UserError: the folder has no images, `out` cannot be written, a generator or score does not exist, `refine`
            names another one, or the files of a score are missing.
    """
    unknown = sorted(set(scores or ()) - set(_DIRECTED))
    if unknown:
        raise UserError(
            f"--scores={','.join(unknown)}: not a score for curves, expected some of {', '.join(_DIRECTED)}"
        )
    if others := [where for where in refine if where not in models]:
        raise UserError(f"--refine={','.join(others)}: not among --models={','.join(models)}")
    wheres = labels(models)
    paths = find_images(folder)
    # The command may be repeated, so its own results are replaced, but no image of the data set.
    curves = [f"curves-{key}.png" for key in (*ALWAYS, *(_DEFAULT if scores is None else scores))]
    check_outputs([out / name for name in (*_TABLES, *curves)], ANY, {"input image": paths}, overwrite=True)
    make_folder(out)
    generators = {label: load_network(where) for label, where in wheres.items()}
    reducers = {label: load_reducer(where) for label, where in wheres.items()}
    with_refined = [label for label, where in wheres.items() if where in refine]
    if filters := [label for label in with_refined if generators[label].scale == 1]:
        raise UserError(f"--refine={','.join(filters)}: a filter, expected generators that enlarge")
    methods = default_methods(generators, reducers, with_refined)

    def scenes():
        for path, image in read_folder(paths, strict):
            yield str(path.relative_to(folder)), image

    named = () if scores is None else (*ALWAYS, *scores)
    measures = load_measures(named, rate_tables.SCALE, DEGRADATION, _DEFAULT)
    if any(SCORES[key].perceptual for key in measures.functions):
        measures = run_ladder_test(measures, scenes, partial(upscale, load_generator("small")))
    points, sizes = measure(scenes(), methods, measures, out / "images", workers, len(paths))
    result = RateDistortion(
        points=points,
        methods=tuple(methods),
        sizes=sizes,
        data=f"{folder.resolve().parent.name}/{folder.resolve().name}",
        scores=tuple(measures.functions),
        band=band,
        weights={label: _weight(where, generators[label]) for label, where in wheres.items()},
        unmeasured=measures.unmeasured,
        ladders=measures.ladders,
    )
    tables = (
        rate_tables.table_text(result),
        rate_tables.table_markdown(result),
        rate_tables.deltas_markdown(result),
        rate_tables.as_json(result),
    )
    files = {
        **dict(zip(_TABLES, tables, strict=True)),
        **{f"curves-{key}.png": picture(result, key) for key in result.scores},
    }
    for name, content in files.items():
        write_atomically(out / name, content)
    print(files["table.txt"])
    print(f"{out}: {', '.join(files)}")


def _weight(where: str, generator) -> int:
    """The bytes of a generator's weights: the shipped file, or two for each weight of a user's generator (float16)."""
    if where in shipped():
        return (ZOO / where / "weights.npz").stat().st_size
    return 2 * generator.count_params()
