"""ATen ops that stay opaque in a Graph: "call" nodes, how they are written down, run and printed.

``target`` is the op's name as torch prints it ("aten.conv2d.default"). ``arguments`` is JSON-ready:
{"args": [...], "kwargs": {...}}, where a tensor is {"input": i}, a dtype {"dtype": "float32"}, a
memory format {"memory_format": "channels_last"}, a device {"device": null} (that of the inputs) and
a float that JSON lacks {"float": "inf"}.
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


def encode(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Node], dict]:
    """(the tensors among the arguments, each once; ``arguments``). Raises CaptureError for a value
    that cannot be written down."""
    tensors: list[Node] = []
    arguments = {
        "args": [_encoded(v, tensors, target) for v in args],
        "kwargs": {
            k: _encoded(v, tensors, target)
            for k, v in kwargs.items()
            if k not in ("layout", "pin_memory")
        },
    }
    return tensors, arguments


def _encoded(value: Any, tensors: list[Node], target: str) -> Any:
    import torch

    if isinstance(value, Node):
        known = [i for i, t in enumerate(tensors) if t is value]
        if not known:
            tensors.append(value)
        return {"input": known[0] if known else len(tensors) - 1}
    if isinstance(value, torch.dtype):
        return {"dtype": dtype_text(value)}
    if isinstance(value, torch.memory_format):
        return {"memory_format": dtype_text(value)}
    if isinstance(value, torch.device):
        return {"device": None}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
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
    """The outputs of one op on CPU arrays, in the dtypes that the op gives for these arrays."""
    import torch

    tensors = [to_native(np.asarray(a), "cpu") for a in arrays]

    def leaf(kind: str, payload: Any) -> Any:
        if kind == "input":
            return tensors[payload]
        if kind == "float":
            return float(payload)
        return torch.device("cpu") if kind == "device" else getattr(torch, payload)

    args = [_walk(v, leaf) for v in arguments["args"]]
    kwargs = {k: _walk(v, leaf) for k, v in arguments["kwargs"].items()}
    with torch.no_grad():
        result = _resolved(target)(*args, **kwargs)
    outputs = [result] if isinstance(result, torch.Tensor) else list(result)
    return tuple(to_numpy(t).copy() for t in outputs)


def _resolved(target: str) -> Any:
    import torch

    found: Any = torch.ops
    for part in target.split("."):
        found = getattr(found, part)
    return found


def call_source(target: str, arguments: Mapping[str, Any], tensor_names: Sequence[str]) -> str:
    """A Python expression that runs the op in generated code, where ``torch`` is imported and
    ``tensor_names[i]`` names (or is an expression for) input i."""

    def leaf(kind: str, payload: Any) -> str:
        if kind == "input":
            return tensor_names[payload]
        if kind == "float":
            return f"float({payload!r})"
        if kind == "device":
            return f"{tensor_names[0]}.device" if tensor_names else "None"
        return f"torch.{payload}"

    def text(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(text, value))}]"
        return _walk(value, leaf) if isinstance(value, dict) else repr(value)

    given = [text(v) for v in arguments["args"]]
    given += [f"{k}={text(v)}" for k, v in arguments["kwargs"].items()]
    return f"torch.ops.{target}({', '.join(given)})"


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
