"""A second reader of slides, which shares no code with the first one (`sr_tf.slides.slide`).

`archive` and `verify --against` compare the two, so that a fault of one reader is found. Only pixels are read here, and
the bytes of JPEG segments; metadata and associated images are not.
"""
