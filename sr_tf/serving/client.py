"""A client that restores images on a server with TF Serving's protocol.

    with connect("grpc://localhost:8500", "small") as served:
        sr = served.restore(lr)

The client sends an image as tiles with the network's halo, several at a time, and assembles the results. The pixels are
those of one pass over the whole image, which the server mirrors at its edges, for any image size and in bounded memory
on both sides. A version that was exported by sr_tf 0.2.0 or earlier pads with zeros there.
"""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, UnidentifiedImageError

from sr_tf.errors import UserError
from sr_tf.generators.upscale import TILE, plan
from sr_tf.images.pixels import to_uint8
from sr_tf.images.reading import encode_png
from sr_tf.images.tiles import HaloTile
from sr_tf.serving.contract import ENCODED, FLOAT, GEOMETRY, IMAGE_BYTES, IMAGES, PROBE, RADIUS, SCALE
from sr_tf.serving.retry import CONNECTING, NotFoundError, ask_until

IN_FLIGHT = 4


def connect(
    target: str,
    model: str,
    *,
    timeout: float = 60.0,
    deadline: float = 300.0,
    in_flight: int = IN_FLIGHT,
    png: bool | None = None,
) -> "Client":
    """Connects to a served generator and asks for its scale and receptive radius.

    Args:
        target: `grpc://host:port` or `http://host:port`. `grpc` imports TensorFlow, `http` does not.
        model: the name under which the generator is served.
        timeout: seconds that one request may take.
        deadline: seconds that a tile or a file may take in all, with the repeated requests to a server that is
            unavailable or busy. `connect` itself gives up after 3 s where no connection can be opened.
        in_flight: the largest number of simultaneous requests of this client, over all threads that use it. Further
            requests wait.
        png: send and receive tiles as PNG files (signature `encoded`) instead of float32 (`serving_default`). The
            pixels are the same. The default is PNG over `http`, where floats would be sent as text, and float32 over
            `grpc`, where this saves both sides the coding.

    Returns:
        A client. Close it, or use it as a context manager.

    Raises:
        UserError: the address is not valid, no server answers there, or the server has no such generator.
    """
    parts = urlsplit(target)
    try:
        complete = bool(parts.hostname and parts.port) and not (parts.path or parts.query or parts.username)
    except ValueError:
        complete = False
    if parts.scheme not in ("grpc", "http") or not complete:
        raise UserError(f"{target}: expected grpc://host:port or http://host:port")
    if parts.scheme == "grpc":
        from sr_tf.serving.grpc_transport import GrpcTransport

        transport = GrpcTransport(parts.netloc, model)
    else:
        from sr_tf.serving.rest_transport import RestTransport

        transport = RestTransport(parts.netloc, model, in_flight)
    png = parts.scheme == "http" if png is None else png
    client = Client(transport, model, timeout, deadline, in_flight, png)
    try:
        client.ask_geometry()
    except BaseException:
        client.close()
        raise
    return client


