"""Which pairs baselines are fitted and measured on, and intervals that count pairs with shared sequences as one."""
