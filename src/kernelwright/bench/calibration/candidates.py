"""The candidates of one family and dtype: those that the judge must accept, those it must refuse.

``honest``: any sensible order and algorithm, computed in the dtype (half types in float32) and
rounded once. ``lowered``: the next lower precision somewhere: in the inputs, the weights, the
intermediate values, or throughout. ``sloppy``: an algorithm that loses digits the dtype has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.bench.calibration.arithmetic import (
    HONEST,
    RUNNING_SUM,
    SLOPPY,
    Arithmetic,
    computed_in,
    with_rounding,
)
from kernelwright.bench.calibration.family import Arrays, Family
from kernelwright.frameworks._torch_arrays import to_native, to_numpy
from kernelwright.verify.audit.decoys import lower_precision

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = {
    "float32": np.dtype(np.float32), "float64": np.dtype(np.float64),
    "float16": np.dtype(np.float16), "bfloat16": BFLOAT16,
}  # fmt: skip
# What the whole computation may be done in instead: the lower precisions with the framework's own
# kernels. Below bfloat16 there is no arithmetic in the framework.
LOWER_DTYPES = {
    "float64": ("float32",), "float32": ("bfloat16", "float16"), "float16": ("bfloat16",),
    "bfloat16": (),
}  # fmt: skip
HONEST_KIND, LOWERED_KIND, SLOPPY_KIND = "honest", "lowered", "sloppy"


@dataclass(frozen=True)
class Case:
    """One candidate: ``run(inputs)`` gives its outputs for inputs of the dtype."""

    name: str
    kind: str
    run: Callable[[Arrays], list[np.ndarray]]


def run_reference(family: Family, inputs: Arrays, dtype: np.dtype | None = None) -> list[Any]:
    """The reference's outputs by torch on the CPU; with ``dtype`` its float inputs are cast first.
    Raises MissingDependencyError without torch."""
    import torch

    with torch.no_grad():
        values = [a if dtype is None or a.dtype.kind in "iub" else a.astype(dtype) for a in inputs]
        result = family.reference(torch, *(to_native(v, "cpu") for v in values))
        parts = result if isinstance(result, tuple) else (result,)
        return [to_numpy(p).copy() for p in parts]


def cases(family: Family, dtype: str, large: bool) -> Iterator[Case]:
    """Every candidate. At large sizes only those that length matters to."""
    kind = DTYPES[dtype]
    for arithmetic in HONEST:
        if large and arithmetic.wide and kind == np.float64:
            continue
        run = _computed(family, family.with_arithmetic(arithmetic), kind, arithmetic)
        yield Case(arithmetic.name, HONEST_KIND, run)
    for name, algorithm in family.honest.items():
        if dtype in family.dtypes_of.get(name, family.dtypes):
            yield Case(name, HONEST_KIND, _computed(family, algorithm, kind))
    yield from _lowered(family, dtype)
    for arithmetic in SLOPPY if not large else (RUNNING_SUM,):
        if dtype in ("float32", "float64"):
            run = _computed(family, family.with_arithmetic(arithmetic), kind, arithmetic)
            yield Case(arithmetic.name, SLOPPY_KIND, run)
    for name, algorithm in family.sloppy.items():
        if dtype in family.dtypes_of.get(name, family.dtypes):
            yield Case(name, SLOPPY_KIND, _computed(family, algorithm, kind))


def _computed(
    family: Family,
    algorithm: Callable[..., Any],
    dtype: np.dtype,
    arithmetic: Arithmetic = HONEST[0],
) -> Callable[[Arrays], list[np.ndarray]]:
    """``algorithm`` with its inputs widened to the dtype computed in and its outputs rounded."""
    within = computed_in(dtype, arithmetic)

    def run(inputs: Arrays) -> list[np.ndarray]:
        values = [a if a.dtype.kind in "iub" else a.astype(within) for a in inputs]
        with np.errstate(all="ignore"):
            result = algorithm(*values)
            parts = result if isinstance(result, tuple) else (result,)
            return [_rounded(np.asarray(p), dtype) for p in parts]

    return run


def _rounded(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if array.dtype.kind in "iub":
        return array
    if dtype == BFLOAT16 and array.dtype == np.longdouble:
        array = array.astype(np.float64)
    return array.astype(dtype)


def _lowered(family: Family, dtype: str) -> Iterator[Case]:
    kind = DTYPES[dtype]

    def inputs_at(positions: Sequence[int]) -> Callable[[Arrays], list[np.ndarray]]:
        return lambda inputs: run_reference(
            family, [lower_precision(a) if i in positions else a for i, a in enumerate(inputs)]
        )

    everything = range(len(family.inputs(np.random.default_rng(0), False)))
    yield Case("inputs rounded", LOWERED_KIND, inputs_at(everything))
    if family.weights:
        yield Case("weights rounded", LOWERED_KIND, inputs_at(family.weights))
        rest = [i for i in everything if i not in family.weights]
        yield Case("activations rounded", LOWERED_KIND, inputs_at(rest))

    def narrow(x: np.ndarray) -> np.ndarray:
        return lower_precision(x.astype(kind)).astype(x.dtype)

    rounding = with_rounding(HONEST[0], "intermediates rounded", narrow)
    run = _computed(family, family.with_arithmetic(rounding), kind, rounding)
    yield Case("intermediates rounded", LOWERED_KIND, run)
    for lower in LOWER_DTYPES[dtype]:

        def whole(inputs: Arrays, lower: str = lower) -> list[np.ndarray]:
            found = run_reference(family, inputs, DTYPES[lower])
            return [_rounded(a, kind) for a in found]

        yield Case(f"computed in {lower}", LOWERED_KIND, whole)
