"""Sequences that differ by little: short ones by edit distance, exactly; long ones by sketches of their k-mers."""
