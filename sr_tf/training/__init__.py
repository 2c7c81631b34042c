"""Training: objectives, the step on TensorFlow and on JAX, the run loop, checkpoints, validation and selection."""
