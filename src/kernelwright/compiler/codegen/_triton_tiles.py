"""Tiles as Triton tensors: padded shapes, variables, and the text that is being written.

A tile becomes a Triton tensor without its literal size-1 dimensions (a tile of one element is a
scalar), every other dimension rounded up to a power of two. What lies beyond a tile's own size is
*padding*: it holds unspecified values, is never stored, and is replaced by the neutral element
before a reduction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kernelwright.aul.syntax import (
    Assign,
    Copy,
    Int,
    IntExpr,
    Kernel,
    Loop,
    Name,
    Tile,
    VectorOp,
    statements,
)
from kernelwright.compiler.codegen import _triton_ops as ops
from kernelwright.compiler.codegen._triton_compositions import compositions
from kernelwright.compiler.codegen._triton_gates import gates
from kernelwright.compiler.codegen._triton_index import Scope, names_in
from kernelwright.compiler.codegen._triton_lanes import Hint
from kernelwright.compiler.codegen._triton_spans import Span
from kernelwright.errors import UnsupportedError

RESERVED = frozenset(
    {
        *("core", "tl", "triton", "torch", "os", "range", "float", "INTERPRETED"),
        *("arrivals", "TOGETHER"),
    }
)


@dataclass(frozen=True)
class TileType:
    """``kept``: which of AUL's dimensions the Triton tensor has; ``padded``: their sizes there."""

    dims: tuple[IntExpr, ...]
    dtype: str
    kept: tuple[int, ...]
    padded: tuple[str, ...]

    @property
    def shape(self) -> str:
        return f"({', '.join(self.padded)}{',' if len(self.padded) == 1 else ''})"


@dataclass
class PaddedSizes:
    """Names of the padded sizes that are only known at run time: name -> the size's text for the
    wrapper. ``least`` is 16 where tiles take part in a matrix product, else 1."""

    scope: Scope
    least: int = 1
    wrapper: dict[str, IntExpr] | None = None

    def __post_init__(self) -> None:
        self.wrapper = {}

    def text(self, dim: IntExpr, fixed: bool) -> str:
        """The padded size of ``dim``; ``fixed``: it depends on no size of the inputs."""
        expanded = self.scope.expand(dim)
        value = self.scope.value(dim)
        power = max(self.least, 1 << max(0, value - 1).bit_length())
        if fixed:
            simple = isinstance(dim, Int | Name) and power == value
            return self.scope.text(dim) if simple else str(power)
        assert self.wrapper is not None
        for name, known in self.wrapper.items():
            if known == expanded:
                return name
        base = expanded.id if isinstance(expanded, Name) else f"D{len(self.wrapper)}"
        self.wrapper[f"{base}_P2"] = expanded
        return f"{base}_P2"


