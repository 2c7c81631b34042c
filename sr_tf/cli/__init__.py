"""The command lines: `sr-tf`, and the flags of `train.py` and `evaluate.py`."""
