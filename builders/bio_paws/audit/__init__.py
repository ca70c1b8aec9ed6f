"""The audit of a pair data set: shortcuts, leaks and conflicts. `run.py` reads from top to bottom."""
