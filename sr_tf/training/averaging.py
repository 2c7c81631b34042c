"""The moving average of a network's weights, which is validated, saved and shipped."""

from keras import ops


def moved_averages(averages: list, weights: list, step, decay: float) -> list:
    """Updates an exponential moving average of weights after a step.

    In the first steps the decay is (1 + step) / (10 + step), so that the initial weights lose their influence quickly.

    Args:
        averages: the averages before the step, a list of tensors.
        weights: the weights after the step, tensors of the same shapes.
        step: the number of steps so far, including this one; a number or a scalar tensor.
        decay: share of the old average that remains after each step, below 1.

    Returns:
        The new averages, in the same order.
    """
    count = ops.cast(step, "float32")
    share = 1.0 - ops.minimum(decay, (1.0 + count) / (10.0 + count))
    return [average + share * (weight - average) for average, weight in zip(averages, weights, strict=True)]
