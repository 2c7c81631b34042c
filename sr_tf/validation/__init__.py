"""`sr-tf validate`: what an archive does to the cells that a red-cell finder counts and types."""
