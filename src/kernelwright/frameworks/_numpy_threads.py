"""The number of threads of the OpenBLAS library that NumPy has loaded."""

from __future__ import annotations

import ctypes
from pathlib import Path

_SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)
_GETTERS = tuple(name.replace("_set_", "_get_") for name in _SETTERS)


def _loaded() -> list[ctypes.CDLL]:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return []
    lines = maps.read_text().splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in lines if "openblas" in line}
    return [ctypes.CDLL(path) for path in sorted(paths)]


def set_openblas_threads(count: int) -> bool:
    """Sets it to ``count``; False when NumPy uses another BLAS, which is left as it is."""
    done = False
    for library in _loaded():
        for name in _SETTERS:
            if hasattr(library, name):
                getattr(library, name)(ctypes.c_int(count))
                done = True
                break
    return done


def openblas_threads() -> int | None:
    """The number in use; None when NumPy uses another BLAS."""
    for library in _loaded():
        for name in _GETTERS:
            if hasattr(library, name):
                return int(getattr(library, name)())
    return None
