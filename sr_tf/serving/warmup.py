"""Warm-up requests: TF Serving replays them while it loads a version, before it sends clients there."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from sr_tf.generators.upscale import TILE
from sr_tf.images.reading import encode_png
from sr_tf.serving.contract import ENCODED, FLOAT, GEOMETRY, IMAGE_BYTES, IMAGES, PROBE

# The place in a version's folder where TF Serving looks for them.
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


def write_warmup(version: Path, halo: int) -> None:
    """Writes one request for each signature, of the size that clients send most: a whole tile with its halo.

    Args:
        version: the folder of a SavedModel.
        halo: the generator's receptive radius in LR pixels.
    """
    side = TILE + 2 * halo
    # TensorFlow stores a tensor of one repeated value as that value alone, so that the file stays small.
    tile = tf.make_tensor_proto(127.5, tf.float32, shape=[1, side, side, 3])
    file = encode_png(np.full((side, side, 3), 128, np.uint8))
    inputs = {
        FLOAT: (IMAGES, tile),
        ENCODED: (IMAGE_BYTES, tf.make_tensor_proto([file])),
        GEOMETRY: (PROBE, tf.make_tensor_proto([0], tf.int32)),
    }
    path = version / WARMUP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, (name, tensor) in inputs.items():
            request = predict_pb2.PredictRequest(inputs={name: tensor})
            request.model_spec.signature_name = signature
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
