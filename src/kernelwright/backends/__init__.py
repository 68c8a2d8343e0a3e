"""Backends (cpu, cuda, ascend): which devices are there, what they are called, what runs on them.

One module each, found by ``BACKENDS``; ``_matrix`` holds the one table of combinations.
"""

from __future__ import annotations

from kernelwright.backends._base import Backend, DeviceInfo
from kernelwright.backends._matrix import (
    BACKENDS,
    FRAMEWORKS,
    IMPL_TYPES,
    MATRIX,
    Combination,
    check_combination,
    impl_types,
    is_native,
)

__all__ = [
    "BACKENDS",
    "FRAMEWORKS",
    "IMPL_TYPES",
    "MATRIX",
    "Backend",
    "Combination",
    "DeviceInfo",
    "check_combination",
    "impl_types",
    "is_native",
]
