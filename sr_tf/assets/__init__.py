"""Weights of networks that others trained: their sources, fetching them, and checking their hashes."""
