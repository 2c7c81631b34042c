"""Archiving many slides in one call that can be interrupted, with a table of what came out."""
