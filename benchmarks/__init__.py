"""What `make bench` runs: ratios against a reference in the same run."""
