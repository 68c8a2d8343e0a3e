"""Matrix products, convolutions and pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.layouts import from_fractal, to_fractal
from kernelwright.frameworks.graphkernel.values import Value
from kernelwright.graph.core import Node

_FRACTAL = "FRACTAL_NZ"


def _matmul(c: Call) -> Value:
    """Half types and integers accumulate in what the output is declared as, halves in float32."""
    c.expect(2, 3)
    c.same_dtypes(0, 1)
    a, b = (_matrix(c, i, side) for i, side in enumerate(("left", "right")))
    a = _swapped(c, a) if c.flag("transpose_a", "transpose_x1", "adj_x1") else a
    b = _swapped(c, b) if c.flag("transpose_b", "transpose_x2", "adj_x2") else b
    if a.dtype != c.out.dtype:
        a, b = (c.b.cast(n, dtype=c.out.dtype) for n in (a, b))
    made = c.b.matmul(a, b)
    if len(c) == 3:
        bias = c.plain(2)
        bias = bias if bias.dtype == made.dtype else c.b.cast(bias, dtype=made.dtype)
        made = c.b.add(made, bias)
    return to_fractal(c, made) if _is_fractal(c, c.out.format, "dst_format") else made


def _matrix(c: Call, place: int, side: str) -> Node:
    x = c.node(place)
    return from_fractal(c, x) if _is_fractal(c, c.operands[place].format, f"{side}_format") else x


def _is_fractal(c: Call, said: str, name: str) -> bool:
    return str(c.attr(name, default=said)) == _FRACTAL


def _swapped(c: Call, x: Node) -> Node:
    rank = len(x.shape)
    return c.b.transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


# ---- convolution ---------------------------------------------------------------------------------


def _conv2d(c: Call) -> Value:
    """By its definition: what each tap of the kernel sees side by side, times the weights."""
    c.expect(2, 3)
    c.same_dtypes(0, 1)
    layout = _layout(c)
    x, w = _in_rows(c, c.node(0), layout), _weights(c, c.node(1), layout)
    steps, spread = _last_two(c, "stride", "strides"), _last_two(c, "dilation", "dilations")
    top, bottom, left, right = _padding(c, x, w, steps, spread)
    if top or bottom or left or right:
        low, high = (0, top, left, 0), (0, bottom, right, 0)
        x = c.b.pad(x, low=low, high=high, value=0)
    reach = [(w.shape[i + 1] - 1) * spread[i] + 1 for i in range(2)]
    out = [(x.shape[i + 1] - reach[i]) // steps[i] + 1 for i in range(2)]
    if min(out) < 1:
        told = f"a kernel of {reach} does not fit into {list(x.shape[1:3])}"
        raise Complaint("input_desc[1].shape", f"shape contradiction: {told}", "correct one")
    taps = [_tap(c, x, (i * spread[0], j * spread[1]), steps, out)
            for i in range(w.shape[1]) for j in range(w.shape[2])]  # fmt: skip
    made = _depthwise(c, taps, w) if _is_depthwise(c, x, w) else _dense(c, taps, w)
    if len(c) == 3:
        made = c.b.add(made, c.b.reshape(c.plain(2), shape=(made.shape[-1],)))
    made = made if made.dtype == c.out.dtype else c.b.cast(made, dtype=c.out.dtype)
    return _out_of_rows(c, made, layout)


def _layout(c: Call) -> str:
    said = c.attr("data_format", "format", "data_layout", default="") or c.operands[0].format
    if len(c.operands[0].shape) == 5:
        return "NCHWc"
    return str(said) if said in ("NHWC", "NCHW") else "NCHW"


def _in_rows(c: Call, x: Node, layout: str) -> Node:
    """[n, h, w, c]."""
    if layout == "NCHWc":
        n, outer, height, width, inner = x.shape
        x = c.b.transpose(x, axes=(0, 2, 3, 1, 4))
        return c.b.reshape(x, shape=(n, height, width, outer * inner))
    return c.b.transpose(x, axes=(0, 2, 3, 1)) if layout == "NCHW" else x


def _out_of_rows(c: Call, x: Node, layout: str) -> Node:
    if layout == "NCHWc":
        n, height, width, channels = x.shape
        inner = c.out.shape[-1]
        x = c.b.reshape(x, shape=(n, height, width, channels // inner, inner))
        return c.b.transpose(x, axes=(0, 3, 1, 2, 4))
    return c.b.transpose(x, axes=(0, 3, 1, 2)) if layout == "NCHW" else x


def _weights(c: Call, w: Node, layout: str) -> Node:
    """[o, kh, kw, i]."""
    if layout == "NCHWc":
        if len(w.shape) != 6:
            raise Complaint("input_desc[1].shape", f"weights {list(w.shape)} are not [o, i, h, w, "
                            "i block, o block]", "correct the layout")  # fmt: skip
        o, i, height, width, inner, outer = w.shape
        w = c.b.transpose(w, axes=(0, 5, 2, 3, 1, 4))
        return c.b.reshape(w, shape=(o * outer, height, width, i * inner))
    return c.b.transpose(w, axes=(0, 2, 3, 1)) if layout == "NCHW" else w


def _last_two(c: Call, *names: str) -> tuple[int, int]:
    given = c.ints(*names, default=(1, 1))
    return (given[-2], given[-1]) if len(given) > 1 else (given[0], given[0])


def _padding(
    c: Call, x: Node, w: Node, steps: Sequence[int], spread: Sequence[int]
) -> tuple[int, ...]:
    given = c.ints("pad_list", "pad", "padding", default=(0, 0, 0, 0))
    if len(given) == 4 and min(given) >= 0:
        return tuple(given)
    if str(c.attr("pad_mode", default="valid")).lower() != "same":
        return (0, 0, 0, 0)
    widths = []
    for axis in range(2):
        size, reach = x.shape[axis + 1], (w.shape[axis + 1] - 1) * spread[axis] + 1
        total = max(0, (-(-size // steps[axis]) - 1) * steps[axis] + reach - size)
        widths += [total // 2, total - total // 2]
    return tuple(widths)


def _tap(c: Call, x: Node, at: tuple[int, int], steps: Sequence[int], out: Sequence[int]) -> Node:
    stops = [a + (n - 1) * s + 1 for a, n, s in zip(at, out, steps)]
    return c.b.slice(
        x, starts=(0, *at, 0), stops=(x.shape[0], *stops, x.shape[3]), steps=(1, *steps, 1)
    )


def _is_depthwise(c: Call, x: Node, w: Node) -> bool:
    groups = c.integer("group", "groups", default=1)
    said = c.flag("is_depth_wise") or groups == x.shape[3] != 1
    if groups not in (1, x.shape[3]) or (said and w.shape[3] != 1):
        raise Complaint("attr.group", f"{groups} groups of {x.shape[3]} channels are not taken",
                        "use one group, or one for each channel")  # fmt: skip
    return said


def _dense(c: Call, taps: Sequence[Node], w: Node) -> Node:
    n, height, width, channels = taps[0].shape
    if w.shape[3] != channels:
        told = f"weights for {w.shape[3]} channels, and there are {channels}"
        raise Complaint("input_desc[1].shape", f"shape contradiction: {told}", "correct one")
    rows = [c.b.reshape(t, shape=(n * height * width, channels)) for t in taps]
    seen = rows[0] if len(rows) == 1 else c.b.concat(*rows, axis=1)
    flat = c.b.reshape(w, shape=(w.shape[0], len(taps) * channels))
    if seen.dtype != c.out.dtype:
        seen, flat = (c.b.cast(m, dtype=c.out.dtype) for m in (seen, flat))
    made = c.b.matmul(seen, c.b.transpose(flat, axes=(1, 0)))
    return c.b.reshape(made, shape=(n, height, width, w.shape[0]))


def _depthwise(c: Call, taps: Sequence[Node], w: Node) -> Node:
    wide = "float32" if w.dtype in ("float16", "bfloat16") else w.dtype
    channels, height, width, _ = w.shape
    total = None
    for place, tap in enumerate(taps):
        i, j = divmod(place, width)
        row = c.b.slice(w, starts=(0, i, j, 0), stops=(channels, i + 1, j + 1, 1), steps=(1,) * 4)
        row = c.b.reshape(row, shape=(channels,))
        term = c.b.mul(*(n if n.dtype == wide else c.b.cast(n, dtype=wide) for n in (tap, row)))
        total = term if total is None else c.b.add(total, term)
    assert total is not None
    return total if total.dtype == c.out.dtype else c.b.cast(total, dtype=c.out.dtype)


def _pool2d(c: Call) -> Value:
    """The largest element, or the mean, of each window of an image."""
    x, layout = c.node(0), str(c.attr("data_layout", "data_format", default="NCHW"))
    kind = str(c.attr("pool_type", "mode", default="max")).lower()
    if layout == "NHWC":
        x = c.b.transpose(x, axes=(0, 3, 1, 2))
    inner = len(x.shape) == 5  # blocks of channels last
    if inner:
        x = c.b.transpose(x, axes=(0, 1, 4, 2, 3))
    size = x.shape[-2:]
    pad: tuple[int, ...] = (0, 0, 0, 0)
    if c.flag("global"):
        kernel, steps = (size[0], size[1]), (1, 1)
    else:
        kernel, steps = _last_two(c, "kernel_size"), _last_two(c, "strides", "stride")
        pad = _pool_padding(c.ints("pad", "pad_list", default=(0, 0, 0, 0)))
    ceil = c.attr("round_mode", default="floor") in ("ceil", 1)
    out = []
    for axis in range(2):
        room = size[axis] + pad[2 * axis] + pad[2 * axis + 1] - kernel[axis]
        out.append((-(-room // steps[axis]) if ceil else room // steps[axis]) + 1)
    attrs: dict[str, Any] = {"kernel": tuple(kernel), "stride": tuple(steps),
                             "padding": (pad[0], pad[2]), "out": tuple(out)}  # fmt: skip
    if kind == "max":
        made = c.b.max_pool(x, **attrs, dilation=(1, 1))
    elif kind == "avg":
        made = c.b.avg_pool(x, **attrs, include_pad=bool(c.flag("count_include_pad")), divisor=None)
    else:
        raise Complaint("attr.pool_type", f"pool_type {kind!r} is not known", "use max or avg")
    if inner:
        made = c.b.transpose(made, axes=(0, 1, 3, 4, 2))
    return c.b.transpose(made, axes=(0, 2, 3, 1)) if layout == "NHWC" else made


def _pool_padding(given: Sequence[int]) -> tuple[int, ...]:
    if len(given) == 4:
        return tuple(given)
    if len(given) == 2:
        return (given[0], given[0], given[1], given[1])
    return (given[0],) * 4


OPS: Mapping[str, Handler] = {
    "MatMul": _matmul,
    "BatchMatMul": _matmul,
    "Conv2D": _conv2d,
    "Pool2D": _pool2d,
}
