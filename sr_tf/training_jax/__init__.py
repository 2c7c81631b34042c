"""Both training phases on Keras's JAX backend, for GPU machines: they want JAX, Keras and NumPy, and no TensorFlow.

`pack` writes scenes to a file on any machine with sr_tf; `train` trains from it.
"""
