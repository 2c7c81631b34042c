"""Networks, built from `keras.layers` and `keras.ops` alone: they run on any Keras backend."""
