"""In the timing worker: copies of the outputs of many calls, in memory that is there before."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.frameworks._base import Framework
from kernelwright.sandbox.worker import Answer


class Volleys:
    """Outputs of the calls of one volley, each in memory of its own that later volleys use again,
    so that all calls but those of the first volley pay the same for it."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._kept: list[tuple[list[Any], str]] = []

    def keep(self, number: int, result: Any) -> None:
        """Copies the outputs of call ``number``; raises TypeError for what is no output."""
        tensors, structure = self._framework.flatten(result)
        known = self._kept[number][0] if number < len(self._kept) else []
        copies = [
            _copied(tensor, known[i] if i < len(known) else None)
            for i, tensor in enumerate(tensors)
        ]
        self._kept[number : number + 1] = [(copies, structure)]

    def outputs(self, number: int) -> Answer:
        """The outputs of call ``number``."""
        copies, structure = self._kept[number]
        arrays = [np.array(self._framework.to_numpy(copy), order="C") for copy in copies]
        return {"structure": structure}, arrays


def _copied(tensor: Any, into: Any) -> Any:
    """A copy of ``tensor``, in the memory of ``into`` where that fits."""
    fits = into is not None and into.shape == tensor.shape and into.dtype == tensor.dtype
    if isinstance(tensor, np.ndarray | np.generic):
        if not fits:
            return np.array(tensor)
        np.copyto(into, tensor)
        return into
    if fits and hasattr(into, "copy_"):
        return into.copy_(tensor.detach())
    return tensor.detach().clone() if hasattr(tensor, "detach") else tensor.copy()
