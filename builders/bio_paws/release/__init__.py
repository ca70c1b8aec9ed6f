"""Publish a data set on the Hub, and fill the datasets cache from a folder."""
