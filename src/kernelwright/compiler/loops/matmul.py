"""matmul_op on tiles in scratch memory: register blocks of rows by vectors, k innermost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.ir import Memory, Value, VectorType
from kernelwright.compiler.loops.nodes import compute_dtype
from kernelwright.compiler.loops.run import TileInfo
from kernelwright.compiler.loops.vec import Vec
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import DTYPES, is_float

ROWS = 6  # 6 rows x 2 vectors: 12 accumulators, 2 vectors of B, 1 splat of A: below 16 registers
COLUMNS = 2


def emit_matmul(
    b: Builder,
    home: Callable[[TileInfo], Memory],
    tiles: list[TileInfo],
    accumulate: bool,
    vector_bytes: int,
) -> None:
    """dst (m, n) = or += left (m, k) @ right (k, n). Sums are kept in dst's compute dtype."""
    dst, left, right = tiles
    if len(dst.shape) != 2 or len(left.shape) != 2 or len(right.shape) != 2:
        raise UnsupportedError("matmul_op takes tiles of two dimensions")
    (m, k), n = left.shape, right.shape[1]
    dtype = compute_dtype(dst.dtype)
    if left.shape[1] != right.shape[0] or dst.shape != (m, n) or dtype == "bool":
        raise UnsupportedError(f"matmul_op: {left.shape} @ {right.shape} -> {dst.shape} {dtype}")
    block = _Block(b, home(dst), home(left), home(right), (m, n, k), dtype, accumulate)
    block.dst_dtype = dst.dtype
    block.lanes = max(4, vector_bytes // DTYPES[dtype].itemsize)
    with _counting(b, m // ROWS, ROWS) as i:
        block.columns(i, ROWS)
    if m % ROWS:
        block.columns(b.integer(m // ROWS * ROWS), m % ROWS)


@contextmanager
def _counting(b: Builder, turns: int, step: int) -> Iterator[Value]:
    """0, step, ... (``turns`` of them)."""
    with b.loop(b.integer(0), b.integer(turns * step), step, solid=turns > 0) as loop:
        yield loop.var


class _Block:
    def __init__(
        self,
        b: Builder,
        dst: Memory,
        left: Memory,
        right: Memory,
        sizes: tuple[int, int, int],
        dtype: str,
        accumulate: bool,
    ) -> None:
        self.b, self.dst, self.left, self.right = b, dst, left, right
        self.m, self.n, self.k = sizes
        self.dtype, self.accumulate = dtype, accumulate
        self.dst_dtype, self.lanes = dtype, 4

    def columns(self, row: Value, rows: int) -> None:
        """All columns of ``rows`` rows from ``row`` on."""
        wide = self.lanes * COLUMNS
        whole = self.n // wide
        if whole:
            with _counting(self.b, whole, wide) as j:
                self.tile(row, j, rows, [self.lanes] * COLUMNS)
        rest, at = self.n - whole * wide, whole * wide
        while rest > 0:
            self.tile(row, self.b.integer(at), rows, [min(rest, self.lanes)])
            at, rest = at + self.lanes, rest - self.lanes

    def tile(self, row: Value, column: Value, rows: int, widths: list[int]) -> None:
        b, cells = self.b, [(r, c) for r in range(rows) for c in range(len(widths))]
        starts = [self.begin(row, column, r, c, widths[c]) for r, c in cells]
        zero, end = b.integer(0), b.integer(self.k)
        with b.loop(zero, end, inits=[s.value for s in starts], solid=self.k > 0) as loop:
            sums = [Vec(b, argument) for argument, _, _ in loop.carried]
            at = self.at(loop.var, self.n, column)
            vectors = [self.read(self.right, at, c, w) for c, w in enumerate(widths)]
            for position, (r, c) in enumerate(cells):
                scalar = self.scalar(row, r, loop.var)
                sums[position] = self.step(scalar, vectors[c], sums[position])
            loop.yields = [s.value for s in sums]
        for (r, c), (_, _, result) in zip(cells, loop.carried):
            self.write(row, column, r, c, widths[c], Vec(b, result))

    def step(self, scalar: Vec, vector: Vec, total: Vec) -> Vec:
        if is_float(self.dtype):
            return scalar.apply("fma", vector, total)
        return total + scalar * vector

    def scalar(self, row: Value, r: int, k: Value) -> Vec:
        b = self.b
        base = b.op("mul", row, b.integer(self.k))
        at = b.op("add", b.op("add", base, k), b.integer(r * self.k))
        value = b.op("load", at, type=VectorType(self.left.dtype), memory=self.left)
        return Vec(b, b.splat(Vec(b, value).to(self.dtype).value, self.lanes))

    def at(self, row: Value, stride: int, column: Value) -> Value:
        return self.b.op("add", self.b.op("mul", row, self.b.integer(stride)), column)

    def read(self, memory: Memory, at: Value, c: int, width: int) -> Vec:
        b = self.b
        args = [b.op("add", at, b.integer(c * self.lanes))]
        if width != self.lanes:
            args.append(b.integer(width))
        kind = VectorType(memory.dtype, self.lanes)
        return Vec(b, b.op("load", *args, type=kind, memory=memory)).to(self.dtype)

    def begin(self, row: Value, column: Value, r: int, c: int, width: int) -> Vec:
        if not self.accumulate:
            return Vec(self.b, self.b.const(0, self.dtype, self.lanes))
        at = self.b.op("add", self.at(row, self.n, column), self.b.integer(r * self.n))
        return self.read(self.dst, at, c, width)

    def write(self, row: Value, column: Value, r: int, c: int, width: int, value: Vec) -> None:
        b = self.b
        at = b.op("add", self.at(row, self.n, column), b.integer(r * self.n + c * self.lanes))
        args = [at, value.to(self.dst_dtype).value]
        if width != self.lanes:
            args.append(b.integer(width))
        b.store("store", *args, memory=self.dst)
