"""Homology search: BLAST+ and other engines, and the prefilter that goes before them."""
