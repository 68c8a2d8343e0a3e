"""How fast: candidates and baselines interleaved, under clocks that are held against each other."""
