"""Restores stored images: by bicubic interpolation, a generator, or a filter at full size."""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from sr_tf.archive.kinds import Kind
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE, engine_version, on_engine, require_installed
from sr_tf.generators.load import build_generator, has_reducer, load_network, load_reducer
from sr_tf.generators.names import parse_model
from sr_tf.generators.recorded import Recorded, recorded_of
from sr_tf.generators.reduction import reduce_inside
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.pixels import to_uint8, with_quality
from sr_tf.models.shape import REDUCER_RADIUS, completed, radius_of

BICUBIC_RADIUS = 2
"""Bicubic interpolation at a pixel depends on LR pixels up to this far away."""
_LOADING = threading.Lock()
"""Held while a network is built: two threads that begin to import a framework at once can wait for each other."""


class BlockGenerator:
    """A generator or a filter that restores blocks of an archive.

    Of one that ships or is `recorded`, Keras and its backend are imported and the network is built when it is first
    used: archives whose blocks need no generator work without them, and most slides need few. Thread-safe.

    Args:
        where: its name or path, see `sr_tf.generators.load.load_network`.
        engine: what runs it, a name in `sr_tf.generators.engines.ENGINES`.
        refine: whether it refines LRs before they are stored; a filter does not.
        recorded: the weights to use instead of those of `where`, which is then only a label. Such a generator
            restores; it has no reducer.

    Attributes:
        scale: enlargement in each direction; 1 for a filter.
        told: whether it is told the codec's level.
        radius: receptive radius in LR pixels.
        reduction_margin: HR pixels around an image on which its LR depends; 0 if an LR is the mean of pixels.
        record: what an archive stores about it: its name, its architecture, the SHA-256 of its weights, and the engine
            with its version.
        refiner: a `sr_tf.generators.refinement.Refiner`, or None.
        weights: float32, in the order of the layers.

    Raises:
        UserError: the generator does not exist or cannot be read, or the engine is not installed.
    """

    def __init__(
        self, where: str, engine: str = DEFAULT_ENGINE, refine: bool = False, recorded: Recorded | None = None
    ):
        require_installed(engine)
        name, reduces = where, False
        if recorded is None:
            name = str(parse_model(where))
            recorded, reduces = _found(name), has_reducer(name)
        architecture = completed(recorded.architecture)
        self._engine = engine
        self.scale = architecture["scale"]
        self.told = self.scale == 1 or architecture.get("quality_input", False)
        self.radius = radius_of(architecture)
        self.reduction_margin = REDUCER_RADIUS * self.scale if reduces else 0
        self.record = {
            "name": name,
            "architecture": architecture,
            "weights_sha256": recorded.sha256,
            "engine": engine_version(engine),
        }
        self.weights = recorded.weights
        self.refiner = None
        if refine and self.scale > 1:
            from sr_tf.generators.refinement import Refiner

            self.refiner = Refiner(self._model)

    @cached_property
    def _model(self):
        return build_generator(self.record["architecture"], self.weights)

    @cached_property
    def _network(self):
        return on_engine(self._model, self._engine, inner=True)

    @cached_property
    def _reducer(self):
        return load_reducer(self.record["name"])

    def __call__(self, window: np.ndarray, level: float) -> np.ndarray:
        """Restores the middle of a window.

        Args:
            window: uint8 [h, w, 3] with `radius` LR pixels on each side that are context only.
            level: the codec's level, for networks that are told it.

        Returns:
            uint8 [scale · (h − 2 · radius), scale · (w − 2 · radius), 3].
        """
        if self.told:
            window = with_quality(window, level)
        with _LOADING:
            network = self._network
        return to_uint8(network.predict_on_batch(window[None].astype(np.float32))[0])

    def reduce(self, hr: np.ndarray) -> np.ndarray:
        """Reduces an image with the reducer that the generator was trained with; only if `reduction_margin` is not 0.

        Args:
            hr: uint8 [H, W, 3] with `reduction_margin` pixels on each side; H and W are multiples of the scale.

        Returns:
            uint8 [(H − 2 · margin) / scale, (W − 2 · margin) / scale, 3].
        """
        with _LOADING:
            reducer = self._reducer
        return reduce_inside(reducer, hr)


