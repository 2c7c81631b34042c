"""Everything that runs a generator: loading, engines, restoring by tiles, reduction and refinement."""
