from kernelwright.task.evolve_coroutines import evolve

__all__ = ["evolve"]
