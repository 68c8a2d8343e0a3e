"""A compiled host function as a Python callable on NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kernelwright.errors import KernelwrightError


def pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    """The ``void**`` that a host function takes. The arrays must be C-contiguous (ValueError)."""
    for position, array in enumerate(arrays):
        if not array.flags.c_contiguous:
            raise ValueError(f"array {position} of shape {array.shape} is not C-contiguous")
    return (ctypes.c_void_p * max(len(arrays), 1))(*(a.ctypes.data for a in arrays))


def load_host(path: Path, symbol: str) -> Callable[[Sequence[np.ndarray]], None]:
    """``int symbol(void** buffers)`` of the library at ``path``, called with arrays.

    Raises KernelwrightError when the library or the symbol cannot be loaded; the call raises
    MemoryError when the kernel had no memory for its workspaces.
    """
    try:
        function = getattr(ctypes.CDLL(str(Path(path).resolve())), symbol)
    except (OSError, AttributeError) as error:
        raise KernelwrightError(f"cannot load {symbol!r} from {path}: {error}") from error
    function.argtypes = [ctypes.c_void_p]
    function.restype = ctypes.c_int

    def call(arrays: Sequence[np.ndarray]) -> None:
        buffers = pointers(arrays)  # alive until the call is over
        if function(ctypes.addressof(buffers)) != 0:
            raise MemoryError(f"{symbol}: no memory for the workspaces")

    return call
