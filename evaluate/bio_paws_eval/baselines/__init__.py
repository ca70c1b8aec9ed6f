"""Baselines and upper bounds: how far one gets without a neural network."""
