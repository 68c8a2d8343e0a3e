"""What K.json says of a GPU kernel's launches, for the sizes of one call."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.errors import UsageError

_OPERATORS: Mapping[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: Mapping[str, Callable[..., int]] = {
    "min": min,
    "max": max,
}


@dataclass(frozen=True)
class Launch:
    """``scalars``: the 64-bit integers that follow the pointers."""

    entry: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    scalars: tuple[int, ...] = ()


def evaluated(expression: int | str, sizes: Mapping[str, int]) -> int:
    """The value of a number or an expression of ``sizes``. Raises UsageError for another text."""
    if isinstance(expression, int):
        return expression
    try:
        return _value(ast.parse(expression, mode="eval").body, sizes)
    except (SyntaxError, KeyError, TypeError) as error:
        raise UsageError(f"{expression!r} is no expression of {', '.join(sizes)}") from error


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return sizes[node.id]
    if isinstance(node, ast.BinOp):
        apply = _OPERATORS[type(node.op)]
        return apply(_value(node.left, sizes), _value(node.right, sizes))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, sizes)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](*(_value(a, sizes) for a in node.args))
    raise TypeError(type(node).__name__)


class Launches:
    """``about`` is a K.json's content; sizes are those that ``FreeSizes`` finds, {} where all are
    known."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.about = about
        self.dynamic = bool(about.get("sizes"))

    def workspaces(self, sizes: Mapping[str, int]) -> list[int]:
        """Bytes of each."""
        return [evaluated(e, sizes) for e in self.about.get("workspaces", ())]

    def run(self, sizes: Mapping[str, int], static: bool = False) -> list[Launch]:
        """The launches in order. ``static``: those of the kernels whose blocks do one tile each."""
        listed = self.about.get("launches") or [_only(self.about)]
        if static and self.dynamic:
            listed = self.about["StaticTileImpl"]["launches"]
        return [self._one(each, sizes, stepped=self.dynamic and not static) for each in listed]

    def _one(self, said: Mapping[str, Any], sizes: Mapping[str, int], stepped: bool) -> Launch:
        x, y, z = (evaluated(e, sizes) for e in said["gridDim"])
        block = _three(said["blockDim"])
        scalars = tuple(sizes.values())
        if stepped:
            steps = self.steps(x)
            scalars = (*scalars, x, steps)
            x = -(-x // steps)
        return Launch(said["kernelName"], (x, y, z), block, scalars)

    def steps(self, tiles: int) -> int:
        """How many tiles a block does: as few as keep the card's places full."""
        tile = self.about["tile"]
        enough = [n for n in tile["steps"] if -(-tiles // n) <= tile["blocks"]]
        return int(min(enough, default=max(tile["steps"])))


def _three(numbers: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = map(int, numbers)
    return x, y, z


def _only(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one launch of a K.json that has the format's own keys alone."""
    return {
        "kernelName": about["kernelName"],
        "gridDim": [about[f"blockIdx.{axis}"] for axis in "xyz"],
        "blockDim": [about[f"threadIdx.{axis}"] for axis in "xyz"],
    }
