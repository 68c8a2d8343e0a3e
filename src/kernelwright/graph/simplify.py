"""Rules that make one node simpler without changing what it computes.

A rule gets the op's inputs and attrs and gives a simpler node, or None. Every rule removes a node
or an input or replaces an op by a cheaper one, so that applying them ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, is_float
from kernelwright.graph.ops import op_definition

Rule = Callable[[Builder, Sequence[Node], Mapping[str, Any]], Node | None]

# Dtypes whose every value the key's dtype holds exactly.
_HOLDS: Mapping[str, frozenset[str]] = {
    "float32": frozenset({"float16", "bfloat16", "int8", "uint8", "int16", "bool"}),
    "float64": frozenset(
        {"float16", "bfloat16", "float32", "int8", "uint8", "int16", "int32", "bool"}
    ),
    "int16": frozenset({"int8", "uint8", "bool"}),
    "int32": frozenset({"int8", "uint8", "int16", "bool"}),
    "int64": frozenset({"int8", "uint8", "int16", "int32", "bool"}),
    "int8": frozenset({"bool"}),
    "uint8": frozenset({"bool"}),
    "float16": frozenset({"int8", "uint8", "bool"}),
    "bfloat16": frozenset({"int8", "uint8", "bool"}),
    "bool": frozenset(),
}


def simplify(
    builder: Builder, op: str, inputs: Sequence[Node], attrs: Mapping[str, Any]
) -> Node | None:
    """A simpler node of the same type and value as ``op(*inputs)``; None when no rule applies."""
    rule = _RULES.get(op)
    found = rule(builder, inputs, attrs) if rule else None
    if found is None:
        found = _folded(builder, op, inputs, attrs)
    if found is None and len(inputs) > 1 and op_definition(op).kind == "elementwise":
        found = _without_expands(builder, op, inputs, attrs)
    return found


def _folded(
    builder: Builder, op: str, inputs: Sequence[Node], attrs: Mapping[str, Any]
) -> Node | None:
    """A scalar computed from scalars. Floats are folded in float64, rounded once."""
    definition = op_definition(op)
    if not inputs or definition.kind != "elementwise" or any(n.op != "constant" for n in inputs):
        return None
    result = definition.infer([n.type for n in inputs], attrs)
    if result.shape:
        return None
    if is_float(result.dtype):
        wide = [_widest(n) for n in inputs]
        wider = {**attrs, "dtype": "float64"} if op == "cast" else attrs
        return builder.constant(float(definition.meaning(*wide, **wider)), result.dtype)
    value = definition.meaning(*(n.attrs["value"] for n in inputs), **attrs)
    return builder.constant(value, result.dtype)


def _widest(constant: Node) -> np.ndarray:
    if is_float(constant.dtype):
        return np.asarray(constant.attrs.get("exact", constant.attrs["value"]), np.float64)
    return constant.attrs["value"]


def _without_expands(
    builder: Builder, op: str, inputs: Sequence[Node], attrs: Mapping[str, Any]
) -> Node | None:
    """Elementwise ops broadcast by themselves: an expanded operand gives way to its source."""
    infer = op_definition(op).infer
    wanted = infer([n.type for n in inputs], attrs)
    for i, node in enumerate(inputs):
        if node.op == "expand":
            fewer = [*inputs[:i], node.inputs[0], *inputs[i + 1 :]]
            if infer([n.type for n in fewer], attrs) == wanted:
                return builder.make(op, fewer, **attrs)
    return None


def _cast(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,), dtype = inputs, attrs["dtype"]
    if x.dtype == dtype:
        return x
    if x.op == "cast" and x.inputs[0].dtype in _HOLDS[x.dtype]:
        return builder.make("cast", x.inputs, dtype=dtype)
    return None


def _reshape(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,) = inputs
    if x.shape == tuple(attrs["shape"]):
        return x
    if x.op == "reshape":
        return builder.make("reshape", x.inputs, shape=tuple(attrs["shape"]))
    return None


def _transpose(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,), axes = inputs, attrs["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if x.op == "transpose":
        inner = x.attrs["axes"]
        return builder.make("transpose", x.inputs, axes=tuple(inner[axis] for axis in axes))
    moved = [axis for axis in axes if x.shape[axis] != 1]
    if moved == sorted(moved):  # only axes of size 1 change place
        return builder.make("reshape", [x], shape=tuple(x.shape[axis] for axis in axes))
    return None


def _expand(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,), shape = inputs, tuple(attrs["shape"])
    if x.shape == shape:
        return x
    if x.op == "expand":
        return builder.make("expand", x.inputs, shape=shape)
    if x.shape == shape[len(shape) - len(x.shape) :] and all(
        size == 1 for size in shape[: len(shape) - len(x.shape)]
    ):
        return builder.make("reshape", [x], shape=shape)
    return None


def _slice(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,) = inputs
    bounds = list(zip(attrs["starts"], attrs["stops"], attrs["steps"]))
    if all(b == (0, size, 1) for b, size in zip(bounds, x.shape)):
        return x
    if x.op == "concat":
        return _within_part(builder, x, bounds)
    if x.op == "pad":
        return _within_pad(builder, x, bounds)
    if x.op != "slice":
        return None
    starts, stops, steps = [], [], []
    outer = zip(x.attrs["starts"], x.attrs["stops"], x.attrs["steps"])
    for (first, last, stride), (start, stop, step) in zip(outer, bounds):
        starts.append(first + start * stride)
        stops.append(max(starts[-1], min(last, first + stop * stride)))
        steps.append(stride * step)
    return builder.make(
        "slice", x.inputs, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps)
    )


def _within_part(builder: Builder, x: Node, bounds: Sequence[tuple[int, int, int]]) -> Node | None:
    """A slice of a concatenation that lies in one of its parts is one of that part."""
    axis, first = x.attrs["axis"], 0
    start, stop, step = bounds[axis]
    for part in x.inputs:
        size = part.shape[axis]
        if first <= start and stop <= first + size and start < stop:
            own = [*bounds]
            own[axis] = (start - first, stop - first, step)
            return _sliced(builder, part, own)
        first += size
    return None


def _within_pad(builder: Builder, x: Node, bounds: Sequence[tuple[int, int, int]]) -> Node | None:
    """A slice of what was padded, without any of the padding."""
    own = []
    for (start, stop, step), low, size in zip(bounds, x.attrs["low"], x.inputs[0].shape):
        if start < low or stop > low + size or start >= stop:
            return None
        own.append((start - low, stop - low, step))
    return _sliced(builder, x.inputs[0], own)


def _sliced(builder: Builder, x: Node, bounds: Sequence[tuple[int, int, int]]) -> Node:
    starts, stops, steps = zip(*bounds)
    return builder.make("slice", [x], starts=starts, stops=stops, steps=steps)


def _concat(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    """One tensor is itself; slices that follow one another are one slice."""
    if len(inputs) == 1:
        return inputs[0]
    axis, joined = attrs["axis"], [inputs[0]]
    for part in inputs[1:]:
        both = _followed(builder, joined[-1], part, axis)
        if both is None:
            joined.append(part)
        else:
            joined[-1] = both
    if len(joined) == len(inputs):
        return None
    return joined[0] if len(joined) == 1 else builder.make("concat", joined, axis=axis)


def _followed(builder: Builder, one: Node, other: Node, axis: int) -> Node | None:
    if one.op != "slice" or other.op != "slice" or one.inputs[0] is not other.inputs[0]:
        return None
    bounds, after = (
        list(zip(n.attrs["starts"], n.attrs["stops"], n.attrs["steps"])) for n in (one, other)
    )
    start, stop, step = bounds[axis]
    if step != 1 or after[axis][2] != 1 or after[axis][0] != stop:
        return None
    if any(a != b for i, (a, b) in enumerate(zip(bounds, after)) if i != axis):
        return None
    bounds[axis] = (start, after[axis][1], 1)
    return _sliced(builder, one.inputs[0], bounds)


def _flip(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    (x,), axes = inputs, set(attrs["axes"])
    left = {axis for axis in axes if x.shape[axis] > 1}
    if not left:
        return x
    if x.op == "flip":
        twice = left ^ set(x.attrs["axes"])
        return builder.make("flip", x.inputs, axes=tuple(sorted(twice)))
    return builder.make("flip", [x], axes=tuple(sorted(left))) if left != axes else None


def _pad(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    return None if any((*attrs["low"], *attrs["high"])) else inputs[0]


def _trivial_reduction(op: str) -> Rule:
    def rule(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
        (x,) = inputs
        result = op_definition(op).infer([x.type], attrs)
        if any(x.shape[axis] != 1 for axis in attrs["axes"]):
            return None
        same = x if x.dtype == result.dtype else builder.make("cast", [x], dtype=result.dtype)
        return builder.make("reshape", [same], shape=result.shape)

    return rule


def _scalar(node: Node) -> float | int | None:
    """The number that a 0-d or one-element constant holds."""
    if node.op != "constant" or node.type.size != 1:
        return None
    exact = node.attrs.get("exact")
    return exact if exact is not None else node.attrs["value"].reshape(()).item()


def _neutral(op: str, number: int, either_side: bool) -> Rule:
    """``x op number`` is x, where the number does not broadcast x to more."""

    def rule(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
        a, b = inputs
        result = op_definition(op).infer([a.type, b.type], attrs)
        if _scalar(b) == number and a.type == result:
            return a
        if either_side and _scalar(a) == number and b.type == result:
            return b
        return None

    return rule


def _add(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    # -0.0 + 0.0 is 0.0, so that only integers have a neutral zero here.
    return None if is_float(inputs[0].dtype) else _neutral("add", 0, True)(builder, inputs, attrs)


def _pow(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    """Small exponents as products and roots, as torch and NumPy compute them too."""
    x, exponent = inputs
    result = op_definition("pow").infer([x.type, exponent.type], attrs)
    p = _scalar(exponent)
    if p is None or x.type != result:
        return None
    b = builder
    if p == 1:
        return x
    if p == 2:
        return b.square(x)
    if p == 3:
        return b.mul(b.square(x), x)
    if p == 4:
        return b.square(b.square(x))
    if not is_float(x.dtype):
        return None
    if p == 0.5:
        return b.sqrt(x)
    if p == -0.5:
        return b.rsqrt(x)
    if p == -1:
        return b.reciprocal(x)
    return b.reciprocal(b.square(x)) if p == -2 else None


def _trivial_scan(
    builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]
) -> Node | None:
    return inputs[0] if inputs[0].shape[attrs["axis"]] < 2 else None


def _involution(op: str) -> Rule:
    def rule(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
        return inputs[0].inputs[0] if inputs[0].op == op else None

    return rule


def _where(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node | None:
    condition, a, b = inputs
    result = op_definition("where").infer([n.type for n in inputs], attrs)
    if a is b and a.type == result:
        return a
    chosen = _scalar(condition)
    if chosen is None:
        return None
    kept = a if chosen else b
    return kept if kept.type == result else builder.make("expand", [kept], shape=result.shape)


_RULES: Mapping[str, Rule] = {
    "cast": _cast,
    "reshape": _reshape,
    "transpose": _transpose,
    "expand": _expand,
    "slice": _slice,
    "flip": _flip,
    "concat": _concat,
    "pad": _pad,
    **{op: _trivial_reduction(op) for op in ("sum", "prod", "amax", "amin", "any", "all")},
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), _trivial_scan),
    "add": _add,
    "sub": _neutral("sub", 0, False),
    "mul": _neutral("mul", 1, True),
    "div": _neutral("div", 1, False),
    "pow": _pow,
    "neg": _involution("neg"),
    "logical_not": _involution("logical_not"),
    "bitwise_not": _involution("bitwise_not"),
    "where": _where,
}
