"""ATen ops that stay opaque in a Graph: "call" nodes, how they are written down, run and printed.

``target`` is the op's name as torch prints it ("aten.conv2d.default"). ``arguments`` is JSON-ready:
{"args": [...], "kwargs": {...}}, where a tensor is {"input": i}, a dtype {"dtype": "float32"}, a
memory format {"memory_format": "channels_last"}, a view {"view": [i, steps]} (see
``graph.operand_view``; steps under "result", beside "args", are taken on what comes out), a layout
{"layout": "strided"}, a device {"device": null} (that of the inputs), a float that JSON lacks
{"float": "inf"} and a complex number {"complex": ["1.0", "-2.0"]}.

The target "torch.program" stands for several ops in a row, see ``_torch_islands``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_arrays import dtype_text, to_native, to_numpy
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.operand_view import taken

PROGRAM = "torch.program"


@dataclass(frozen=True)
class StepResult:
    """What step number ``step`` of a program gave, or the output at ``position`` of it."""

    step: int
    position: int | None


def encode(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Node], dict]:
    """(the tensors among the arguments, each once; ``arguments``). Raises CaptureError for a value
    that cannot be written down."""
    tensors: list[Node] = []
    step = encode_step(target, args, kwargs, tensors)
    return tensors, {"args": step["args"], "kwargs": step["kwargs"]}


def encode_step(
    target: str, args: Sequence[Any], kwargs: Mapping[str, Any], tensors: list[Node]
) -> dict[str, Any]:
    """One op with its target, as ``encode`` writes it; ``tensors`` are those known so far, new ones
    are appended."""
    return {
        "target": target,
        "args": [_encoded(v, tensors, target) for v in args],
        "kwargs": {
            k: _encoded(v, tensors, target)
            for k, v in kwargs.items()
            if k not in ("layout", "pin_memory")
        },
    }


def _encoded(value: Any, tensors: list[Node], target: str) -> Any:
    import torch

    if isinstance(value, Node):
        known = [i for i, t in enumerate(tensors) if t is value]
        if not known:
            tensors.append(value)
        return {"input": known[0] if known else len(tensors) - 1}
    if isinstance(value, StepResult):
        return {"step": [value.step, value.position]}
    if isinstance(value, torch.layout):
        return {"layout": dtype_text(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": dtype_text(value)}
    if isinstance(value, torch.memory_format):
        return {"memory_format": dtype_text(value)}
    if isinstance(value, torch.device):
        return {"device": None}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_encoded(v, tensors, target) for v in value]
    raise CaptureError(
        f"an argument of {target} is a {type(value).__name__}, which has no JSON form"
    )


def _walk(value: Any, leaf: Callable[[str, Any], Any]) -> Any:
    """``value`` with each {"kind": payload} replaced by ``leaf(kind, payload)``."""
    if isinstance(value, list):
        return [_walk(v, leaf) for v in value]
    if isinstance(value, dict):
        ((kind, payload),) = value.items()
        return leaf(kind, payload)
    return value


def run_call(
    target: str, arrays: Sequence[np.ndarray], arguments: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """The outputs of one op (or program) on CPU arrays, in the dtypes that it gives for these."""
    import torch

    tensors = [to_native(np.asarray(a), "cpu") for a in arrays]
    with torch.no_grad():
        if target == PROGRAM:
            outputs = _run_program(tensors, arguments)
        else:
            result = _run_step({"target": target, **arguments}, tensors, [])
            outputs = [result] if isinstance(result, torch.Tensor) else list(result)
    return tuple(to_numpy(t).copy() for t in outputs)


def _run_program(tensors: Sequence[Any], arguments: Mapping[str, Any]) -> list[Any]:
    made: list[Any] = []
    for step in arguments["steps"]:
        made.append(_run_step(step, tensors, made))
    return [_result(made, place) for place in arguments["results"]]


def _result(made: Sequence[Any], place: Sequence[Any]) -> Any:
    step, position = place
    return made[step] if position is None else made[step][position]


def _run_step(step: Mapping[str, Any], tensors: Sequence[Any], made: Sequence[Any]) -> Any:
    import torch

    floats = {t.dtype for t in tensors if t.is_floating_point()}
    # The truth is computed in float64: a complex dtype that is asked for by name follows.
    wide = {"complex64": "complex128"} if floats == {torch.float64} else {}

    def leaf(kind: str, payload: Any) -> Any:
        if kind == "input":
            return tensors[payload]
        if kind == "step":
            return _result(made, payload)
        if kind == "view":
            return taken(tensors[payload[0]], payload[1])
        if kind == "float":
            return float(payload)
        if kind == "complex":
            return complex(*map(float, payload))
        if kind == "device":
            return torch.device("cpu")
        return getattr(torch, wide.get(payload, payload))

    args = [_walk(v, leaf) for v in step["args"]]
    kwargs = {k: _walk(v, leaf) for k, v in step["kwargs"].items()}
    return taken(_resolved(step["target"])(*args, **kwargs), step.get("result", ()))


def _resolved(target: str) -> Any:
    import torch

    found: Any = torch.ops
    for part in target.split("."):
        found = getattr(found, part)
    return found


def numpy_calls(graph: Graph) -> dict[str, Callable[..., tuple[np.ndarray, ...]]]:
    """The meaning of each "call" of ``graph``, for ``graph.evaluate.evaluate(..., calls=...)``."""
    targets = {n.attrs["target"] for n in graph.nodes() if n.op == "call"}
    return {t: _NumpyCall(t) for t in sorted(targets)}


@dataclass(frozen=True)
class _NumpyCall:
    target: str

    def __call__(
        self, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]
    ) -> tuple[np.ndarray, ...]:
        return run_call(self.target, arrays, attrs["arguments"])
