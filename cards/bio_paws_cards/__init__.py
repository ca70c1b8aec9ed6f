"""Render the card of a bioPAWS data set."""
