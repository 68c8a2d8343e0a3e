"""ATen views, copies and data movement. A copy is its operand: the Graph has values, not memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    axis_of,
    recorder,
    sliced,
    words,
)
from kernelwright.frameworks._torch_aten_lookups import padded_from_itself
from kernelwright.graph.core import Node

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)


@aten(
    *words("""detach clone alias contiguous lift_fresh_copy lift_fresh lift positive resolve_conj
resolve_neg detach_copy alias_copy pin_memory""")
)
def same(c: Context, x: Node) -> Node:
    return x


@aten("to", "_to_copy", "type_as", "_autocast_to_full_precision", "_autocast_to_reduced_precision")
def to(c: Context, x: Node, **_: Any) -> Node:
    return c.cast(x, c.out.dtype)


@aten(
    *words("""view reshape flatten unflatten _unsafe_view squeeze unsqueeze view_as reshape_as
_reshape_alias _reshape_copy view_copy squeeze_copy unsqueeze_copy""")
)
def reshape(c: Context, x: Node, **_: Any) -> Node:
    """The result's shape is known from the export; only the order of elements must be kept."""
    if x.dtype != c.out.dtype:
        raise NotConvertible("view of the bits as another dtype")
    return c.reshape(x, c.out.shape)


@aten("expand", "expand_as", "broadcast_to", "expand_copy")
def expand(c: Context, x: Node, **_: Any) -> Node:
    return c.expand(x, c.out.shape)


@aten("permute", "permute_copy")
def permute(c: Context, x: Node, dims: Sequence[int]) -> Node:
    return c.transpose(x, [axis_of(d, len(x.shape)) for d in dims])


@aten("transpose", "swapaxes", "swapdims", "transpose_copy")
def transpose(c: Context, x: Node, **dims: int) -> Node:
    first, second = (axis_of(d, len(x.shape)) for d in dims.values())
    axes = list(range(len(x.shape)))
    if axes:
        axes[first], axes[second] = axes[second], axes[first]
    return c.transpose(x, axes)


@aten("t", "numpy_T", "t_copy")
def reverse(c: Context, x: Node) -> Node:
    return c.transpose(x, range(len(x.shape))[::-1])


@aten("mT", "mH", "adjoint", "matrix_H")
def matrix_transpose(c: Context, x: Node) -> Node:
    rank = len(x.shape)
    return c.transpose(x, (*range(rank - 2), rank - 1, rank - 2))


@aten("movedim", "moveaxis")
def movedim(c: Context, x: Node, source: int | list[int], destination: int | list[int]) -> Node:
    rank = len(x.shape)
    source = list(axes_list(source, rank))
    destination = list(axes_list(destination, rank))
    rest = iter(a for a in range(rank) if a not in source)
    axes = [source[destination.index(a)] if a in destination else next(rest) for a in range(rank)]
    return c.transpose(x, axes)


def axes_list(axes: int | Sequence[int], rank: int) -> list[int]:
    """Non-negative axes in the given order."""
    return [axis_of(a, rank) for a in ([axes] if isinstance(axes, int) else axes)]


