"""What the finder is trained with; `keras.ops` only."""

import keras
from keras import ops


def centre_loss(wanted, logits):
    """The focal loss of centre maps, for each centre (Zhou et al. 2019, equation 1; α = 2, β = 4).

    Args:
        wanted: [N, h, w, 1], 1 at centres, a bell around them, 0 elsewhere.
        logits: [N, h, w, 1].

    Returns:
        A scalar, at least 0.
    """
    chance = ops.sigmoid(logits)
    at_centre = ops.cast(wanted >= 1.0, logits.dtype)
    hit = -ops.square(1.0 - chance) * ops.log_sigmoid(logits) * at_centre
    miss = -ops.square(chance) * ops.log_sigmoid(-logits) * ops.power(1.0 - wanted, 4) * (1.0 - at_centre)
    return ops.sum(hit + miss) / ops.maximum(ops.sum(at_centre), 1.0)


def type_loss(wanted, logits):
    """Weighted cross-entropy of the types where they are known.

    Args:
        wanted: [N, h, w, 2]: the type's number, and its weight, 0 where no type is known.
        logits: [N, h, w, types].

    Returns:
        A scalar, at least 0: the mean over all weights.
    """
    number, weight = ops.cast(wanted[..., 0], "int32"), wanted[..., 1]
    losses = keras.losses.sparse_categorical_crossentropy(number, logits, from_logits=True)
    return ops.sum(losses * weight) / ops.maximum(ops.sum(weight), 1e-6)
