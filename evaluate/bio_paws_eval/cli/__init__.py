"""The verbs of evaluation. One module a verb."""
