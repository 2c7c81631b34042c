"""The parts of `benchmarks/fuzz.py`: intact inputs, mutators, the commands that read them, and the worker process."""
