"""Matrix products as kernels of our own, where no library may be called.

A core computes one block of the result. It walks along the inner extent: a block of each operand is
copied into memory of its own (packed, widened from half types, zeros beyond the edge), and
``matmul_op`` adds their product to the block that it holds. The copies are what makes any operand
view free: a transposed matrix, a part of one, one that a batch shares.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import is_float
from kernelwright.graph.operand_view import taken

CALLS = ("aten.matmul.default", "aten.mm.default", "aten.bmm.default")
WIDE = {"float16": "float32", "bfloat16": "float32"}  # what sums of a half type are kept in
# Of a block, in elements, measured with 32 KiB and 1 MiB of cache a core: the right block stays in
# the second cache while the left one streams through the first.
ROWS, COLUMNS, INNER = 192, 64, 256
ROW_STEP, LEAST_ROWS = 6, 24  # matmul_op takes rows by six
LINE = 16  # columns come in vectors
LEAST_SIDE = 4  # a product with a side below it reads its operands once: a plain sum is as good


@dataclass(frozen=True)
class Operand:
    """A tensor as a product sees it: ``shape`` (batch..., rows, columns), strides in elements."""

    buffer: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0


def pays(left: Sequence[int], right: Sequence[int]) -> bool:
    """Whether a product of tensors of these shapes is better off in blocks."""
    if len(left) < 2 or len(right) < 2:
        return False
    return min(left[-2], left[-1], right[-1]) >= LEAST_SIDE


def native_products(design: Design, threads: int) -> Design:
    """``design`` with every library call that is a matrix product made a kernel's launch.

    Sizes must be known. Other library calls stay as they are.
    """
    program = design.program
    buffers = _buffers(program, design)
    kernels, host = list(program.kernels), list[aul.HostStatement]()
    taken_names = {k.name for k in kernels} | set(buffers) | {program.host.name}
    for statement in program.host.body:
        if not isinstance(statement, aul.FrameworkCall) or statement.op not in CALLS:
            host.append(statement)
            continue
        name = _unused(f"{program.host.name}_product", taken_names)
        taken_names.add(name)
        left, right = _operands(statement, buffers)
        kernel, cores = _product(name, left, right, buffers[statement.dst[0]], threads)
        kernels.append(kernel)
        args = (left.buffer, right.buffer, statement.dst[0])
        host.append(aul.Launch(name, aul.Int(cores), args))
    changed = dataclasses.replace(
        program,
        kernels=tuple(kernels),
        host=dataclasses.replace(program.host, body=tuple(host)),
    )
    return dataclasses.replace(design, program=changed)


def _unused(wanted: str, names: set[str]) -> str:
    name, number = wanted, 1
    while name in names:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _buffers(program: aul.Program, design: Design) -> dict[str, Operand]:
    """Every tensor that the host knows, as it lies in memory."""
    from kernelwright.aul import evaluate, resolve

    env = resolve(program)
    found: dict[str, Operand] = {}
    for p in program.host.params:
        shape = tuple(evaluate(e, env) for e in p.shape or ())
        found[p.name] = _whole(p.name, p.dtype or "float32", shape)
    for s in program.host.body:
        if isinstance(s, aul.Workspace):
            shape = tuple(evaluate(e, env) for e in s.shape)
            found[s.name] = _whole(s.name, s.dtype, shape)
    return found


def _whole(name: str, dtype: str, shape: tuple[int, ...]) -> Operand:
    strides = tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
    return Operand(name, dtype, shape, strides)


def _operands(
    call: aul.FrameworkCall, buffers: Mapping[str, Operand]
) -> tuple[Operand, Operand]:  # fmt: skip
    given = json.loads(call.attrs)["arguments"]["args"]
    left, right = (_operand(each, call, buffers) for each in given)
    return left, right


def _operand(
    given: Mapping[str, object], call: aul.FrameworkCall, buffers: Mapping[str, Operand]
) -> Operand:
    """One argument of the call: a tensor, or a view of one."""
    if "input" in given:
        return buffers[call.src[int(str(given["input"]))]]
    place, steps = given["view"]  # type: ignore[misc]
    whole = buffers[call.src[place]]  # type: ignore[has-type]
    # The same steps on addresses alone: what is never touched takes no memory.
    plain = np.empty(whole.shape, np.int8)
    seen = taken(plain, steps)  # type: ignore[has-type]
    if seen.size and not np.shares_memory(plain, seen):
        raise UnsupportedError("a product takes a view of memory that is not one")
    start = seen.__array_interface__["data"][0] - plain.__array_interface__["data"][0]
    return Operand(whole.buffer, whole.dtype, seen.shape, seen.strides, start)


# ---- the kernel ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Blocks:
    """Extents of a block, and how many blocks there are along each of m, n, k."""

    m: int
    n: int
    k: int
    count: tuple[int, int, int]


def _blocks(m: int, n: int, k: int, batch: int, threads: int) -> _Blocks:
    columns = min(range(LINE, 2 * COLUMNS, LINE), key=lambda c: (_padded(n, c), abs(c - COLUMNS)))
    inner = _even(k, INNER, 1)
    rows = ROWS
    across = -(-n // columns) * batch
    while rows > LEAST_ROWS and -(-m // rows) * across < 2 * threads:
        rows //= 2
    rows = _even(m, rows, ROW_STEP)
    return _Blocks(rows, columns, inner, (-(-m // rows), -(-n // columns), -(-k // inner)))


def _padded(n: int, block: int) -> int:
    return -(-n // block) * block


def _even(size: int, most: int, step: int) -> int:
    """The extent of blocks of at most ``most``, as equal as multiples of ``step`` can be."""
    count = max(1, -(-size // most))
    return max(step, _padded(-(-size // count), step))


def _product(
    name: str, left: Operand, right: Operand, result: Operand, threads: int
) -> tuple[aul.Kernel, int]:
    """The kernel and its cores."""
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    batch = result.shape[:-2]
    size = _blocks(m, n, k, prod(batch), threads)
    params = (
        _param("left", left, False),
        _param("right", right, False),
        _param("result", result, True),
    )
    wide = WIDE.get(result.dtype, result.dtype)
    body: list[aul.Statement] = []
    step: aul.IntExpr = aul.CoreIdx()
    across, down = size.count[1], size.count[0]
    body.append(aul.Assign("n0", _times(_mod(step, across), size.n)))
    body.append(aul.Assign("m0", _times(_mod(_div(step, across), down), size.m)))
    positions = _decoded(_div(step, across * down), batch)
    body.append(_tile("total", (size.m, size.n), wide, 0))
    body += [_tile("rows", (size.m, size.k), wide), _tile("columns", (size.k, size.n), wide)]
    if left.dtype != wide:
        body += [
            _tile("rows_read", (size.m, size.k), left.dtype),
            _tile("columns_read", (size.k, size.n), right.dtype),
        ]
    inner: list[aul.Statement] = [aul.Assign("k0", _times(aul.Name("i"), size.k))]
    m_slice, n_slice, k_slice = (_slice(v, e) for v, e in zip(("m0", "n0", "k0"), _sizes(size)))
    inner += _packed("rows", "left", left, wide, positions, (m_slice, k_slice))
    inner += _packed("columns", "right", right, wide, positions, (k_slice, n_slice))
    both = (aul.Place("rows"), aul.Place("columns"))
    product = aul.VectorOp("matmul_op", "matmul", aul.Place("total"), both, (("accumulate", True),))
    inner.append(product)
    body.append(aul.Loop("i", aul.Int(size.count[2]), tuple(inner)))
    source = "total"
    if wide != result.dtype:
        body.append(_tile("narrow", (size.m, size.n), result.dtype))
        body.append(aul.VectorOp("vcast_op", "cast", aul.Place("narrow"), (aul.Place("total"),)))
        source = "narrow"
    place = aul.Place("result", (*positions, m_slice, n_slice))
    body.append(aul.Copy(place, aul.Place(source), clip=True))
    return aul.Kernel(name, params, tuple(body)), prod(batch) * across * down


def _sizes(size: _Blocks) -> tuple[int, int, int]:
    return size.m, size.n, size.k


def _param(name: str, given: Operand, output: bool) -> aul.Param:
    shape, strides = (tuple(map(aul.Int, numbers)) for numbers in (given.shape, given.strides))
    return aul.Param(name, given.dtype, shape, strides, aul.Int(given.offset), output)


def _tile(name: str, shape: tuple[int, int], dtype: str, value: float | None = None) -> aul.Tile:
    return aul.Tile(name, tuple(map(aul.Int, shape)), dtype, "CubeBuf", value)


def _packed(
    tile: str, param: str, given: Operand, wide: str,
    positions: Sequence[aul.IntExpr], block: tuple[aul.Slice, aul.Slice],
) -> list[aul.Statement]:  # fmt: skip
    """A block of an operand into ``tile``. Axes that the operand lacks, or has one of, are shared
    by the batch."""
    own = given.shape[:-2]
    shared = [
        aul.Int(0) if extent == 1 else position
        for extent, position in zip(own, positions[len(positions) - len(own) :])
    ]
    place = aul.Place(param, (*shared, *block))
    pad: float = 0.0 if is_float(given.dtype) else 0
    read = tile if given.dtype == wide else f"{tile}_read"
    made: list[aul.Statement] = [aul.Copy(aul.Place(read), place, pad=pad)]
    if read != tile:
        made.append(aul.VectorOp("vcast_op", "cast", aul.Place(tile), (aul.Place(read),)))
    return made


def _decoded(linear: aul.IntExpr, batch: Sequence[int]) -> list[aul.IntExpr]:
    """An index an axis of the batch, the last axis fastest."""
    found: list[aul.IntExpr] = []
    for axis, extent in reversed(list(enumerate(batch))):
        found.append(_mod(linear, extent) if axis else linear)
        linear = _div(linear, extent)
    return found[::-1]


def _slice(start: str, extent: int) -> aul.Slice:
    return aul.Slice(aul.Name(start), aul.Binary("+", aul.Name(start), aul.Int(extent)))


def _times(x: aul.IntExpr, n: int) -> aul.IntExpr:
    return aul.Binary("*", x, aul.Int(n))


def _div(x: aul.IntExpr, n: int) -> aul.IntExpr:
    return x if n == 1 else aul.Binary("//", x, aul.Int(n))


def _mod(x: aul.IntExpr, n: int) -> aul.IntExpr:
    return aul.Int(0) if n == 1 else aul.Binary("%", x, aul.Int(n))