class TileWriter:
    """The function being printed: its lines, what its names mean, its tiles."""

    def __init__(
        self, kernel: Kernel, scope: Scope, free: frozenset[str], wide: bool, stages: int | None
    ) -> None:
        self.kernel, self.free, self.wide, self.stages = kernel, free, wide, stages
        taken = {s.name for s in statements(kernel.body) if isinstance(s, Tile | Assign)}
        taken |= {s.var for s in statements(kernel.body) if isinstance(s, Loop)}
        taken |= {p.name for p in kernel.params}
        rename = {
            n: f"{n}_" for n in taken if n in RESERVED or re.fullmatch(r"_.*|(at|ok|v)\d+", n)
        }
        self.scope = replace(scope, rename=rename)
        self.taken = taken
        self.params = {p.name: p for p in kernel.params}
        has_product = any(
            isinstance(s, VectorOp) and s.family == "matmul_op" for s in statements(kernel.body)
        )
        self.padded = PaddedSizes(self.scope, 16 if has_product else 1)
        self.tiles: dict[str, TileType] = {}
        self.spans: dict[str, Span | None] = {}  # tile -> what is known of its integers
        self.writes = Counter(
            s.dst.name for s in statements(kernel.body) if isinstance(s, Copy | VectorOp)
        )
        self.gates = gates(kernel)
        self.shapes: list[tuple[str, ...]] = []
        self.lines: list[str] = []
        self.indent = 1
        self.known: dict[str, str] = {}  # text of an index or mask -> the variable that holds it
        self.counts = {"at": 0, "ok": 0, "v": 0}
        self.compositions = compositions(kernel)
        self.early: frozenset[str] = frozenset()  # tiles that need a value where declared
        self.hints: dict[int, Hint] = {}  # id of a copy -> what to tell Triton of its pointer
        self.turn = -1  # which of the kernel's own loops is being printed
        self.read_in: dict[str, set[int]] = {}  # tensor -> the loops that load from it

    # ---- text

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def named(self, prefix: str, text: str) -> str:
        """A variable that holds ``text``, reused in this scope."""
        if text not in self.known:
            name = f"{prefix}{self.counts[prefix]}"
            self.counts[prefix] += 1
            self.emit(f"{name} = {text}")
            self.known[text] = name
        return self.known[text]

    def name(self, name: str) -> str:
        return self.scope.rename.get(name, name)

    def temporary(self, text: str) -> str:
        """A new variable that holds ``text``."""
        name = f"v{self.counts['v']}"
        self.counts["v"] += 1
        self.emit(f"{name} = {text}")
        return name

    def tile(self, tile: Tile) -> None:
        if not all(self.scope.is_static(d) for d in tile.shape):
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: the shape of tile {tile.name!r} is not known at "
                "compile time; Triton needs that"
            )
        kept = tuple(i for i, d in enumerate(tile.shape) if not self._always_one(d))
        padded = tuple(self.padded.text(tile.shape[i], self._fixed(tile.shape[i])) for i in kept)
        made = TileType(tile.shape, tile.dtype, kept, padded)
        self.tiles[tile.name] = made
        self.shapes.append(padded)
        if tile.value is not None:
            self.fill(tile.name, made, tile.value)
        elif tile.name in self.early:
            self.fill(tile.name, made, 0)

    def fill(self, name: str, tile: TileType, value: float) -> None:
        shown = ops.number(value if tile.dtype in ops.FLOATS else int(value))
        dtype = ops.triton_dtype(tile.dtype)
        if tile.dtype == "bfloat16" and value != 0:
            full = f"tl.full({tile.shape}, {shown}, tl.float32)"
            self.emit(f"{self.name(name)} = {ops.convert(full, 'float32', 'bfloat16')}")
        else:
            self.emit(f"{self.name(name)} = tl.full({tile.shape}, {shown}, {dtype})")

    def _fixed(self, dim: IntExpr) -> bool:
        """Whether ``dim`` is the same for all inputs' sizes."""
        return not names_in(self.scope.expand(dim)) & self.free

    def _always_one(self, dim: IntExpr) -> bool:
        return self._fixed(dim) and self.scope.value(dim) == 1

    def _may_pad(self, tile: TileType, position: int) -> bool:
        dim = tile.dims[tile.kept[position]]
        return not self._fixed(dim) or str(self.scope.value(dim)) != str(
            self._padded_value(tile.padded[position], dim)
        )

    def _padded_value(self, padded: str, dim: IntExpr) -> int:
        return int(padded) if padded.isdigit() else self.scope.value(dim)

    def spread(self, text: str, position: int, tile: TileType) -> str:
        """A vector along one dimension of ``tile``, shaped to broadcast against it."""
        if len(tile.kept) == 1:
            return text
        return (
            f"{text}[{', '.join(':' if i == position else 'None' for i in range(len(tile.kept)))}]"
        )

    def operand(self, name: str, dst: TileType) -> str:
        """Tile ``name``, indexed so that it broadcasts against ``dst``."""
        tile = self.tiles[name]
        shift = len(dst.dims) - len(tile.dims)
        kept = {k + shift for k in tile.kept}
        if not kept or kept == set(dst.kept) or len(dst.kept) <= 1:
            return self.name(name)
        if not kept <= set(dst.kept):
            raise UnsupportedError(f"tile {name!r} does not broadcast to its destination's shape")
        marks = [":" if k in kept else "None" for k in dst.kept]
        return f"{self.name(name)}[{', '.join(marks)}]"

    def put(self, name: str, text: str, covered: Iterable[int]) -> None:
        """Assigns ``text``, whose dimensions are ``covered``, to a tile."""
        dst = self.tiles[name]
        if dst.dtype == "bool" and not dst.kept and not text.isidentifier():
            # The interpreter gives a scalar comparison the type of its operands.
            text = f"tl.where({text}, True, False)"
        if set(covered) != set(dst.kept):
            text = f"tl.broadcast_to({text}, {dst.shape})"
        self.emit(f"{self.name(name)} = {text}")

    def covered(self, names: Iterable[str], dst: TileType) -> set[int]:
        found: set[int] = set()
        for name in names:
            tile = self.tiles[name]
            found |= {k + len(dst.dims) - len(tile.dims) for k in tile.kept}
        return found
