"""Exact local alignment, its statistics, and DNA read as protein."""
