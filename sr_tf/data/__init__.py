"""From images to training examples: cutting scenes, finding duplicates, drawing smears, the tf.data pipeline."""
