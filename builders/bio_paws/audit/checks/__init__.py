"""The checks of an audit: each module yields the findings of one idea.

A new check also has an entry in `bio_paws.audit.catalog`, and a new function is called in `bio_paws.audit.run`.
"""
