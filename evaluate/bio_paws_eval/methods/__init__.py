"""How a model answers pairs: fine-tuned, by a probe of embeddings, by the cosine of embeddings, or prompted."""
