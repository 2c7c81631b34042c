"""The moving average of a network's weights: what is validated, kept and shipped."""

from keras import ops


def moved_averages(averages: list, weights: list, step, decay: float) -> list:
    """Moves an exponential moving average towards the weights of a step.

    Early on the decay is (1 + step) / (10 + step), so that the first weights are soon forgotten.

    Args:
        averages: tensors.
        weights: tensors of the same shapes.
        step: how many steps were taken, including this one; number or scalar tensor.
        decay: share of the old average that is kept in each step, below 1.

    Returns:
        The new averages.
    """
    count = ops.cast(step, "float32")
    share = 1.0 - ops.minimum(decay, (1.0 + count) / (10.0 + count))
    return [average + share * (weight - average) for average, weight in zip(averages, weights, strict=True)]
