"""Load a classifier, encode pairs, fine-tune, predict."""
