"""Programs and kernels the stages call."""