@aten("slice", "slice_copy")
def slice_(
    c: Context,
    x: Node,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Node:
    axis, places = sliced(x, dim, start, end, step)
    return c.slice(x, axis, places.start, places.stop, step)


@aten("narrow", "narrow_copy")
def narrow(c: Context, x: Node, dim: int, start: int | Node, length: int) -> Node:
    if isinstance(start, Node):
        raise NotConvertible("narrow from a tensor")
    axis = axis_of(dim, len(x.shape))
    start = start + x.shape[axis] if start < 0 else start
    return c.slice(x, axis, start, start + length)


@aten("select", "select_copy")
def select(c: Context, x: Node, dim: int, index: int) -> Node:
    return _picked(c, x, axis_of(dim, len(x.shape)), index)


def _picked(c: Context, x: Node, axis: int, index: int) -> Node:
    index = index + x.shape[axis] if index < 0 else index
    line = c.slice(x, axis, index, index + 1)
    return c.reshape(line, (*x.shape[:axis], *x.shape[axis + 1 :]))


@aten("unbind", "unbind_copy")
def unbind(c: Context, x: Node, dim: int = 0) -> tuple[Node, ...]:
    axis = axis_of(dim, len(x.shape))
    return tuple(_picked(c, x, axis, i) for i in range(x.shape[axis]))


@aten(
    *words("""split chunk split_with_sizes tensor_split unsafe_split unsafe_chunk
unsafe_split_with_sizes hsplit vsplit dsplit split_copy split_with_sizes_copy""")
)
def split(c: Context, x: Node, dim: int | None = None, **_: Any) -> tuple[Node, ...]:
    """The pieces' sizes are known from the export."""
    shapes = [t.shape for t in c.outs if t is not None]
    if dim is None:
        differing = [a for a, size in enumerate(x.shape) if any(s[a] != size for s in shapes)]
        dim = differing[0] if differing else 0
    axis, start, pieces = axis_of(dim, len(x.shape)), 0, []
    for shape in shapes:
        pieces.append(c.slice(x, axis, start, start + shape[axis]))
        start += shape[axis]
    return tuple(pieces)


@aten("cat", "concat", "concatenate")
def cat(c: Context, tensors: Sequence[Node], dim: int = 0) -> Node:
    # torch lets an empty vector pass beside tensors of any shape.
    parts = [c.cast(t, c.out.dtype) for t in tensors if t.shape != (0,) or c.out.shape == (0,)]
    if len(parts) == 1:
        return parts[0]
    return c.make("concat", *parts, axis=axis_of(dim, len(c.out.shape)))


@aten("stack")
def stack(c: Context, tensors: Sequence[Node], dim: int = 0) -> Node:
    axis = axis_of(dim, len(c.out.shape))
    parts = [c.cast(t, c.out.dtype) for t in tensors]
    parts = [c.reshape(t, (*t.shape[:axis], 1, *t.shape[axis:])) for t in parts]
    return parts[0] if len(parts) == 1 else c.make("concat", *parts, axis=axis)


@aten("flip")
def flip(c: Context, x: Node, dims: Sequence[int]) -> Node:
    return c.make("flip", x, axes=tuple(axes_list(dims, len(x.shape)))) if dims else x


@aten("fliplr")
def fliplr(c: Context, x: Node) -> Node:
    return c.make("flip", x, axes=(1,))


@aten("flipud")
def flipud(c: Context, x: Node) -> Node:
    return c.make("flip", x, axes=(0,))


@aten("roll")
def roll(c: Context, x: Node, shifts: int | list[int], dims: Sequence[int] = ()) -> Node:
    shifts = [shifts] if isinstance(shifts, int) else list(shifts)
    value = x if dims else c.reshape(x, (x.type.size,))
    for shift, axis in zip(shifts, axes_list(dims or 0, len(value.shape))):
        size = value.shape[axis]
        cut = -shift % size if size else 0
        if cut:
            tail, head = c.slice(value, axis, cut, size), c.slice(value, axis, 0, cut)
            value = c.make("concat", tail, head, axis=axis)
    return c.reshape(value, x.shape)


@aten("repeat", "tile")
def repeat(c: Context, x: Node, repeats: Sequence[int] = (), dims: Sequence[int] = ()) -> Node:
    """Each axis n becomes (1, n), is expanded to (count, n) and folded to count * n."""
    counts = list(repeats or dims)
    counts = [1] * (len(x.shape) - len(counts)) + counts
    shape = [1] * (len(counts) - len(x.shape)) + list(x.shape)
    pairs = [size for n in shape for size in (1, n)]
    wide = [size for count, n in zip(counts, shape) for size in (count, n)]
    if all(n == 1 or count == 1 for count, n in zip(counts, shape)):
        return c.expand(c.reshape(x, shape), c.out.shape)
    return c.reshape(c.expand(c.reshape(x, pairs), wide), c.out.shape)


@aten("repeat_interleave")
def repeat_interleave(
    c: Context, x: Node, repeats: int | Node = 1, dim: int | None = None, **_: Any
) -> Node:
    if not isinstance(repeats, int):
        raise NotConvertible("counts are a tensor")
    value = c.reshape(x, (x.type.size,)) if dim is None else x
    axis = axis_of(dim or 0, len(value.shape))
    head, tail = value.shape[: axis + 1], value.shape[axis + 1 :]
    narrow_shape, wide_shape = (*head, 1, *tail), (*head, repeats, *tail)
    return c.reshape(c.expand(c.reshape(value, narrow_shape), wide_shape), c.out.shape)


@aten("constant_pad_nd")
def constant_pad(c: Context, x: Node, pad: Sequence[int], value: Number = 0) -> Node:
    """``pad`` holds (before, after) pairs from the last axis backwards; negative ones crop."""
    rank = len(x.shape)
    low, high = [0] * rank, [0] * rank
    for i in range(len(pad) // 2):
        low[rank - 1 - i], high[rank - 1 - i] = pad[2 * i], pad[2 * i + 1]
    for axis in range(rank):
        start, stop = max(0, -low[axis]), x.shape[axis] + min(0, high[axis])
        x = c.slice(x, axis, start, max(start, stop))
    low, high = [max(0, n) for n in low], [max(0, n) for n in high]
    if not any((*low, *high)):
        return x
    value = bool(value) if x.dtype == "bool" else value
    return c.make("pad", x, low=tuple(low), high=tuple(high), value=value)


@aten("pad")
def pad(
    c: Context, x: Node, pad: Sequence[int], mode: str = "constant", value: Number | None = None
) -> Node:
    if mode != "constant":
        return padded_from_itself(c, x, pad, mode)
    return constant_pad(c, x, pad, value or 0)


@aten("copy")
def copy(c: Context, x: Node, src: Node) -> Node:
    return c.finish(src)


@aten("glu")
def glu(c: Context, x: Node, dim: int = -1) -> Node:
    axis = axis_of(dim, len(x.shape))
    half = x.shape[axis] // 2
    value, gate = c.slice(x, axis, 0, half), c.slice(x, axis, half, 2 * half)
    return c.finish(c.make("mul", c.wide(value), c.make("sigmoid", c.wide(gate))))
