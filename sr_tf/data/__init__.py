"""Images to training examples: reading, cutting, guarding the split, synthetic smears, the tf.data pipeline."""
