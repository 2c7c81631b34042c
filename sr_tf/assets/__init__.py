"""Networks' weights that others trained: where they come from, how they are fetched, and how each byte is checked."""
