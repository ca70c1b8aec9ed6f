"""One evaluation: prepare it, estimate it, run it. `run.py` reads from top to bottom."""
