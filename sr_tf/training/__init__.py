"""Both training phases: models with their `train_step`, distribution, checkpoints, selection."""
