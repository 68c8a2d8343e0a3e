"""The library calls of a NumPy Model's design, executed by NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import UnsupportedError
from kernelwright.graph.operand_view import taken


def _pad(x: np.ndarray, widths: Sequence[int], value: float) -> np.ndarray:
    pairs = list(zip(widths[::2], widths[1::2]))
    return np.pad(x, pairs[::-1], constant_values=value)


CALLS: Mapping[str, Callable[..., Any]] = {
    "aten.matmul.default": np.matmul,
    "aten.cat.default": np.concatenate,
    "aten.cumsum.default": np.cumsum,
    "aten.cumprod.default": np.cumprod,
    "aten.constant_pad_nd.default": _pad,
}


def run_call(
    target: str, arrays: Sequence[np.ndarray], arguments: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """The outputs of one op, named as the scheduler names it; ``arguments`` as in a "call" node.
    Raises UnsupportedError for an op that NumPy has no form of."""
    if target not in CALLS:
        raise UnsupportedError(f"numpy has no form of the library call {target}")

    def operand(value: Any) -> Any:
        if isinstance(value, list):
            return [operand(v) for v in value]
        if isinstance(value, dict) and "view" in value:
            return taken(arrays[value["view"][0]], value["view"][1])
        return arrays[value["input"]] if isinstance(value, dict) else value

    first, *others = arguments["args"]
    plain = [v if target == "aten.constant_pad_nd.default" else operand(v) for v in others]
    return (np.asarray(CALLS[target](operand(first), *plain)),)
