"""Build, check and load the bioPAWS data set."""

from bio_paws.dataset.load import load

__all__ = ["load"]