def _found(name: str) -> Recorded:
    """A generator's shape and weights: read from its file if it ships, else from the network of a user's file."""
    if found := recorded_of(name):
        return found
    network = load_network(name)
    from sr_tf.models.edsr import architecture

    return Recorded(architecture(network), network.get_weights())


def load_generators(names: list[str], engine: str = DEFAULT_ENGINE, refine: bool = False) -> dict[int, BlockGenerator]:
    """Loads generators.

    Args:
        names: names or paths of the generators.
        engine: what runs them.
        refine: whether they refine LRs before they are stored.

    Returns:
        The generators by their scale.

    Raises:
        UserError: a generator cannot be loaded, or two have the same scale.
    """
    generators: dict[int, BlockGenerator] = {}
    for name in names:
        generator = BlockGenerator(name, engine, refine)
        if generator.scale in generators:
            raise UserError(
                f"{name}: enlarges ×{generator.scale}, as {generators[generator.scale].record['name']} does; "
                "expected one generator for each scale"
            )
        generators[generator.scale] = generator
    return generators


def halo(kind: Kind, generators: Mapping[int, BlockGenerator]) -> int:
    """The number of LR pixels around a block, on each side, on which its restoration depends."""
    return generators[kind.scale].radius if kind.generator else BICUBIC_RADIUS


def middle(window: np.ndarray, scale: int, halo: int, size: tuple[int, int]) -> np.ndarray:
    """The image inside a window's halo, of a block of `size` (H, W) in HR pixels."""
    rows, columns = (-(-length // scale) for length in size)
    return window[halo : halo + rows, halo : halo + columns]


def with_middle(window: np.ndarray, image: np.ndarray, scale: int, halo: int, size: tuple[int, int]) -> np.ndarray:
    """A copy of a window in which an image takes the place of its `middle`; uint8 [h, w, 3]."""
    window = window.copy()
    middle(window, scale, halo, size)[:] = image
    return window


def restored_in(
    window: np.ndarray,
    image: np.ndarray,
    scale: int,
    halo: int,
    generator: BlockGenerator | None,
    level: float,
    size: tuple[int, int],
) -> np.ndarray:
    """Restores a block that is stored as an image, with the surroundings of a window.

    Args:
        window: uint8 [h, w, 3], the halo included; it is not changed.
        image: what takes the place of its middle, uint8 [ceil(H / scale), ceil(W / scale), 3].
        scale: see `enlarge_window`.
        halo: see `enlarge_window`.
        generator: see `enlarge_window`.
        level: see `enlarge_window`.
        size: (H, W) of the block in HR pixels.

    Returns:
        uint8 [H, W, 3].
    """
    window = with_middle(window, image, scale, halo, size)
    return enlarge_window(window, scale, halo, generator, level)[: size[0], : size[1]]


def enlarge_window(
    window: np.ndarray,
    scale: int,
    halo: int,
    generator: BlockGenerator | None,
    level: float = 0,
    cubic: Callable[[np.ndarray, int], np.ndarray] = enlarge_cubic,
) -> np.ndarray:
    """Enlarges an LR window and cuts its halo off.

    Args:
        window: uint8 [h, w, 3], the halo included.
        scale: enlargement in each direction.
        halo: LR pixels on each side that are context only; a generator's radius.
        generator: a generator of that scale; None: bicubic interpolation.
        level: the codec's level, for networks that are told it.
        cubic: the bicubic interpolation.

    Returns:
        uint8 [scale · (h − 2 · halo), scale · (w − 2 · halo), 3].
    """
    if generator is not None:
        return generator(window, level)
    large, cut = cubic(window, scale), scale * halo
    return large[cut : large.shape[0] - cut, cut : large.shape[1] - cut]
