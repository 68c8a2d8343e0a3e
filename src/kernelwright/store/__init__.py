"""The append-only record of runs."""

from kernelwright.store.store import Run, Step, Store

__all__ = ["Run", "Step", "Store"]
