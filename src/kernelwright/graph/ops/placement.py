"""Rules of what is put together and taken apart: concatenations, pads, flips, running sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelwright.graph.core import Builder, Node, OpDef, is_float
from kernelwright.graph.rules import REASSOCIATION, Match, Rule, p, reshape

OPS: tuple[OpDef, ...] = ()

_JOINED = {"sum": "add", "amax": "maximum", "amin": "minimum"}
_MOST_PARTS = 6


def _tiles(parts: Sequence[Node], axis: int) -> Node | None:
    """The tensor that ``parts`` are slices of along ``axis``, each element in exactly one of them,
    in any order: a roll. None for other parts."""
    ranges = []
    for part in parts:
        if part.op != "slice" or part.inputs[0] is not parts[0].inputs[0]:
            return None
        bounds = list(zip(part.attrs["starts"], part.attrs["stops"], part.attrs["steps"]))
        whole = all(b == (0, n, 1) for a, (b, n) in enumerate(zip(bounds, part.inputs[0].shape))
                    if a != axis)  # fmt: skip
        if not whole or bounds[axis][2] != 1:
            return None
        ranges.append(bounds[axis][:2])
    ranges.sort()
    x = parts[0].inputs[0]
    ends = [0, *(stop for _, stop in ranges)]
    covered = all(start == end for (start, _), end in zip(ranges, ends))
    return x if covered and ends[-1] == x.shape[axis] else None


def _of_parts(op: str, count: int) -> Any:
    """A reduction over the axis of a concatenation joins those of its parts."""

    def right(builder: Builder, m: Match) -> Node | None:
        axis, root = m["inner"].attrs["axis"], m.root
        if axis not in root.attrs["axes"]:
            return None
        parts = [m[f"x{i}"] for i in range(count)]
        if any(not part.type.size for part in parts):
            return None
        whole = _tiles(parts, axis)
        if whole is not None:
            return builder.make(op, [whole], **root.attrs)
        if op == "sum" and root.dtype not in ("float32", "float64", "int64"):
            return None
        total = None
        for part in parts:
            made = builder.make(op, [part], **root.attrs)
            total = made if total is None else builder.make(_JOINED[op], [total, made])
        return total

    return right


def _of_pad(builder: Builder, m: Match) -> Node | None:
    """Zeros add nothing."""
    pad, axes = m["inner"], m.root.attrs["axes"]
    padded = {a for a, n in enumerate(zip(pad.attrs["low"], pad.attrs["high"])) if any(n)}
    if pad.attrs["value"] != 0 or not padded <= set(axes):
        return None
    return builder.sum(m["x"], **m.root.attrs)


def _of_flip(builder: Builder, m: Match) -> Node | None:
    inside = set(m["inner"].attrs["axes"]) <= set(m.root.attrs["axes"])
    return builder.make(m.root.op, [m["x"]], **m.root.attrs) if inside else None


def _slice_of_scan(op: str) -> Any:
    """The start of a running sum hangs on the start of what is summed; one place of it is a sum."""

    def right(builder: Builder, m: Match) -> Node | None:
        scan, x, root = m["scan"], m["x"], m.root
        axis, reverse = scan.attrs["axis"], bool(scan.attrs.get("reverse"))
        if not root.type.size or root.dtype != x.dtype:
            return None
        bounds = list(zip(root.attrs["starts"], root.attrs["stops"], root.attrs["steps"]))
        start, stop, step = bounds[axis]
        size, last = x.shape[axis], start + (root.shape[axis] - 1) * step
        needed = (start, size) if reverse else (0, last + 1)
        if root.shape[axis] > 1 and needed == (0, size):
            return None
        bounds[axis] = (*needed, 1)
        starts, stops, steps = zip(*bounds)
        part = builder.slice(x, starts=starts, stops=stops, steps=steps)
        if root.shape[axis] == 1:
            return builder.make(op, [part], axes=(axis,), keepdims=True)
        made = builder.make(scan.op, [part], **scan.attrs)
        bounds = [(0, n, 1) for n in made.shape]
        first = start - needed[0]
        bounds[axis] = (first, first + (root.shape[axis] - 1) * step + 1, step)
        starts, stops, steps = zip(*bounds)
        return builder.slice(made, starts=starts, stops=stops, steps=steps)

    return right


def _reversed(builder: Builder, m: Match) -> Node | None:
    """A running sum of what is flipped, flipped back, is one from the other end."""
    scan, inner, axes = m["scan"], m["inner"], m.root.attrs["axes"]
    if tuple(axes) != (scan.attrs["axis"],) or tuple(inner.attrs["axes"]) != tuple(axes):
        return None
    reverse = not scan.attrs.get("reverse")
    more = {"reverse": True} if reverse else {}
    return builder.make(scan.op, [m["x"]], axis=scan.attrs["axis"], **more)


def _softmax_of_part(builder: Builder, m: Match) -> Node | None:
    """Whole rows that nobody reads are not computed."""
    inner, x, root = m["inner"], m["x"], m.root
    own = inner.attrs.get("axes", (inner.attrs.get("axis"),))
    bounds = zip(root.attrs["starts"], root.attrs["stops"], root.attrs["steps"], x.shape)
    cut = {a for a, (start, stop, _, n) in enumerate(bounds) if (start, stop) != (0, n)}
    cut |= {a for a, step in enumerate(root.attrs["steps"]) if step != 1}
    if cut & set(own) or len(inner.inputs) != 1 or not root.type.size:
        return None
    return builder.make(inner.op, [builder.slice(x, **root.attrs)], **inner.attrs)


def _pool_total(builder: Builder, m: Match) -> Node | None:
    """The sum of means of windows side by side that hold every element once."""
    pool, x, root = m["inner"], m["x"], m.root
    attrs = pool.attrs
    count = len(attrs["out"])
    axes = tuple(range(len(x.shape) - count, len(x.shape)))
    plain = attrs["kernel"] == attrs["stride"] and not any(attrs["padding"])
    whole = all(k * o == x.shape[a] for k, o, a in zip(attrs["kernel"], attrs["out"], axes))
    if not plain or not whole or attrs.get("divisor") is not None:
        return None
    if not set(axes) <= set(root.attrs["axes"]) or x.dtype not in ("float32", "float64"):
        return None
    elements = 1.0
    for k in attrs["kernel"]:
        elements *= k
    total = builder.sum(x, **root.attrs)
    return reshape(builder, builder.div(total, builder.constant(elements, x.dtype)), root.shape)


def _concat_example(op: str, count: int) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        parts = [leaf(2, i + 1, 3) for i in range(count)]
        return b.make(op, [b.concat(*parts, axis=1)], axes=(1,), keepdims=True)

    return make


def _flip_example(op: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        return b.make(op, [b.flip(leaf(3, 4), axes=(1,))], axes=(1,), keepdims=False)

    return make


def _scan_example(scan: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(3, 7, positive=True)
        if not is_float(x.dtype):
            raise ValueError("floats only")
        return b.slice(b.make(scan, [x], axis=1), starts=(0, 1), stops=(3, 5), steps=(1, 2))

    return make


def _flipped_example(scan: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(3, 7, positive=True)
        return b.flip(b.make(scan, [b.flip(x, axes=(1,))], axis=1), axes=(1,))

    return make


def _softmax_example(op: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        more = {"axes": (1,)} if op in ("layer_norm", "rms_norm") else {"axis": 1}
        inner = b.make(op, [leaf(5, 4)], **more)
        return b.slice(inner, starts=(1, 0), stops=(3, 4), steps=(1, 1))

    return make


def _pool_example(b: Builder, leaf: Any) -> Node:
    window: dict[str, Any] = {"kernel": (2, 3), "stride": (2, 3), "padding": (0, 0)}
    pool = b.avg_pool(leaf(2, 4, 6), out=(2, 2), include_pad=True, divisor=None, **window)
    return b.sum(pool, axes=(1, 2), keepdims=False)


_SCANS = {"cumsum": "sum", "cumprod": "prod", "cummax": "amax", "cummin": "amin"}
_LICENCE = {"sum": REASSOCIATION, "prod": REASSOCIATION}

RULES = (
    *(
        Rule(f"{op}_of_{count}_parts",
             getattr(p, op)(p.concat(*(f"x{i}" for i in range(count)), label="inner")),
             _of_parts(op, count), _LICENCE.get(op, ""), _concat_example(op, count))
        for op in _JOINED for count in range(2, _MOST_PARTS + 1)
    ),
    Rule("sum_of_pad", p.sum(p.pad("x", label="inner")), _of_pad, REASSOCIATION,
         lambda b, leaf: b.sum(b.pad(leaf(3, 4), low=(1, 0), high=(0, 2), value=0), axes=(0, 1),
                               keepdims=False)),
    *(Rule(f"{op}_of_flip", getattr(p, op)(p.flip("x", label="inner")), _of_flip,
           _LICENCE.get(op, ""), _flip_example(op)) for op in _JOINED),
    *(Rule(f"slice_of_{scan}", p.slice(getattr(p, scan)("x", label="scan")), _slice_of_scan(op),
           _LICENCE.get(op, ""), _scan_example(scan)) for scan, op in _SCANS.items()),
    *(Rule(f"flipped_{scan}",
           p.flip(getattr(p, scan)(p.flip("x", label="inner"), label="scan")), _reversed, "",
           _flipped_example(scan)) for scan in _SCANS),
    *(Rule(f"slice_of_{op}", p.slice(getattr(p, op)("x", label="inner")), _softmax_of_part, "",
           _softmax_example(op)) for op in ("softmax", "log_softmax", "layer_norm", "rms_norm")),
    Rule("sum_of_avg_pool", p.sum(p.avg_pool("x", label="inner")), _pool_total, REASSOCIATION,
         _pool_example),
)  # fmt: skip
