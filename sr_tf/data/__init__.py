"""Training data: cutting scenes, finding near-duplicates, drawing smears, the scene store, the tf.data pipeline."""
