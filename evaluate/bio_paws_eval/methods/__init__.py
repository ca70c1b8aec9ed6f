"""How a model answers pairs: fine-tuned, by a probe of frozen features, by the cosine of embeddings, or prompted."""
