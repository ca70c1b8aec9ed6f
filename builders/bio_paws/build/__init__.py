"""Build pairs from genomes. `pipeline.py` reads from top to bottom."""
