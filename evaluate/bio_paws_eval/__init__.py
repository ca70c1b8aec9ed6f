"""Evaluate language models on PAWS-X and bioPAWS."""
