"""Pretraining from scratch: sources -> documents -> tokenizer -> packed tokens -> model -> perplexities."""
