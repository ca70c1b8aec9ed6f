"""Genes made shorter by a model that learnt to summarise English: is it DNA, and are homologs found by it."""
