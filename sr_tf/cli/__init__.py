"""The command line: `sr-tf`, and the flags of `train.py` and `evaluate.py`."""
