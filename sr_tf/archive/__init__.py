"""Archives of slides: every restored tile was measured against the original before the original was let go."""
