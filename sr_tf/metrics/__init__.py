"""Measures of image quality, each with its protocol: channels, border, range."""
