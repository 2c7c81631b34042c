"""Evaluation: generators, interpolation and codecs compared in tables, figures and a report."""
