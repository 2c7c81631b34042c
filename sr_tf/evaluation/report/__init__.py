"""The evaluation report: one HTML page without any other file."""
