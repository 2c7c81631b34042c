"""The checks of `benchmarks/cases.py`: one function for each reported case."""
