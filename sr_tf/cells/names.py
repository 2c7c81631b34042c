"""The names of what can be counted, for the command line; without any other import."""

RED, NUCLEI, AUTO = "red", "nuclei", "auto"
CHOICES = (AUTO, RED, NUCLEI)
