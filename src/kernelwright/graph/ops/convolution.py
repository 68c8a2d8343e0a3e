"""Rewrite rules of the framework's own convolutions. The ops themselves stay calls
(``graph.ops.call``): inputs x, weight[, bias].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from kernelwright.graph.core import Builder, Node, OpDef, TensorType
from kernelwright.graph.rules import REASSOCIATION, Match, Rule, p, reshape

OPS: tuple[OpDef, ...] = ()

_CONVOLUTION = re.compile(
    r"aten\.conv([123])d\.default|aten\.conv_transpose([123])d\.(default|input)"
)
_WIDE = ("float32", "float64")


def convolution_kind(node: Node, groups: bool = False) -> tuple[int, bool] | None:
    """(spatial axes, whether transposed) of a convolution of one group with batch and distinct
    operands; None for another call. ``groups``: also of more groups, where it is not
    transposed."""
    found = _CONVOLUTION.fullmatch(str(node.attrs["target"]))
    if found is None or node.dtype not in _WIDE or len(node.inputs) not in (2, 3):
        return None
    spatial, transposed = int(found[1] or found[2]), found[2] is not None
    arguments = list(node.attrs["arguments"]["args"])
    # conv: x, weight, bias, stride, padding, dilation, groups; transposed: x, weight, bias, stride,
    # padding, output_padding, groups, dilation.
    count = arguments[6] if len(arguments) > 6 else 1
    plain = arguments[:2] == [{"input": 0}, {"input": 1}] and not node.attrs["arguments"]["kwargs"]
    if len(node.inputs) == 3 and (len(arguments) < 3 or arguments[2] != {"input": 2}):
        plain = False
    if count != 1 and (transposed or not groups):
        return None
    if not plain or len(node.shape) != spatial + 2:
        return None
    return spatial, transposed


def _call(builder: Builder, node: Node, inputs: Sequence[Node], shape: tuple[int, ...]) -> Node:
    """``node`` with other operands: a bias may come or go."""
    arguments = node.attrs["arguments"]
    args = list(arguments["args"])
    if len(inputs) == 3:
        args[2:3] = [{"input": 2}]
    elif len(args) > 2:
        args[2] = None
    attrs = {
        **node.attrs,
        "arguments": {**arguments, "args": args},
        "out_type": TensorType(shape, node.dtype),
    }
    return builder.make("call", inputs, **attrs)


def _channel_sum(builder: Builder, m: Match) -> Node | None:
    """The sum over output channels needs one channel, whose weights are the sum of all."""
    convolution, root = m["convolution"], m.root
    kind, axes = convolution_kind(convolution), root.attrs["axes"]
    if kind is None or 1 not in axes or convolution.shape[1] == 1:
        return None
    channel = 1 if kind[1] else 0
    x, weight, *bias = convolution.inputs
    inputs = [x, builder.sum(weight, axes=(channel,), keepdims=True)]
    inputs += [builder.sum(b, axes=(0,), keepdims=True) for b in bias]
    shape = (convolution.shape[0], 1, *convolution.shape[2:])
    made = builder.sum(_call(builder, convolution, inputs, shape), axes=axes, keepdims=False)
    return reshape(builder, made, root.shape)


def _channel_vector(node: Node, rank: int, channels: int) -> bool:
    """Whether ``node`` broadcasts as one number, or one a channel (axis 1 of ``rank``)."""
    lead = rank - len(node.shape)
    return lead >= 0 and all(
        size == 1 or (axis + lead == 1 and size == channels) for axis, size in enumerate(node.shape)
    )


def _vector(builder: Builder, node: Node, channels: int) -> Node:
    flat = reshape(builder, node, (node.type.size,))
    return builder.expand(flat, shape=(channels,)) if node.type.size != channels else flat


def _scaled(builder: Builder, m: Match) -> Node | None:
    """conv(x, w, b) s = conv(x, w s, b s) for one parameter s a channel."""
    convolution, s = m["convolution"], m["s"]
    kind = convolution_kind(convolution, groups=True)
    if kind is None or not _foldable(m, convolution, s):
        return None
    x, weight, *bias = convolution.inputs
    channels = convolution.shape[1]
    vector = _vector(builder, s, channels)
    column = (1, channels) if kind[1] else (channels, 1)
    scale = builder.reshape(vector, shape=(*column, *(1 for _ in weight.shape[2:])))
    inputs = [x, builder.mul(weight, scale), *(builder.mul(b, vector) for b in bias)]
    return _call(builder, convolution, inputs, convolution.shape)


def _foldable(m: Match, convolution: Node, s: Node) -> bool:
    known = all(m.facts.parameter_only(n) for n in (s, *convolution.inputs[1:]))
    return known and _channel_vector(s, len(convolution.shape), convolution.shape[1])


def _shifted(op: str) -> Callable[[Builder, Match], Node | None]:
    """conv(x, w, b) + s = conv(x, w, b + s) for one parameter s a channel."""

    def right(builder: Builder, m: Match) -> Node | None:
        convolution, s = m["convolution"], m["s"]
        kind = convolution_kind(convolution, groups=True)
        if kind is None or not _foldable(m, convolution, s):
            return None
        x, weight, *bias = convolution.inputs
        vector = _vector(builder, s, convolution.shape[1])
        if bias:
            vector = builder.make(op, [bias[0], vector])
        elif op == "sub":
            vector = builder.neg(vector)
        return _call(builder, convolution, [x, weight, vector], convolution.shape)

    return right


def _example(around: Callable[[Builder, Node], Node], bias: bool = True) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        inputs = [leaf(2, 3, 6, 5), leaf(4, 3, 3, 2, parameter=True)]
        inputs += [leaf(4, parameter=True)] if bias else []
        arguments = {"args": [{"input": i} for i in range(len(inputs))], "kwargs": {}}
        made = b.make(
            "call", inputs, target="aten.conv2d.default", output_index=0, arguments=arguments,
            out_type=TensorType((2, 4, 4, 4), inputs[0].dtype),
        )  # fmt: skip
        return around(b, made)

    return make


def _with_vector(op: str, bias: bool = True) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        vector = leaf(4, 1, 1, parameter=True)
        return _example(lambda b, c: b.make(op, [c, vector]), bias)(b, leaf)

    return make


def _patterns(op: str, name: str, right: Any, example: Any) -> tuple[Rule, ...]:
    """A rule for convolutions without bias and one for those with."""
    of = getattr(p, op)
    others = () if op == "sum" else ("s",)
    return tuple(
        Rule(
            f"{name}{suffix}", of(p.call("x", "w", *bias, label="convolution"), *others), right,
            REASSOCIATION, example(bool(bias)),
        )
        for suffix, bias in (("", ()), ("_with_bias", ("bias",)))
    )  # fmt: skip


RULES = (
    *_patterns(
        "sum", "sum_over_channels", _channel_sum,
        lambda bias: _example(lambda b, c: b.sum(c, axes=(1,), keepdims=True), bias),
    ),
    *_patterns("mul", "scale_into_filters", _scaled, lambda bias: _with_vector("mul", bias)),
    *_patterns("add", "shift_into_bias", _shifted("add"), lambda bias: _with_vector("add", bias)),
    *_patterns("sub", "shift_back_into_bias", _shifted("sub"),
               lambda bias: _with_vector("sub", bias)),
)  # fmt: skip
