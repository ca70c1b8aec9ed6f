"""Parse and validate source files into one corpus of sequences, genes and proteins."""
