"""ATen losses. ``reduction`` is torch's code: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    recorder,
)
from kernelwright.graph.core import Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)

_REDUCTIONS = ("none", "mean", "sum")


def _reduced(c: Context, value: Node, reduction: int) -> Node:
    if reduction:
        axes = tuple(range(len(value.shape)))
        value = c.make("mean" if reduction == 1 else "sum", value, axes=axes, keepdims=False)
    return c.finish(value)


def _difference_loss(op: str) -> Converter:
    def convert(c: Context, x: Node, target: Node, reduction: int = 1, **attrs: Any) -> Node:
        dtype = c.out.dtype
        return c.make(
            op,
            c.cast(x, dtype),
            c.cast(target, dtype),
            reduction=_REDUCTIONS[reduction],
            **{k: float(v) for k, v in attrs.items()},
        )

    return convert


for _op in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"):
    aten(_op)(_difference_loss(_op))


@aten("binary_cross_entropy_with_logits")
def bce_with_logits(
    c: Context,
    x: Node,
    target: Node,
    weight: Node | None = None,
    pos_weight: Node | None = None,
    reduction: int = 1,
) -> Node:
    """(1 - t) x + w softplus(-x), with w = 1 + (pos_weight - 1) t; softplus written as
    logsigmoid, which does not overflow."""
    value, goal, one = c.wide(x), c.wide(target), c.wide(1)
    logs = c.make("logsigmoid", value)
    if pos_weight is not None:
        extra = c.make("mul", c.make("sub", c.wide(pos_weight), one), goal)
        logs = c.make("mul", c.make("add", extra, one), logs)
    loss = c.make("sub", c.make("mul", c.make("sub", one, goal), value), logs)
    if weight is not None:
        loss = c.make("mul", loss, c.wide(weight))
    return _reduced(c, loss, reduction)


@aten("binary_cross_entropy")
def bce(c: Context, x: Node, target: Node, weight: Node | None = None, reduction: int = 1) -> Node:
    """-(t log x + (1 - t) log(1 - x)), each log at least -100 as in torch."""
    value, goal, one = c.wide(x), c.wide(target), c.wide(1)
    least = c.wide(-100)
    log_one = c.make("maximum", c.make("log", value), least)
    log_zero = c.make("maximum", c.make("log1p", c.make("neg", value)), least)
    hit = c.make("mul", goal, log_one)
    miss = c.make("mul", c.make("sub", one, goal), log_zero)
    loss = c.make("neg", c.make("add", hit, miss))
    if weight is not None:
        loss = c.make("mul", loss, c.wide(weight))
    return _reduced(c, loss, reduction)


@aten("kl_div")
def kl_div(c: Context, x: Node, target: Node, reduction: int = 1, log_target: bool = False) -> Node:
    """t (log t - x), 0 where t is 0."""
    value, goal = c.wide(x), c.wide(target)
    if log_target:
        loss = c.make("mul", c.make("exp", goal), c.make("sub", goal, value))
    else:
        zero = c.wide(0)
        entropy = c.make("mul", goal, c.make("log", goal))
        entropy = c.make("where", c.make("eq", goal, zero), zero, entropy)
        loss = c.make("sub", entropy, c.make("mul", goal, value))
    return _reduced(c, loss, reduction)


@aten("soft_margin_loss")
def soft_margin_loss(c: Context, x: Node, target: Node, reduction: int = 1) -> Node:
    product = c.make("mul", c.wide(x), c.wide(target))
    return _reduced(c, c.make("log1p", c.make("exp", c.make("neg", product))), reduction)


@aten("cross_entropy_loss")
def cross_entropy(
    c: Context,
    x: Node,
    target: Node,
    weight: Node | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Node:
    """Classes on axis 1 (axis 0 of a vector); targets are labels or probabilities."""
    if weight is not None or label_smoothing:
        raise NotConvertible("class weights or smoothing")
    axis = min(1, len(x.shape) - 1)
    logs = c.make("log_softmax", c.wide(x), axis=axis)
    if not is_float(target.dtype):
        return _picked(c, logs, target, axis, reduction, ignore_index)
    products = c.make("mul", logs, c.wide(target))
    loss = c.make("neg", c.make("sum", products, axes=(axis,), keepdims=False))
    if reduction == 1:
        return _divided(c, _total(c, loss), c.wide(loss.type.size))
    return _reduced(c, loss, reduction)


@aten("nll_loss_nd", "nll_loss")
def nll_loss(
    c: Context,
    x: Node,
    target: Node,
    weight: Node | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
) -> Node:
    if weight is not None:
        raise NotConvertible("class weights")
    axis = min(1, len(x.shape) - 1)
    if x.op == "input" and x.type.size and target.type.size:
        follows = [a - (a > axis) for a in range(len(x.shape))]
        follows[axis] = -1  # one element a row is read, and no row
        chosen = c.make(
            "lookup", x, target, shape=target.shape, follows=tuple(follows), fill=0
        )  # fmt: skip
        return _counted(c, c.wide(chosen), target, reduction, ignore_index)
    return _picked(c, c.wide(x), target, axis, reduction, ignore_index)


def _picked(
    c: Context, logs: Node, labels: Node, axis: int, reduction: int, ignore_index: int
) -> Node:
    """-logs[label] without the samples whose label is ignore_index, in sum, mean and count; for
    what is computed row by row."""
    line = tuple(size if a == axis else 1 for a, size in enumerate(logs.shape))
    column = tuple(1 if a == axis else size for a, size in enumerate(logs.shape))
    classes = c.make("iota", shape=line, axis=axis, dtype=labels.dtype)
    zero = c.cast(0, logs.dtype)
    hit = c.make("eq", classes, c.reshape(labels, column))
    chosen = c.make("sum", c.make("where", hit, logs, zero), axes=(axis,), keepdims=False)
    return _counted(c, chosen, labels, reduction, ignore_index)


def _counted(c: Context, chosen: Node, labels: Node, reduction: int, ignore_index: int) -> Node:
    zero = c.cast(0, chosen.dtype)
    counted = c.make("ne", labels, c.cast(ignore_index, labels.dtype))
    loss = c.make("where", counted, c.make("neg", chosen), zero)
    if reduction != 1:
        return _reduced(c, loss, reduction)
    return _divided(c, _total(c, loss), _total(c, c.cast(counted, chosen.dtype)))


def _total(c: Context, value: Node) -> Node:
    return c.make("sum", value, axes=tuple(range(len(value.shape))), keepdims=False)


def _divided(c: Context, total: Node, count: Node) -> Node:
    return c.finish(c.make("div", total, count))
