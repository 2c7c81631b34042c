"""Chula RBC-12: 680 peripheral-blood fields in a partition without overlap between splits."""
