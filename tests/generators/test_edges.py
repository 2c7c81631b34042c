"""Images mirrored at their edges, and the same inside a graph."""

import numpy as np
import pytest
import tensorflow as tf

from sr_tf.generators.edge_graph import mirrored_tensor
from sr_tf.images.edges import EDGE, mirrored, without_edges


def test_the_edge_pixels_are_repeated_once_and_the_others_mirrored():
    row = np.arange(10, 30, dtype=np.uint8)
    found = mirrored(np.broadcast_to(row[None, :, None], (3, 20, 3)))
    assert found.shape == (3 + 2 * EDGE, 20 + 2 * EDGE, 3)
    expected = np.concatenate([row[:EDGE][::-1], row, row[-EDGE:][::-1]])
    np.testing.assert_array_equal(found, np.broadcast_to(expected[None, :, None], found.shape))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 5), (8, 8), (33, 20)])
def test_a_graph_mirrors_images_of_any_size_alike(size):
    images = np.random.default_rng(0).uniform(0, 255, (2, *size, 3)).astype(np.float32)
    graph = tf.function(mirrored_tensor, input_signature=[tf.TensorSpec([None, None, None, 3])])
    np.testing.assert_array_equal(graph(tf.constant(images)), mirrored(images))
    np.testing.assert_array_equal(without_edges(mirrored(images), 1), images)
