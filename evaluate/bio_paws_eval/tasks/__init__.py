"""The pairs that a model is trained and tested on."""
