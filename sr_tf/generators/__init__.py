"""A generator as it restores: loading it, running it, and what goes with it."""
