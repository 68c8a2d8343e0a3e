"""NumPy's einsum, tensordot and running sums."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import (
    Trace,
    graph_dtype,
    implements,
    promoted,
    refuse_options,
)
from kernelwright.graph.core import is_float
from kernelwright.graph.expression import Expression as E


@implements(np.einsum)
def _einsum(
    trace: Trace, subscripts: Any, *operands: Any, optimize: Any = None, **options: Any
) -> E:
    refuse_options("numpy.einsum", options)
    if not isinstance(subscripts, str) or "." in subscripts:
        raise CaptureError("numpy.einsum can be captured with a string of letters, without '...'")
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    if any(len(set(term)) < len(term) for term in terms):
        raise CaptureError("numpy.einsum with an index twice in one operand cannot be captured")
    dtype = promoted(list(operands))
    parts = [trace.lift(v, dtype) for v in operands]
    whole, labels = parts[0], terms[0]
    for number, (part, term) in enumerate(zip(parts[1:], terms[1:]), start=2):
        wanted = set(result).union(*terms[number:])
        whole, labels = contract(whole, labels, part, term, wanted)
    return arranged(whole, labels, result)


def arranged(x: E, labels: str, result: str) -> E:
    """``x`` with the axes that ``result`` lacks summed, the others in its order."""
    gone = tuple(i for i, c in enumerate(labels) if c not in result)
    if gone:
        x = x.make("sum", axes=gone, keepdims=False)
    kept = [c for c in labels if c in result]
    return x.transpose(axes=tuple(kept.index(c) for c in result))


def contract(x: E, left: str, y: E, right: str, wanted: set[str]) -> tuple[E, str]:
    """The product of two operands, summed over the labels that are not ``wanted``; with the labels
    of its axes. One batched matmul."""
    x = arranged(x, left, left := "".join(c for c in left if c in wanted or c in right))
    y = arranged(y, right, right := "".join(c for c in right if c in wanted or c in left))
    sizes = dict(zip(left, x.shape)) | dict(zip(right, y.shape))
    batch = [c for c in left if c in right and c in wanted]
    inner = [c for c in left if c in right and c not in wanted]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]

    def matrix(e: E, labels: str, *groups: Sequence[str]) -> E:
        order = [c for group in groups for c in group]
        shape = [prod(sizes[c] for c in group) for group in groups[1:]]
        moved = e.transpose(axes=tuple(labels.index(c) for c in order))
        return moved.reshape((*(sizes[c] for c in batch), *shape))

    a = matrix(x, left, batch, rows, inner)
    b = matrix(y, right, batch, inner, columns)
    labels = [*batch, *rows, *columns]
    return a.matmul(b).reshape(tuple(sizes[c] for c in labels)), "".join(labels)


@implements(np.tensordot)
def _tensordot(trace: Trace, a: Any, b: Any, axes: Any = 2) -> E:
    dtype = promoted([a, b])
    x, y = trace.lift(a, dtype), trace.lift(b, dtype)
    n, m = len(x.shape), len(y.shape)
    if isinstance(axes, int | np.integer):
        axes = (range(n - int(axes), n), range(int(axes)))
    first, second = ([v] if isinstance(v, int | np.integer) else list(v) for v in axes)
    left = [chr(97 + i) for i in range(n)]
    right = [chr(65 + i) for i in range(m)]
    for i, j in zip(first, second):
        right[j % m] = left[i % n]
    kept = {c for c in [*left, *right] if (c in left) != (c in right)}
    return contract(x, "".join(left), y, "".join(right), kept)[0]


def _scan(op: str) -> Any:
    def handler(trace: Trace, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> E:
        refuse_options(f"numpy.{op}", {"out": out})
        x = trace.lift(a)
        if x.dtype == "uint8" and dtype is None:
            raise CaptureError(f"numpy.{op} of uint8 gives uint64, which is not supported")
        if axis is None:
            x, axis = x.reshape((x.node.type.size,)), 0
        kind = graph_dtype(dtype) if dtype is not None else x.dtype
        # NumPy adds up small integers as its default integer.
        x = x.cast(kind if is_float(kind) else "int64")
        found = x.make(op, axis=int(axis) % len(x.shape))
        return found if dtype is None else found.cast(kind)

    return handler


implements(np.cumsum)(_scan("cumsum"))
implements(np.cumprod)(_scan("cumprod"))
