"""What a pair shows without a local alignment, and the trivial baselines made of it."""
