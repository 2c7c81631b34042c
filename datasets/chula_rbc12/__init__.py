"""Chula RBC-12: 680 peripheral-blood fields with a partition that does not leak."""
