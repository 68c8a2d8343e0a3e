"""Convolutions on a GPU: over arrays with the channels last where that saves conversions, and with
the bias added by the kernel that follows.

The library's fast convolutions read and write memory in which the channels lie side by side. For
tensors that have them in front it converts operands and results in kernels of its own, and it adds
the bias in one more. Here such a convolution becomes a call on permuted arrays,

    y = transpose(call(transpose(x), permuted weight)) + bias

whose transposes are views to the kernels before and after: these write and read the order that the
library wants. The permuted weight depends on parameters alone and is made once.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.graph.operand_view import Steps
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops._taps import MAX_TAPS, Taps, tap_window
from kernelwright.graph.rules import cast

_CONVOLUTION = re.compile(
    r"aten\.conv([123])d\.(?:default|padding)|aten\.conv_transpose([123])d\.(?:default|input)"
)
_STRIDE, _TRANSPOSED_GROUPS, _GROUPS = 3, 6, 6  # places among the op's arguments
_DTYPES = ("float32", "float16", "bfloat16")
LEAST_BYTES = 1 << 20  # of input and output together: a conversion of less is a launch
LEAST_CHANNELS = {"float32": (16, 8), "float16": (2, 1), "bfloat16": (2, 1)}
"""(input, output) channels from which a convolution has them last. In float32 with few channels the
library's kernel for tensors with the channels in front computes in float32, the others in TF32: the
choice would cost digits that the reference has."""
_VOLUME_STEP = {"float32": 4, "float16": 8, "bfloat16": 8}
"""Of volumes the channels must be whole vectors of 16 bytes, else the library pads them."""


@dataclass(frozen=True)
class Convolution:
    """A convolution call: ``spatial`` axes, whether ``transposed``, number of ``groups``."""

    node: Node
    spatial: int
    transposed: bool
    groups: int

    @property
    def channels(self) -> tuple[int, int]:
        """Of input and output."""
        return self.node.inputs[0].shape[1], self.node.shape[1]

    @property
    def pointwise(self) -> bool:
        """Whether it is a product of matrices at every place, which the library computes on tensors
        of either order."""
        steps = self.arguments[_STRIDE] if len(self.arguments) > _STRIDE else 1
        steps = steps if isinstance(steps, list) else [steps]
        return math.prod(self.node.inputs[1].shape[2:]) == 1 and all(s == 1 for s in steps)

    @property
    def arguments(self) -> list[Any]:
        return list(self.node.attrs["arguments"]["args"])

    def taps(self) -> list[Taps] | None:
        """Where every output looks, an entry a spatial axis, of one that is not transposed; None
        where that is said in words."""
        stride, padding, dilation = (self._numbers(*p) for p in ((3, 1), (4, 0), (5, 1)))
        if stride is None or padding is None or dilation is None:
            return None
        sizes = zip(self.node.inputs[1].shape[2:], stride, padding, dilation, self.node.shape[2:])
        return [Taps(*one) for one in sizes]

    def _numbers(self, place: int, default: int) -> list[int] | None:
        given = self.arguments[place] if place < len(self.arguments) else default
        if isinstance(given, str):
            return None
        listed = given if isinstance(given, list) else [given]
        return listed * self.spatial if len(listed) == 1 else listed or [default] * self.spatial


def convolution(node: Node) -> Convolution | None:
    """What ``node`` is if it is a batched convolution of distinct operands in a narrow float dtype;
    None for everything else."""
    if node.op != "call" or node.dtype not in _DTYPES or len(node.inputs) not in (2, 3):
        return None
    found = _CONVOLUTION.fullmatch(str(node.attrs["target"]))
    arguments = node.attrs["arguments"]
    if found is None or arguments.get("kwargs") or "result" in arguments:
        return None
    args, transposed = list(arguments["args"]), found[2] is not None
    operands = [{"input": i} for i in range(len(node.inputs))]
    given = [a for a in args[:3] if a is not None]
    if given != operands or args[:2] != operands[:2]:
        return None
    spatial = int(found[1] or found[2])
    groups = args[_GROUPS] if len(args) > _GROUPS else 1
    if len(node.shape) != spatial + 2 or not node.type.size or not node.inputs[0].type.size:
        return None
    return Convolution(node, spatial, transposed, int(groups))


def channels_last(graph: Graph, allowed: bool = True) -> Graph:
    """``graph`` with the convolutions that gain by it over arrays with the channels last, if that
    is ``allowed``, and with biases of all that the library adds in a kernel of its own as
    additions."""
    last: set[int] = set()  # ids of convolutions, of ``graph``, with the channels last
    for node in graph.nodes():
        found = convolution(node)
        if allowed and found is not None and _gains(found, last):
            last.add(node.id)
    builder, new = Builder(), dict[int, Node]()
    for node in graph.nodes():
        operands = tuple(new[n.id] for n in node.inputs)
        now = node if operands == node.inputs else Node(node.op, operands, node.attrs, node.type)
        found = convolution(now)
        if found is not None and (own := _of_channels(builder, found)) is not None:
            now = own
        elif found is not None and (node.id in last or _adds_bias_apart(found)):
            now = _rewritten(builder, found, node.id in last)
        new[node.id] = now
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _of_channels(builder: Builder, found: Convolution) -> Node | None:
    """A convolution of every channel by itself as a sum of windows times weights: it is bound by
    memory, and what stands before and after it becomes part of its kernel. None where it is
    something else."""
    node = found.node
    x, weight, *bias = node.inputs
    taps = found.taps()
    if not _is_of_channels(found) or taps is None:
        return None
    x, weight = (cast(builder, n, "float32") for n in (x, weight))
    axes, total = range(2, len(node.shape)), None
    for at in itertools.product(*(range(t.kernel) for t in taps)):
        seen = tap_window(builder, x, axes, taps, at, 0.0)
        one = builder.slice(
            weight,
            starts=(0, 0, *at),
            stops=(found.groups, 1, *(k + 1 for k in at)),
            steps=(1,) * len(weight.shape),
        )
        row = builder.reshape(one, shape=(found.groups, *(1,) * found.spatial))
        term = builder.mul(seen, row)
        total = term if total is None else builder.add(total, term)
    assert total is not None
    if bias:
        row = cast(builder, bias[0], "float32")
        row = builder.reshape(row, shape=(found.groups, *(1,) * found.spatial))
        total = builder.add(total, row)
    return cast(builder, total, node.dtype)


def _is_of_channels(found: Convolution) -> bool:
    """Whether every channel is convolved by itself, with few taps."""
    single = found.channels == (found.groups, found.groups) and found.groups > 1
    few = math.prod(found.node.inputs[1].shape[2:]) <= MAX_TAPS
    return single and few and not found.transposed and found.taps() is not None


def _adds_bias_apart(found: Convolution) -> bool:
    """Whether there is a bias for which the library launches a kernel: its own convolutions of one
    channel a group add it themselves."""
    depthwise = found.groups > 1 and found.groups == found.channels[0]
    return len(found.node.inputs) == 3 and (found.transposed or not depthwise)


def _gains(found: Convolution, last: set[int]) -> bool:
    """Whether conversions are saved. ``last``: the convolutions before it that have the channels
    last."""
    x, node = found.node.inputs[0], found.node
    if found.groups != 1 or x.type.nbytes + node.type.nbytes < LEAST_BYTES:
        return False
    if any(has < least for has, least in zip(found.channels, LEAST_CHANNELS[node.dtype])):
        return False
    if found.spatial == 3 and any(c % _VOLUME_STEP[node.dtype] for c in found.channels):
        return False
    return not found.pointwise or _comes_from(x, last)


def _comes_from(x: Node, last: set[int]) -> bool:
    """Whether ``x`` is computed by kernels of ours from a convolution with the channels last, so
    that the order in which they write it is theirs to choose."""
    waiting, seen = [x], {x.id}
    while waiting:
        node = waiting.pop()
        if node.id in last:
            return True
        own = convolution(node)
        if op_definition(node.op).kind != "call" or (own is not None and _is_of_channels(own)):
            fresh = [n for n in node.inputs if n.id not in seen]
            seen.update(n.id for n in fresh)
            waiting.extend(fresh)
    return False


def _rewritten(builder: Builder, found: Convolution, last: bool) -> Node:
    """The convolution without its bias, over permuted arrays if ``last``, and the bias added."""
    node = found.node
    x, weight, *bias = node.inputs
    args = found.arguments
    if bias:
        args[2] = None
    if last:
        made = _over_permuted(builder, found, args)
    else:
        attrs = {**node.attrs, "arguments": {"args": args, "kwargs": {}}, "out_type": node.type}
        made = builder.make("call", [x, weight], **attrs)
    if not bias:
        return made
    row = builder.reshape(bias[0], shape=(node.shape[1], *(1,) * found.spatial))
    return builder.add(made, row)


def _over_permuted(builder: Builder, found: Convolution, args: list[Any]) -> Node:
    node, rank = found.node, found.spatial + 2
    target = str(node.attrs["target"])
    to_last, to_front = (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))
    x, weight = node.inputs[:2]
    views: Steps = [["permute", list(to_front)]]
    back: Steps = [["permute", list(to_last)]]
    if found.spatial == 1:  # a row of an image: the library knows no other order of a signal
        views, back = [*views, ["unsqueeze", 2]], [["squeeze", 2], *back]
        target, args = _as_rows(target, args)
    args[0] = {"view": [0, views]}
    if math.prod(weight.shape[2:]) > 1:
        weight = _permuted(builder, weight, to_last)
        args[1] = {"view": [1, views]}
    else:  # as it stands: both orders are one
        args[1] = {"view": [1, views[1:]]} if views[1:] else {"input": 1}
    shape = tuple(node.shape[a] for a in to_last)
    made = builder.make(
        "call",
        [_turned(builder, x, to_last), weight],
        target=target,
        output_index=0,
        arguments={"args": args, "kwargs": {}, "result": back},
        out_type=TensorType(shape, node.dtype),
    )
    return builder.transpose(made, axes=to_front)


def _as_rows(target: str, args: Sequence[Any]) -> tuple[str, list[Any]]:
    """A convolution of signals as one of images of one row."""
    out = list(args)
    first = {3: 1, 4: 0}  # stride, padding: what the row's own axis has
    first.update({5: 0, 7: 1} if "transpose" in target else {5: 1})  # output padding, dilation
    for place, value in first.items():
        if place < len(out) and not isinstance(out[place], str):
            given = out[place] if isinstance(out[place], list) else [out[place]]
            out[place] = [value, *given] if given else []
    if "transpose" in target:
        return "aten.conv_transpose2d.input", out
    return target.replace("1d", "2d"), out


def _turned(builder: Builder, x: Node, axes: tuple[int, ...]) -> Node:
    """``x`` with its axes in another order; parts of a concatenation each for itself, as they are
    stored."""
    if x.op == "concat":
        parts = [_turned(builder, part, axes) for part in x.inputs]
        return builder.concat(*parts, axis=axes.index(x.attrs["axis"]))
    return builder.transpose(x, axes=axes)


def _permuted(builder: Builder, weight: Node, axes: tuple[int, ...]) -> Node:
    """The weight in the order that the library wants, copied by the library: once, if it is made of
    parameters."""
    return builder.make(
        "call", [weight], target="aten.permute.default", output_index=0,
        arguments={"args": [{"input": 0}, list(axes)], "kwargs": {}},
        out_type=TensorType(tuple(weight.shape[a] for a in axes), weight.dtype),
    )  # fmt: skip
