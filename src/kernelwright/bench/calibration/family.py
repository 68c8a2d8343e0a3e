"""One family of operators: its inputs, its reference, and its computation on any Arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.bench.calibration.arithmetic import Arithmetic

Arrays = Sequence[np.ndarray]
Result = Any  # one array, or a tuple of arrays
ALL_DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Family:
    """``inputs(rng, large)`` gives float64 arrays (rounded to the dtype by who asks) and integer
    ones (kept); those at the positions ``weights`` are the Model's parameters, which no input law
    touches. ``reference(torch, *tensors)`` is what a Model's forward would be.
    ``compute(arithmetic, *arrays)`` is the same in NumPy, all arrays in the dtype computed in.

    ``honest`` are further algorithms that the judge must accept, ``lowered`` and ``sloppy`` ones
    that it must refuse: in ``dtypes_of`` (by the algorithm's name) or, without an entry, in all of
    the family's. ``has_large``: the sizes at which sums are long are run as well.
    """

    name: str
    inputs: Callable[[np.random.Generator, bool], list[np.ndarray]]
    reference: Callable[..., Any]
    compute: Callable[..., Result]
    weights: tuple[int, ...] = ()
    honest: Mapping[str, Callable[..., Result]] = field(default_factory=dict)
    sloppy: Mapping[str, Callable[..., Result]] = field(default_factory=dict)
    dtypes_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ALL_DTYPES
    has_large: bool = False

    def with_arithmetic(self, arithmetic: Arithmetic) -> Callable[..., Result]:
        """``compute`` as a function of the arrays alone."""
        return lambda *arrays: self.compute(arithmetic, *arrays)


def normal(*shapes: tuple[int, ...], large: Sequence[tuple[int, ...]] = ()) -> Any:
    """``inputs`` of a Family: normal values in ``shapes``; in ``large`` when asked."""

    def make(rng: np.random.Generator, is_large: bool) -> list[np.ndarray]:
        return [rng.standard_normal(s) for s in (large if is_large and large else shapes)]

    return make


def uniform(
    *shapes: tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    large: Sequence[tuple[int, ...]] = (),
) -> Any:
    """The same with values between ``low`` and ``high``."""

    def make(rng: np.random.Generator, is_large: bool) -> list[np.ndarray]:
        return [rng.uniform(low, high, s) for s in (large if is_large and large else shapes)]

    return make
