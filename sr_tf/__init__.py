"""Super-resolution storage of microscope images: reduce, keep, reconstruct, measure.

For research use only: not a medical device.
"""

__version__ = "0.3.0"
