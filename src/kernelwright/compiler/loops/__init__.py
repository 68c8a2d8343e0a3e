"""AUL kernels as vector loops for a CPU core."""
