"""Images in memory and in files: reading, degradation, pixels, codecs, tiles."""
