"""The names of what can be counted and of what must agree, for the command line; without any other import."""

RED, NUCLEI, AUTO = "red", "nuclei", "auto"
CHOICES = (AUTO, RED, NUCLEI)

SAME_TYPES, SAME_COUNT = "types", "count"
AGREEMENTS = (SAME_TYPES, SAME_COUNT)
"""What must agree between the red cells of an original and of an archive: which there are and their types, or only
which there are."""
