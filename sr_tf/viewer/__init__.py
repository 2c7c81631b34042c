"""`sr-tf view`: a deep-zoom page of an archive or a slide. An archive's tiles are restored when they are looked at."""