class Client:
    """A generator on a server, returned by `connect`. It is thread-safe.

    Attributes:
        target: the server's address, as given to `connect`.
        model: the name under which the generator is served.
        scale: enlargement in each direction.
        receptive_radius: halo of a tile in LR pixels.
    """

    def __init__(self, transport, model: str, timeout: float, deadline: float, in_flight: int, png: bool):
        self.target = transport.target
        self.model = model
        self.scale = 0
        self.receptive_radius = 0
        self._transport = transport
        self._timeout = timeout
        self._deadline = deadline
        self._png = png
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="sr-tf-serving")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancels waiting and running requests and closes the connection."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._transport.close()
        self._pool.shutdown(wait=True)

    def ask_geometry(self) -> None:
        """Gets `scale` and `receptive_radius` from the server. `connect` calls this."""
        answer = self._predict(GEOMETRY, {PROBE: np.zeros(1, np.int32)})
        numbers = [answer.get(name, np.empty(0)) for name in (SCALE, RADIUS)]
        if any(value.shape != (1,) or value.dtype.kind not in "iu" for value in numbers) or numbers[0][0] < 1:
            found = {name: value.tolist() for name, value in answer.items()}
            raise UserError(
                f"{self.target}: model {self.model!r} answered {found}, expected its {SCALE} and {RADIUS}; "
                "was it written by `sr-tf export`?"
            )
        self.scale, self.receptive_radius = (int(value[0]) for value in numbers)

    def status(self) -> dict[int, str]:
        """Asks for the state of each version of the model, for instance {1: "AVAILABLE"}.

        Raises:
            UserError: the server cannot be reached, or does not have the model.
        """
        try:
            return ask_until(self._deadline, self._timeout, self._transport.status)
        except NotFoundError as error:
            raise UserError(f"{self.target}: serves no model {self.model!r} ({error})") from error

    def restore(self, lr: np.ndarray, tile: int = TILE, progress: Callable[[], object] | None = None) -> np.ndarray:
        """Restores one image on the server, with the pixels of `sr_tf.generators.upscale.upscale`.

        Args:
            lr: uint8 [h, w, 3], RGB.
            tile: side of a tile in LR pixels, without its halo.
            progress: called after each tile; None: nothing is called.

        Returns:
            uint8 [scale · h, scale · w, 3], RGB.

        Raises:
            UserError: a tile was not restored before its deadline, or the answer does not fit the tile.
            ValueError: `lr` is not uint8 RGB, or `tile` is not positive.
        """
        sr, tiles = plan(lr, tile, self)

        def restore_tile(one: HaloTile) -> None:
            sr[one.place] = self._restore_pixels(lr[one.seen])[one.kept]

        jobs = [self._pool.submit(restore_tile, one) for one in tiles]
        try:
            for job in jobs:
                job.result()
                if progress is not None:
                    progress()
        finally:
            # After an error or an interruption, the remaining tiles are not needed.
            for job in jobs:
                job.cancel()
        return sr

    def restore_file(self, file: bytes) -> bytes:
        """Restores one image file in a single pass. Servers refuse images of more than 512 × 512 pixels.

        Args:
            file: the content of a PNG or JPEG file.

        Returns:
            The content of a PNG file.

        Raises:
            UserError: the file was not restored before its deadline, the server cannot read it, or the answer is not
                one PNG file.
        """
        return self._pool.submit(self._restore_file, file).result()

    def _restore_file(self, file: bytes) -> bytes:
        answer = self._predict(ENCODED, {IMAGE_BYTES: np.array([file], object)}).get(IMAGE_BYTES)
        if answer is None or answer.shape != (1,) or not isinstance(answer[0], bytes):
            raise UserError(f"{self.target}: model {self.model!r} answered {_shown(answer)}, expected one PNG file")
        return answer[0]

    def _restore_pixels(self, lr: np.ndarray) -> np.ndarray:
        height, width = (self.scale * side for side in lr.shape[:2])
        if self._png:
            sr = _decoded(self._restore_file(encode_png(np.ascontiguousarray(lr))))
            fits = sr is not None and sr.shape == (height, width, 3)
        else:
            sr = self._predict(FLOAT, {IMAGES: lr[None].astype(np.float32)}).get(IMAGES)
            fits = sr is not None and sr.shape == (1, height, width, 3) and sr.dtype == np.float32
            fits = fits and bool(np.isfinite(sr).all())
        if not fits:
            raise UserError(
                f"{self.target}: model {self.model!r} answered {_shown(sr)} to {lr.shape[1]}×{lr.shape[0]} pixels, "
                f"expected finite RGB pixels, {width}×{height}"
            )
        return sr if self._png else to_uint8(sr[0])

    def _predict(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        def ask(timeout: float) -> dict[str, np.ndarray]:
            return self._transport.predict(signature, inputs, timeout)

        try:
            # Before the first answer it is likely that no server is there at all; later, that it is restarted.
            return ask_until(self._deadline, self._timeout, ask, None if self.scale else CONNECTING)
        except NotFoundError as error:
            states = ", ".join(f"version {version} is {state}" for version, state in self.status().items())
            raise UserError(f"{self.target}: model {self.model!r} is not ready ({states or error})") from error


def _decoded(file: bytes) -> np.ndarray | None:
    """The pixels of a PNG file, or None: it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(file), formats=["PNG"]) as image:
            return np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _shown(array: np.ndarray | None) -> str:
    return "nothing usable" if array is None else f"{array.dtype} {list(array.shape)}"
