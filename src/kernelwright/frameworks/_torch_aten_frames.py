"""ATen ops that lay out overlapping pieces of a tensor: unfold, im2col (F.unfold) and its inverse
col2im (F.fold), which adds up what overlaps."""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    axis_of,
    recorder,
)
from kernelwright.graph.core import Node

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)
MOST_TAPS = 64  # terms an element of what is added up


@aten("unfold", "unfold_copy")
def unfold(c: Context, x: Node, dimension: int, size: int, step: int) -> Node:
    if not x.type.size or not size or not x.shape:
        raise NotConvertible("nothing to take")
    axis = axis_of(dimension, len(x.shape))
    return c.make("frames", x, axis=axis, size=size, step=step, dilation=1)


def _pair(values: int | Sequence[int]) -> tuple[int, int]:
    listed = [values] if isinstance(values, int) else list(values)
    return (listed[0], listed[-1])


@aten("im2col")
def im2col(
    c: Context,
    x: Node,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Node:
    """[N, C, H, W] to [N, C * kernel, frames]; without N likewise."""
    if not x.type.size:
        raise NotConvertible("nothing to take")
    kernel, apart, border, step = map(_pair, (kernel_size, dilation, padding, stride))
    rank = len(x.shape)
    if any(border):
        low = (0,) * (rank - 2) + border
        x = c.make("pad", x, low=low, high=low, value=False if x.dtype == "bool" else 0)
    for i in (0, 1):
        x = c.make(
            "frames", x, axis=rank - 2 + i, size=kernel[i], step=step[i], dilation=apart[i]
        )  # fmt: skip
    lead = list(range(rank - 2))
    x = c.transpose(x, [*lead, rank, rank + 1, rank - 2, rank - 1])
    return c.reshape(x, c.out.shape)


@aten("col2im")
def col2im(
    c: Context,
    x: Node,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Node:
    """Where step and kernel are both longer than 1, a kernel's places are (round, rest) with
    ``step`` rests: rounds meet in the same place from frames one apart."""
    out, kernel, apart, border, step = map(
        _pair, (output_size, kernel_size, dilation, padding, stride)
    )
    if not x.type.size or any(d > 1 and s > 1 for d, s in zip(apart, step)):
        raise NotConvertible("nothing to add up, or steps between dilated places")
    fit = [
        (n + 2 * b - (k - 1) * d - 1) // s + 1
        for n, b, k, d, s in zip(out, border, kernel, apart, step)
    ]
    lead = c.out.shape[:-2]
    value = c.wide(c.reshape(x, (*lead, *kernel, *fit)))
    rank = len(lead) + 4
    places = [rank - 4, rank - 3]  # the kernel's axes; the frames' come two later
    for i in (0, 1):
        value = _summed(
            c, value, places[i], rank - 2 + i, out[i], apart[i], border[i], step[i]
        )  # fmt: skip
    # now [lead, rest, rest, place, place], each pair with rest fastest
    rests = [value.shape[a] for a in places]
    order = [*range(rank - 4), rank - 2, rank - 4, rank - 1, rank - 3]
    value = c.transpose(value, order)
    full = [value.shape[rank - 4] * rests[0], value.shape[rank - 2] * rests[1]]
    value = c.reshape(value, (*lead, *full))
    for i in (0, 1):
        value = c.slice(value, rank - 4 + i, 0, out[i])
    return c.cast(value, c.out.dtype)


def _summed(
    c: Context, x: Node, kernel: int, frames: int, out: int, apart: int, border: int, step: int
) -> Node:
    """``x`` with the axis ``kernel`` folded to ``step`` places and ``frames`` to as many as the
    output has: the sum over the kernel's rounds of their frames, moved to where they belong."""
    first = -border % step  # empty places before the kernel, so that the border is whole frames
    rounds = -(-(first + x.shape[kernel]) // step)
    if rounds > MOST_TAPS:
        raise NotConvertible("a kernel of many places")
    count = -(-out // step)
    total: Node | None = None
    for number in range(rounds):
        starts, shape = [0] * len(x.shape), list(x.shape)
        starts[kernel], shape[kernel] = number * step - first, step
        starts[frames], shape[frames] = (border + first) // step - number * apart, count
        part = c.make(
            "window", x, starts=tuple(starts), steps=(1,) * len(x.shape), shape=tuple(shape),
            value=0,
        )  # fmt: skip
        total = part if total is None else c.make("add", total, part)
    assert total is not None
    return total
