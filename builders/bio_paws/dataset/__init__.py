"""A finished data set on disk: its manifest, card, versions and signed statement."""
