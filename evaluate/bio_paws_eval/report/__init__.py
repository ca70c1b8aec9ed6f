"""A folder of results as tables, figures and one HTML page."""
