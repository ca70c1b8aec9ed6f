"""Build the bioPAWS data set."""
