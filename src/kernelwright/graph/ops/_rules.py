"""Type rules and rounding rules that several op families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.graph.core import DTYPES, TensorType, is_float

ALL = frozenset(DTYPES)
FLOATS = frozenset(name for name in DTYPES if is_float(name))
INTEGERS = frozenset({"int8", "uint8", "int16", "int32", "int64"})
NUMBERS = FLOATS | INTEGERS
BOOL = frozenset({"bool"})
HALVES = frozenset({"float16", "bfloat16"})

_HALF_KINDS = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


def is_half(array: np.ndarray) -> bool:
    return array.dtype in _HALF_KINDS


def compute_dtype(dtype: str) -> str:
    """The dtype that a composite computes in: float32 for the half types, as torch does."""
    return "float32" if dtype in HALVES else dtype


def in_float32(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """``function`` on half arrays is computed in float32 and rounded once, to the first array's
    dtype; other dtypes pass through. Invalid operations give NaN or Inf without a warning."""

    def meaning(*arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            if not any(is_half(a) for a in arrays):
                return np.asarray(function(*arrays, **attrs))
            wide = [a.astype(np.float32) if is_half(a) else a for a in arrays]
            result = np.asarray(function(*wide, **attrs))
            if result.dtype == np.float32:
                return result.astype(arrays[0].dtype)
            return result

    meaning.__name__ = getattr(function, "__name__", "meaning")
    return meaning


def broadcast_shapes(op: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """NumPy's broadcasting; raises ValueError that names ``op`` and the shapes."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(map(str, shapes))
        raise ValueError(f"{op}: shapes {shown} do not broadcast") from None


def expect_count(
    op: str, inputs: Sequence[TensorType], least: int, most: int | None = None
) -> None:
    most = least if most is None else most
    if not least <= len(inputs) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ValueError(f"{op} takes {wanted} inputs, not {len(inputs)}")


def expect_dtype(op: str, dtype: str, allowed: frozenset[str]) -> None:
    if dtype not in allowed:
        known = ", ".join(name for name in DTYPES if name in allowed)
        raise ValueError(f"{op} does not take {dtype}, only {known}; cast first")


def expect_equal_dtypes(op: str, inputs: Sequence[TensorType]) -> str:
    dtypes = {t.dtype for t in inputs}
    if len(dtypes) != 1:
        shown = ", ".join(t.dtype for t in inputs)
        raise ValueError(f"{op} needs inputs of one dtype, not {shown}; cast first")
    return inputs[0].dtype


def expect_axes(op: str, axes: Any, rank: int) -> tuple[int, ...]:
    """``axes`` as a tuple of distinct non-negative ints below ``rank``; raises ValueError."""
    if not isinstance(axes, tuple) or len(set(axes)) != len(axes):
        raise ValueError(f"{op}: axes must be a tuple of distinct ints, not {axes!r}")
    for axis in axes:
        if not 0 <= axis < rank:
            raise ValueError(f"{op}: axis {axis} is outside 0..{rank - 1}")
    return axes


def expect_axis(op: str, axis: Any, rank: int) -> int:
    if not isinstance(axis, int) or not 0 <= axis < rank:
        raise ValueError(f"{op}: axis {axis!r} is outside 0..{rank - 1}")
    return axis


def reduced_shape(shape: tuple[int, ...], axes: Sequence[int], keepdims: bool) -> tuple[int, ...]:
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def same_type(
    op: str, allowed: frozenset[str] = FLOATS
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    """Inference of an op on one tensor that keeps its type."""

    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(op, inputs, 1)
        expect_dtype(op, inputs[0].dtype, allowed)
        return inputs[0]

    return infer
