"""Models: find their files, load them, encode pairs, fine-tune, predict."""
