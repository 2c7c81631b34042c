"""Procedurally drawn blood smears as a TFDS data set."""
