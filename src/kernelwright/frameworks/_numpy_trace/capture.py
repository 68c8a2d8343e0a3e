"""Capture of a NumPy Model: it runs once on recording arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._base import Value
from kernelwright.frameworks._numpy_state import array_places
from kernelwright.frameworks._numpy_trace import algebra, products, reductions, shapes
from kernelwright.frameworks._numpy_trace.array import Memory, TracedArray
from kernelwright.frameworks._numpy_trace.trace import Trace
from kernelwright.frameworks._source import user_location
from kernelwright.graph import structure
from kernelwright.graph.core import Graph, Node

# Importing these fills the table of functions.
_RECORDED = (algebra, products, reductions, shapes)


def capture(
    model: Any,
    call: Callable[[Any], Callable[..., Any]],
    inputs: Sequence[Value],
    names: Sequence[str],
    name: str,
    path: str,
) -> Graph:
    """The Graph of one call of ``model`` (left as it was); ``call(model)`` is its callable.

    Arrays become input nodes (index: the place among all arguments), numbers are fixed at their
    values. ``names`` are the arguments' names. Raises CaptureError with the line in ``path``.
    """
    trace = Trace()
    traced = copy.deepcopy(model)
    parameters = _record_state(trace, traced)
    arguments: list[Any] = []
    nodes: list[Node] = []
    fixed: dict[int, Any] = {}
    for index, value in enumerate(inputs):
        if isinstance(value, np.ndarray):
            expression = trace.input(names[index], index, value)
            nodes.append(expression.node)
            arguments.append(TracedArray(trace, expression, Memory(names[index])))
        else:
            fixed[index] = value
            arguments.append(value)
    before = {p.name: p.array for p in array_places(traced, TracedArray)}
    try:
        result = call(traced)(*arguments)
    except CaptureError as error:
        raise CaptureError(f"{error} (at {user_location(error, path)})") from error
    except Exception as error:
        raise CaptureError(
            f"{type(error).__name__} while capturing: {error} (at {user_location(error, path)})"
        ) from error
    after = {p.name: p.array for p in array_places(traced, TracedArray)}
    changed = [key for key in before if after.get(key) is not before[key]]
    if changed:
        raise CaptureError(f"the Model changes its own state {', '.join(changed)} in {path}")
    try:
        outputs, surrounding = structure.flatten(result, _leaf)
    except TypeError as error:
        raise CaptureError(f"the Model in {path}: {error}") from error
    made = [trace.lift(output).node for output in outputs]
    return Graph(name, nodes, parameters, made, surrounding, trace.notes, fixed)


def _record_state(trace: Trace, model: Any) -> list[Node]:
    """Puts a recording array in the place of every array of the Model."""
    nodes: list[Node] = []
    for place in array_places(model):
        expression = trace.parameter(place.name, place.array)
        nodes.append(expression.node)
        place.set(TracedArray(trace, expression, Memory(place.name, is_state=True)))
    return nodes


def _leaf(value: Any) -> tuple[Any, str] | None:
    array = type(value) is TracedArray or isinstance(value, np.ndarray | np.generic)
    return (value, "_") if array else None
