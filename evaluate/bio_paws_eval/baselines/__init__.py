"""Results of the baselines and upper bounds that `bio_paws.features.baselines` defines."""
