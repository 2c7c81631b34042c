"""Networks built only from `keras.layers` and `keras.ops`, so that they run on every Keras backend."""
