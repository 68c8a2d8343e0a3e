"""Rules of sums over all places of a convolution's output, such as global average pooling: the sum
needs, of every input channel, only its sums over the places that each tap of the kernel meets.

A tap meets a range of places of each spatial axis, with a step; taps that meet the same range share
one sum and their weights are added up. What is left of the convolution is a product of matrices.
"""

from __future__ import annotations

import math
from typing import Any

from kernelwright.graph.core import Builder, Node, OpDef, TensorType
from kernelwright.graph.ops.convolution import convolution_kind
from kernelwright.graph.rules import REASSOCIATION, Match, Rule, p, reshape

OPS: tuple[OpDef, ...] = ()

Range = tuple[int, int, int]
_MOST_SUMS = 32


def _numbers(value: Any, count: int, default: int) -> list[int]:
    if value is None or value == []:
        return [default] * count
    if isinstance(value, list):
        return [int(v) for v in value] * (count if len(value) == 1 else 1)
    return [int(value)] * count


def _met(node: Node, spatial: int, transposed: bool) -> list[list[Range]] | None:
    """For each spatial axis the places of the input that each tap meets: (start, stop, step)."""
    arguments = list(node.attrs["arguments"]["args"])
    arguments += [None] * (8 - len(arguments))
    dilation = _numbers(arguments[7 if transposed else 5], spatial, 1)
    stride, padding = _numbers(arguments[3], spatial, 1), arguments[4]
    if isinstance(padding, str):
        return None
    padding = _numbers(padding, spatial, 0)
    x, weight = node.inputs[:2]
    found = []
    for i in range(spatial):
        size, out = x.shape[2 + i], node.shape[2 + i]
        axis: list[Range] = []
        for tap in range(weight.shape[2 + i]):
            shift = tap * dilation[i] - padding[i]
            if transposed:  # input place j adds to j * stride + shift
                low = max(0, -(shift // stride[i]))
                high = min(size, -((shift - out) // stride[i]))
                axis.append((low, max(low, high), 1))
            else:  # output place o reads o * stride + shift
                first = max(0, -(shift // stride[i]))
                last = min(out, -((shift - size) // stride[i]))
                if last <= first:
                    axis.append((0, 0, 1))
                    continue
                start = first * stride[i] + shift
                axis.append((start, start + (last - first - 1) * stride[i] + 1, stride[i]))
        found.append(axis)
    return found


def _total(builder: Builder, m: Match) -> Node | None:
    convolution, root = m["convolution"], m.root
    kind = convolution_kind(convolution)
    if kind is None or not root.type.size or not convolution.type.size:
        return None
    spatial, transposed = kind
    if not set(range(2, 2 + spatial)) <= set(root.attrs["axes"]):
        return None
    met = _met(convolution, spatial, transposed)
    if met is None:
        return None
    distinct = [list(dict.fromkeys(axis)) for axis in met]
    if math.prod(map(len, distinct)) > _MOST_SUMS:
        return None
    x, weight, *bias = convolution.inputs
    sums = _sums(builder, x, distinct)  # n, channels * places
    factors = _weights(builder, weight, met, distinct, transposed)  # channels * places, out
    made = builder.matmul(sums, factors)
    if bias:
        places = float(math.prod(convolution.shape[2:]))
        made = builder.add(made, builder.mul(bias[0], builder.constant(places, made.dtype)))
    left = tuple(a for a in root.attrs["axes"] if a < 2)
    made = builder.sum(made, axes=left, keepdims=False) if left else made
    return reshape(builder, made, root.shape)


def _sums(builder: Builder, x: Node, distinct: list[list[Range]]) -> Node:
    """x summed over every combination of ranges, as (n, channels * combinations): axis by axis, the
    last first, each axis giving way to its ranges."""
    for i in reversed(range(len(distinct))):
        axis = 2 + i
        parts = [_over(builder, x, axis, part) for part in distinct[i]]
        x = parts[0] if len(parts) == 1 else builder.concat(*parts, axis=axis)
    return reshape(builder, x, (x.shape[0], math.prod(x.shape[1:])))


def _over(builder: Builder, x: Node, axis: int, part: Range) -> Node:
    """The sum of x over ``part`` of ``axis``, which is kept. Of nearly the whole axis what is
    outside is taken off the whole sum, which other parts share."""
    start, stop, step = part
    outside = [(0, start), (stop, x.shape[axis])]
    if step == 1 and 4 * sum(b - a for a, b in outside) <= x.shape[axis]:
        total = builder.sum(x, axes=(axis,), keepdims=True)
        for a, b in outside:
            for place in range(a, b):
                total = builder.sub(total, _cut(builder, x, axis, (place, place + 1, 1)))
        return total
    return builder.sum(_cut(builder, x, axis, part), axes=(axis,), keepdims=True)


def _cut(builder: Builder, x: Node, axis: int, part: Range) -> Node:
    bounds = [part if a == axis else (0, n, 1) for a, n in enumerate(x.shape)]
    starts, stops, steps = zip(*bounds)
    return builder.slice(x, starts=starts, stops=stops, steps=steps)


def _weights(
    builder: Builder,
    weight: Node,
    met: list[list[Range]],
    distinct: list[list[Range]],
    transposed: bool,
) -> Node:
    """The weights of taps that meet the same places added up, as (channels * places, out)."""
    for i, (axis, ranges) in enumerate(zip(met, distinct)):
        parts = []
        for one in ranges:
            taps = [t for t, r in enumerate(axis) if r == one]
            own = [_cut(builder, weight, 2 + i, (t, t + 1, 1)) for t in taps]
            if len(own) == weight.shape[2 + i]:
                total = builder.sum(weight, axes=(2 + i,), keepdims=True)
            else:
                total = own[0]
                for more in own[1:]:
                    total = builder.add(total, more)
            parts.append(total)
        weight = parts[0] if len(parts) == 1 else builder.concat(*parts, axis=2 + i)
    if not transposed:  # out, channels, ... -> channels, ..., out
        order = (*range(1, len(weight.shape)), 0)
    else:  # channels, out, ... -> channels, ..., out
        order = (0, *range(2, len(weight.shape)), 1)
    turned = builder.transpose(weight, axes=order)
    out = turned.shape[-1]
    return reshape(builder, turned, (turned.type.size // out, out))


def _example(transposed: bool, bias: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        weight = leaf(3, 4, 3, 2) if transposed else leaf(4, 3, 3, 2)
        inputs = [leaf(2, 3, 6, 5), weight, *([leaf(4)] if bias else [])]
        args: list[Any] = [{"input": 0}, {"input": 1}, {"input": 2} if bias else None]
        args += [[2, 1], [1, 0]]
        shape = (2, 4, 11, 6) if transposed else (2, 4, 3, 4)
        name = "aten.conv_transpose2d.input" if transposed else "aten.conv2d.default"
        made = b.make(
            "call", inputs, target=name, output_index=0, arguments={"args": args, "kwargs": {}},
            out_type=TensorType(shape, inputs[0].dtype),
        )  # fmt: skip
        return b.sum(made, axes=(2, 3), keepdims=True)

    return make


RULES = tuple(
    Rule(
        f"sum_over_places{'_with_bias' if bias else ''}",
        p.sum(p.call("x", "w", *(("bias",) if bias else ()), label="convolution")),
        _total, REASSOCIATION, _example(bias, bias),
    )
    for bias in (False, True)
)  # fmt: skip
