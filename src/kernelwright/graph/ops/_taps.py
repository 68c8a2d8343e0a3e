"""Folding the windows of a pooling kernel into primitives.

A kernel of few taps is a fold of as many windows. A larger one goes axis by axis; along one axis,
windows that do not overlap are a reshape and a reduction, and long overlapping ones are folded in
two levels: runs of about the square root of the length, then runs of these.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.graph.core import Builder, Node

MAX_TAPS = 32  # windows of one fold: more cost more loads than a pass over memory
Ints = tuple[int, ...]


@dataclass(frozen=True)
class Taps:
    """One axis of a pooling kernel: output i takes elements i * stride - padding + k * dilation,
    for k below ``kernel``, of which those outside of the tensor do not count."""

    kernel: int
    stride: int
    padding: int
    dilation: int
    out: int


@dataclass(frozen=True)
class Fold:
    """An associative op: elementwise, as a reduction, and the value that leaves it unchanged."""

    pair: str
    reduction: str
    identity: float | int | bool


def tap_window(
    builder: Builder,
    x: Node,
    axes: Sequence[int],
    taps: Sequence[Taps],
    at: Sequence[int],
    fill: float | int | bool,
) -> Node:
    """The elements that tap ``at`` (one index an axis of ``axes``) sees, one an output."""
    starts, steps, shape = [0] * len(x.shape), [1] * len(x.shape), list(x.shape)
    for axis, tap, k in zip(axes, taps, at):
        starts[axis] = k * tap.dilation - tap.padding
        steps[axis], shape[axis] = tap.stride, tap.out
    return builder.make(
        "window", [x], starts=tuple(starts), steps=tuple(steps), shape=tuple(shape), value=fill
    )


def fold_taps(
    builder: Builder, x: Node, axes: Sequence[int], taps: Sequence[Taps], fold: Fold
) -> Node:
    """``fold`` over every window of ``x``; ``axes`` are the pooled ones, with one Taps each."""
    pairs = [(a, t) for a, t in zip(axes, taps) if t != Taps(1, 1, 0, 1, x.shape[a])]
    if not pairs:
        return x
    axes, taps = [a for a, _ in pairs], [t for _, t in pairs]
    if math.prod(t.kernel for t in taps) <= MAX_TAPS:
        return _unrolled(builder, x, axes, taps, fold)
    if all(_apart(t, x.shape[a]) for a, t in pairs):
        return _blocks(builder, x, axes, taps, fold)
    for axis, tap in reversed(pairs):  # the innermost first: what is left to do is smaller
        x = _along(builder, x, axis, tap, fold)
    return x


def _apart(tap: Taps, size: int) -> bool:
    """Whether the windows lie side by side, inside of the tensor."""
    side_by_side = tap.stride == tap.kernel or tap.out == 1
    return side_by_side and not tap.padding and tap.dilation == 1 and tap.out * tap.kernel <= size


def _unrolled(
    builder: Builder, x: Node, axes: Sequence[int], taps: Sequence[Taps], fold: Fold
) -> Node:
    """Pairwise, so that additions do not wait for one another; first what lies at one place of the
    last axis: those taps are whole rows, which processors add before they take them apart."""
    *outer, inner = (range(t.kernel) for t in taps)
    columns = [
        [
            tap_window(builder, x, axes, taps, (*at, k), fold.identity)
            for at in itertools.product(*outer)
        ]
        for k in inner
    ]
    return _pairwise(builder, [_pairwise(builder, one, fold) for one in columns], fold)


def _pairwise(builder: Builder, row: list[Node], fold: Fold) -> Node:
    while len(row) > 1:
        pairs = [builder.make(fold.pair, [a, b]) for a, b in zip(row[::2], row[1::2])]
        row = pairs + ([row[-1]] if len(row) % 2 else [])
    return row[0]


def _blocks(
    builder: Builder, x: Node, axes: Sequence[int], taps: Sequence[Taps], fold: Fold
) -> Node:
    """Windows side by side: every pooled axis becomes (out, kernel), of which the second goes."""
    by_axis = dict(zip(axes, taps))
    stops = [
        by_axis[a].out * by_axis[a].kernel if a in by_axis else n for a, n in enumerate(x.shape)
    ]
    if stops != list(x.shape):
        x = builder.make(
            "slice",
            [x],
            starts=(0,) * len(stops),
            stops=tuple(stops),
            steps=(1,) * len(stops),
        )
    split: list[int] = []
    reduced: list[int] = []
    for a, extent in enumerate(stops):
        if a in by_axis:
            split += [by_axis[a].out, by_axis[a].kernel]
            reduced.append(len(split) - 1)
        else:
            split.append(extent)
    x = builder.reshape(x, shape=tuple(split))
    return builder.make(fold.reduction, [x], axes=tuple(reduced), keepdims=False)


def _along(builder: Builder, x: Node, axis: int, tap: Taps, fold: Fold) -> Node:
    """One axis."""
    if tap.kernel <= MAX_TAPS:
        return _unrolled(builder, x, [axis], [tap], fold)
    if _apart(tap, x.shape[axis]):
        return _blocks(builder, x, [axis], [tap], fold)
    run = math.isqrt(tap.kernel)
    whole, rest = tap.kernel // run, tap.kernel % run
    # Runs of `run` taps that begin at every element that a window may begin a run at.
    reach = (tap.out - 1) * tap.stride + (whole - 1) * run * tap.dilation + 1
    short = Taps(run, 1, tap.padding, tap.dilation, reach)
    runs = fold_taps(builder, x, [axis], [short], fold)
    total = fold_taps(
        builder, runs, [axis], [Taps(whole, tap.stride, 0, run * tap.dilation, tap.out)], fold
    )
    if rest:
        after = tap.padding - whole * run * tap.dilation
        tail = Taps(rest, tap.stride, after, tap.dilation, tap.out)
        total = builder.make(fold.pair, [total, fold_taps(builder, x, [axis], [tail], fold)])
    return total
