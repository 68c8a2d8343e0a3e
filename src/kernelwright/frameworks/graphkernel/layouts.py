"""Layouts of tensors in memory: letters for axes, numbers for blocks, and Ascend's blocks of 16.

"NCHW" names axes; "NCHW16c" has axis C split, its 16 innermost elements last. FRACTAL_NZ holds a
matrix [.., m, n] as [.., n / 16, m / 16, 16, 16]: blocks of 16 x 16, column of blocks by column,
each row by row, filled up with zeros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.values import Value
from kernelwright.graph.core import Node

_BLOCK = 16
_FRACTAL = "FRACTAL_NZ"
_PLAIN = ("DefaultFormat", "NCHW", "NHWC", "ND", "")


def to_fractal(c: Call, x: Node) -> Node:
    *lead, m, n = x.shape
    rows, columns = -(-m // _BLOCK), -(-n // _BLOCK)
    high = (*(0 for _ in lead), rows * _BLOCK - m, columns * _BLOCK - n)
    if any(high):
        x = c.b.pad(x, low=(0,) * len(high), high=high, value=0)
    x = c.b.reshape(x, shape=(*lead, rows, _BLOCK, columns, _BLOCK))
    k = len(lead)
    return c.b.transpose(x, axes=(*range(k), k + 2, k, k + 1, k + 3))


def from_fractal(c: Call, x: Node, m: int | None = None, n: int | None = None) -> Node:
    """``m``, ``n``: the size of the matrix (all that is there when None)."""
    if len(x.shape) < 4:
        raise Complaint("input_desc", f"{list(x.shape)} is no shape of {_FRACTAL}",
                        "it has four axes at least")  # fmt: skip
    *lead, columns, rows, tall, wide = x.shape
    k = len(lead)
    x = c.b.transpose(x, axes=(*range(k), k + 1, k + 2, k, k + 3))
    x = c.b.reshape(x, shape=(*lead, rows * tall, columns * wide))
    stops = (*lead, m or rows * tall, n or columns * wide)
    if stops == x.shape:
        return x
    return c.b.slice(x, starts=(0,) * len(stops), stops=stops, steps=(1,) * len(stops))


def _trans_data(c: Call) -> Value:
    x = c.node(0)
    source = str(c.attr("src_format", default=c.operands[0].format))
    target = str(c.attr("dst_format", default=c.out.format))
    if source in _PLAIN and target == _FRACTAL:
        return to_fractal(c, x)
    if source == _FRACTAL and target in _PLAIN:
        *_, m, n = c.build.shape(c.out)
        return from_fractal(c, x, m, n)
    if source in _PLAIN and target in _PLAIN:
        return _relaid(c, x, source, target) if source != target else x
    raise Complaint("attr.dst_format", f"from {source!r} to {target!r} is not known",
                    f"between {_FRACTAL} and a plain format it is")  # fmt: skip


def _layout_transform(c: Call) -> Value:
    return _relaid(c, c.node(0), str(c.attr("src_format")), str(c.attr("dst_format")))


def _relaid(c: Call, x: Node, source: str, target: str) -> Node:
    old, new = _axes(source), _axes(target)
    if {a for a, _ in old} != {a for a, _ in new} or len(old) != len(x.shape):
        told = f"{source!r} and {target!r} do not name the axes of {list(x.shape)}"
        raise Complaint("attr.src_format", told, "use the same letters in both")
    names = [a for a, block in old if not block]
    whole = _joined(c, x, old, names)
    return _split(c, whole, names, new)


def _axes(text: str) -> list[tuple[str, int]]:
    """(letter, 0) for a whole axis or the outer part of a split one, (letter, block) inside."""
    found = re.findall(r"([A-Z])|(\d+)([a-z])", text)
    return [(outer, 0) if outer else (inner.upper(), int(n)) for outer, n, inner in found]


def _joined(c: Call, x: Node, axes: list[tuple[str, int]], names: list[str]) -> Node:
    """Blocks put back into their axes, which stand in the order of ``names``."""
    order = [i for name in names for i, (a, _) in enumerate(axes) if a == name]
    moved = c.b.transpose(x, axes=tuple(order))
    sizes = dict.fromkeys(names, 1)
    for size, (name, _) in zip(x.shape, axes):
        sizes[name] *= size
    return c.b.reshape(moved, shape=tuple(sizes[name] for name in names))


def _split(c: Call, x: Node, names: list[str], axes: list[tuple[str, int]]) -> Node:
    shape: list[int] = []
    place: dict[tuple[str, int], int] = {}
    for name, size in zip(names, x.shape):
        block = next((n for a, n in axes if a == name and n), 0)
        if block and size % block:
            told = f"axis {name} of size {size} does not split into blocks of {block}"
            raise Complaint("attr.dst_format", told, "pad it first")
        place[name, 0] = len(shape)
        shape.append(size // block if block else size)
        if block:
            place[name, block] = len(shape)
            shape.append(block)
    split = c.b.reshape(x, shape=tuple(shape))
    return c.b.transpose(split, axes=tuple(place[axis] for axis in axes))


OPS: Mapping[str, Handler] = {"TransData": _trans_data, "LayoutTransform": _layout_transform}
