"""Many evaluations as one plan."""
