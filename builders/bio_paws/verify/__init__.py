"""The invariants of a finished data set, recomputed from its files alone."""
