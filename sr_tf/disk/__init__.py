"""Files on disk: atomic writes, the journal of finished work, byte ranges, hashes."""
