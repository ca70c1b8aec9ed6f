"""How tables, figures and pages look."""
