"""What one capture holds, and the table of NumPy functions that can be recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.graph.core import Builder, Node, TensorType, dtype_name
from kernelwright.graph.expression import Expression

Handler = Callable[..., Any]

# NumPy function -> handler(trace, *args, **kwargs) with the arguments of the function itself.
FUNCTIONS: dict[Any, Handler] = {}


def implements(*functions: Any) -> Callable[[Handler], Handler]:
    """Registers a handler for NumPy functions."""

    def register(handler: Handler) -> Handler:
        for function in functions:
            FUNCTIONS[function] = handler
        return handler

    return register


def graph_dtype(dtype: Any) -> str:
    """The Graph's name of what NumPy takes as a dtype; raises CaptureError for an unknown one."""
    try:
        return dtype_name(np.dtype(dtype))
    except KeyError as error:
        raise CaptureError(str(error.args[0])) from None


class Trace:
    """One capture. ``lift`` turns any operand into an Expression."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.notes: list[str] = []

    def expression(self, node: Node) -> Expression:
        return Expression(self.builder, node)

    def input(self, name: str, index: int, array: np.ndarray) -> Expression:
        kind = TensorType(array.shape, graph_dtype(array.dtype))
        return self.expression(self.builder.input(name, index, kind))

    def parameter(self, name: str, array: np.ndarray) -> Expression:
        kind = TensorType(array.shape, graph_dtype(array.dtype))
        return self.expression(self.builder.parameter(name, kind))

    def lift(self, value: Any, dtype: np.dtype | None = None) -> Expression:
        """``value`` (recorded, real array or number) as an Expression, cast to ``dtype`` if given;
        a Python number gets that dtype without being rounded to another one first."""
        found = getattr(value, "_expression", None)
        if isinstance(found, Expression):
            return found if dtype is None else found.cast(graph_dtype(dtype))
        if isinstance(value, list | tuple) and any(hasattr(v, "_expression") for v in value):
            raise CaptureError(
                "a list that holds captured arrays is used as an array; use np.stack"
            )
        array = np.asarray(value)
        name = graph_dtype(array.dtype if dtype is None else dtype)
        # Rounding to the value's own dtype happened already when it is not a Python number.
        exact = value if isinstance(value, int | float) else array
        return self.expression(self.builder.constant(exact, name))

    def iota(self, shape: tuple[int, ...], axis: int) -> Expression:
        return self.expression(self.builder.make("iota", [], shape=shape, axis=axis, dtype="int64"))


def operand_dtype(value: Any) -> Any:
    """What decides promotion: the dtype of an array or NumPy scalar; ``int`` or ``float`` itself
    for a Python number, whose type is weak."""
    if type(value) in (int, float):
        return type(value)
    if hasattr(value, "_expression"):
        return value.dtype
    return np.asarray(value).dtype


def promoted(values: list[Any]) -> np.dtype:
    """NumPy's common dtype of operands; Python numbers are weak."""
    weak = {int: 0, float: 0.0}
    kinds = [operand_dtype(v) for v in values]
    return np.result_type(*(weak.get(k, k) if isinstance(k, type) else k for k in kinds))


def to_bool(x: Expression) -> Expression:
    return x if x.dtype == "bool" else x.ne(0)


def refuse_options(function: str, options: dict[str, Any]) -> None:
    """Raises CaptureError when an option that is not recorded was given a value."""
    for name, value in options.items():
        given = value is not None and value is not np._NoValue and value is not True
        if given:
            raise CaptureError(f"{function}({name}=...) cannot be captured")


def normalized_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """``axis`` as NumPy takes it (None, an int or a tuple) as sorted non-negative ints."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(f"axis {a} is out of bounds for array of dimension {rank}")
    return tuple(sorted(int(a) % rank for a in axes))
