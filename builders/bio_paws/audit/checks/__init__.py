"""The checks: each module yields the findings of one idea. A new one also has an entry in `bio_paws.audit.catalog`."""
