"""How a failure is repeated without Kernelwright."""
