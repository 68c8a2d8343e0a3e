"""One AUL kernel as one ``@triton.jit`` function: tiles, copies, control flow.

A tile becomes a Triton tensor without its literal size-1 dimensions (a tile of one element is a
scalar), every other dimension rounded up to a power of two. What lies beyond a tile's own size is
*padding*: it holds unspecified values, is never stored, and is replaced by the neutral element
before a reduction. Masks appear only where ``_triton_index`` cannot prove them needless, and are
written so that they fold to "true" at compile time when the sizes allow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelwright.aul.syntax import (
    Assign,
    Binary,
    Call,
    Compare,
    Copy,
    Guard,
    Int,
    IntExpr,
    Kernel,
    Loop,
    Name,
    Param,
    Place,
    Slice,
    Statement,
    Tile,
    VectorOp,
    statements,
)
from kernelwright.compiler.codegen import _triton_ops as ops
from kernelwright.compiler.codegen._triton_index import Scope, names_in
from kernelwright.errors import UnsupportedError

RESERVED = frozenset({"core", "tl", "triton", "torch", "os", "range", "float", "INTERPRETED"})


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


@dataclass(frozen=True)
class PrintedKernel:
    """``text`` is the function. ``params``: its tensor arguments. ``static``: names of declared
    integers that it takes; ``padded``: padded sizes that it takes (name -> size); ``tiles``: the
    padded shapes of its tiles, as texts; ``least``: smallest padded size."""

    text: str
    params: tuple[Param, ...]
    static: tuple[str, ...]
    padded: Mapping[str, IntExpr]
    tiles: tuple[tuple[str, ...], ...]
    least: int

    @property
    def constants(self) -> tuple[str, ...]:
        return (*self.static, *self.padded)


def print_kernel(
    kernel: Kernel, scope: Scope, free: frozenset[str], wide: bool, stages: int | None
) -> PrintedKernel:
    """``free``: declared names that change with the inputs' sizes. ``wide``: index in 64 bits.
    ``stages``: software-pipelining depth of loops, None for Triton's default.

    Raises UnsupportedError for what Triton cannot express.
    """
    return _KernelPrinter(kernel, scope, free, wide, stages).print()


class _KernelPrinter:
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
        self.shapes: list[tuple[str, ...]] = []
        self.lines: list[str] = []
        self.indent = 1
        self.known: dict[str, str] = {}  # text of an index or mask -> the variable that holds it
        self.counts = {"at": 0, "ok": 0, "v": 0}
        self.early = _needs_initial_value(kernel.body)

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

    def print(self) -> PrintedKernel:
        uses_core = any("<core>" in names for names in map(_integers_of, self._walk()))
        if uses_core:
            self.emit("core = tl.program_id(0)" + (".to(tl.int64)" if self.wide else ""))
        self.body(self.kernel.body)
        body = "\n".join(self.lines) or "    pass"
        words = set(re.findall(r"[A-Za-z_]\w*", body))
        static = tuple(n for n in self.scope.static if n in words)
        padded = {n: e for n, e in (self.padded.wrapper or {}).items() if n in words}
        arguments = [self.name(p.name) for p in self.kernel.params]
        arguments += [f"{n}: tl.constexpr" for n in (*static, *padded)]
        one_line = f"def {self.kernel.name}({', '.join(arguments)}):"
        if len(one_line) > 96:
            one_line = "\n    ".join([f"def {self.kernel.name}(", *(f"{a}," for a in arguments)])
            one_line += "\n):"
        text = f"@triton.jit\n{one_line}\n{body}\n"
        return PrintedKernel(
            text, self.kernel.params, static, padded, tuple(self.shapes), self.padded.least
        )

    def _walk(self) -> Iterable[Statement]:
        return statements(self.kernel.body)

    # ---- statements

    def body(self, body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, Tile):
                self.tile(statement)
            elif isinstance(statement, Assign):
                self.assign(statement)
            elif isinstance(statement, Copy):
                self.copy(statement)
            elif isinstance(statement, VectorOp):
                self.vector(statement)
            elif isinstance(statement, Loop):
                self.loop(statement)
            else:
                self.guard(statement)

    def nested(self, body: tuple[Statement, ...], scope: Scope) -> None:
        """``body`` one level deeper. What it names is not known after it."""
        outer, known = self.scope, dict(self.known)
        changed = {s.name for s in statements(body) if isinstance(s, Assign)}
        self.scope, self.indent = scope, self.indent + 1
        self.padded.scope = scope
        before = len(self.lines)
        self.body(body)
        if len(self.lines) == before:
            self.emit("pass")
        self.indent -= 1
        self.scope = outer.forget(changed)
        self.padded.scope = self.scope
        self.known = {t: v for t, v in known.items() if not changed & set(re.findall(r"\w+", t))}

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

    def assign(self, statement: Assign) -> None:
        value = statement.value
        static = self.scope.is_static(value)
        reassigned = sum(isinstance(s, Assign) and s.name == statement.name for s in self._walk())
        text = self.scope.text(value)
        if isinstance(value, Call) and text[:1] == "(" and text[-1:] == ")":
            text = text[1:-1]
        kind = ": tl.constexpr" if static and reassigned == 1 else ""
        self.emit(f"{self.name(statement.name)}{kind} = {text}")
        if reassigned == 1:
            self.scope = self.scope.assign(statement.name, value)
        else:
            self.scope = self.scope.assign(statement.name, Name(f"<{statement.name}>"))
            gone = self.name(statement.name)
            self.known = {t: v for t, v in self.known.items() if gone not in re.findall(r"\w+", t)}
        self.padded.scope = self.scope

    def loop(self, loop: Loop) -> None:
        count = loop.iterations
        if isinstance(count, Call) and count.function == "max" and Int(0) in count.args:
            rest = [a for a in count.args if a != Int(0)]
            count = rest[0] if len(rest) == 1 else count  # a negative range is empty as it is
        text = self.scope.text(count)
        head = f"range({text})"
        if self.stages is not None:
            head = f"tl.range({text}, num_stages={self.stages})"
        var = self.name(loop.var)
        self.emit(f"for {var} in {head}:")
        inner = self.scope.loop(loop.var, loop.iterations)
        changed = {s.name for s in statements(loop.body) if isinstance(s, Assign)}
        self.known = {
            t: v for t, v in self.known.items() if not changed & set(re.findall(r"\w+", t))
        }
        if self.wide:
            self.emit(f"    {var} = tl.cast({var}, tl.int64)")
        self.nested(loop.body, inner.forget(changed))

    def guard(self, guard: Guard) -> None:
        text = " and ".join(self.comparison(c) for c in guard.condition)
        if len(guard.condition) > 1 and not self._static_condition(guard.condition):
            text = " & ".join(f"({self.comparison(c)})" for c in guard.condition)
        self.emit(f"if {text}:")
        scope = self.scope
        self.nested(guard.body, scope)
        if guard.orelse:
            self.emit("else:")
            self.nested(guard.orelse, self.scope)

    def comparison(self, c: Compare) -> str:
        return f"{self.scope.text(c.left)} {c.op} {self.scope.text(c.right)}"

    def _static_condition(self, condition: Iterable[Compare]) -> bool:
        return all(
            self.scope.is_static(c.left) and self.scope.is_static(c.right) for c in condition
        )

    # ---- copies

    def copy(self, copy: Copy) -> None:
        if copy.src.index is not None:
            self.load(copy, copy.src, self.tiles[copy.dst.name])
        elif copy.dst.index is not None:
            self.store(copy, copy.dst, self.tiles[copy.src.name])
        else:
            dst = self.tiles[copy.dst.name]
            text = self.operand(copy.src.name, dst)
            text = ops.convert(text, self.tiles[copy.src.name].dtype, dst.dtype)
            self.put(copy.dst.name, text, self.covered([copy.src.name], dst))

    def load(self, copy: Copy, place: Place, tile: TileType) -> None:
        pointer, masks = self.address(place, tile, copy.pad is not None)
        mask = self.mask(masks, tile)
        value = copy.pad if copy.pad is not None else 0
        shown = ops.number(float(value) if tile.dtype in ops.FLOATS else int(value))
        more = f", mask={mask}, other={shown}" if mask else ""
        name = self.name(copy.dst.name)
        self.emit(f"{name} = tl.load({pointer}{more})")

    def store(self, copy: Copy, place: Place, tile: TileType) -> None:
        pointer, masks = self.address(place, tile, copy.clip)
        mask = self.mask(masks, tile)
        more = f", mask={mask}" if mask else ""
        value = self.name(copy.src.name)
        param = self.params[place.name]
        if param.dtype is not None:
            value = ops.convert(value, tile.dtype, param.dtype)
        self.emit(f"tl.store({pointer}, {value}{more})")

    def address(
        self, place: Place, tile: TileType, checked: bool
    ) -> tuple[str, list[tuple[int | None, str]]]:
        """The pointer of a rectangular part, and its masks by position among ``tile.kept`` (None:
        a scalar condition)."""
        param = self.params[place.name]
        assert place.index is not None
        if param.shape is None:
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: parameter {place.name!r} has no shape; write "
                f"{place.name}: U.TensorPtr[U.float32, (...)]"
            )
        strides = param.strides or _row_major(param.shape)
        terms, masks = [], []
        dim = 0  # of the tile
        offset = self.scope.text(param.offset)
        if offset != "0":
            terms.append(offset)
        for part, size, stride in zip(place.index, param.shape, strides):
            if not isinstance(part, Slice):
                terms.append(self._scaled(self.scope.text(part), part, stride))
                index = self._scalar_index(part, tile)
                masks += self._bounds(part, Int(1), size, None, index, checked)
                continue
            self._check_extent(place, part, tile, dim)
            lower = self.scope.text(part.lower)
            if dim not in tile.kept:
                terms.append(self._scaled(lower, part.lower, stride))
                index = self._scalar_index(part.lower, tile)
                masks += self._bounds(part.lower, tile.dims[dim], size, None, index, checked)
            else:
                position = tile.kept.index(dim)
                index = self.index(part.lower, tile.padded[position])
                terms.append(self._scaled(self.spread(index, position, tile), None, stride))
                masks += self._bounds(part.lower, tile.dims[dim], size, position, index, checked)
                if self._may_pad(tile, position):
                    masks.append((position, self._own(tile, position)))
            dim += 1
        terms = [t for t in terms if t != "0"]
        return " + ".join([self.name(place.name), *terms]), masks

    def _check_extent(self, place: Place, part: Slice, tile: TileType, dim: int) -> None:
        extent = self.scope.poly(Binary("-", part.upper, part.lower))
        if dim >= len(tile.dims) or extent != self.scope.poly(tile.dims[dim]):
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: slice {dim} of {place.name!r} is not provably as "
                "long as its tile; write it as start:start + SIZE with the tile's own size"
            )

    def index(self, lower: IntExpr, padded: str) -> str:
        lanes = f"tl.arange(0, {padded})" + (".to(tl.int64)" if self.wide else "")
        start = self.scope.text(lower)
        if isinstance(lower, Binary) and lower.op not in "+*":
            start = f"({start})"
        return self.named("at", lanes if start == "0" else f"{start} + {lanes}")

    def _scalar_index(self, expr: IntExpr, tile: TileType) -> str:
        """An index fit for a mask of ``tile``: the interpreter cannot mix scalar conditions with
        vectors of them, so beside a vector it is a vector of one."""
        text = self.scope.text(expr)
        bits = 64 if self.wide else 32
        return f"tl.full((1,), {text}, tl.int{bits})" if tile.kept else f"({text})"

    def _scaled(self, text: str, expr: IntExpr | None, stride: IntExpr) -> str:
        step = self.scope.text(stride)
        if text == "0" or step == "0":
            return "0"
        if step == "1":
            return f"({text})" if isinstance(expr, Binary) and expr.op in "-" else text
        left = f"({text})" if isinstance(expr, Binary) else text
        right = f"({step})" if isinstance(stride, Binary) else step
        return f"{left} * {right}"

    def _bounds(
        self,
        lower: IntExpr,
        extent: IntExpr,
        size: IntExpr,
        position: int | None,
        index: str,
        checked: bool,
    ) -> list[tuple[int | None, str]]:
        """Masks that keep ``index`` inside a dimension of ``size``, where they may be needed."""
        if not checked:
            return []
        found: list[tuple[int | None, str]] = []
        always = self.scope.always_within(Binary("+", lower, extent), size)
        if always != "True":
            test = f"{index} < {self.scope.text(size)}"
            found.append((position, f"({test}) | ({always})" if always else test))
        if not self.scope.is_natural(lower):
            found.append((position, f"{index} >= 0"))
        return found

    def _may_pad(self, tile: TileType, position: int) -> bool:
        dim = tile.dims[tile.kept[position]]
        return not self._fixed(dim) or str(self.scope.value(dim)) != str(
            self._padded_value(tile.padded[position], dim)
        )

    def _padded_value(self, padded: str, dim: IntExpr) -> int:
        return int(padded) if padded.isdigit() else self.scope.value(dim)

    def _own(self, tile: TileType, position: int) -> str:
        """The mask of a tile's own elements, against its padding."""
        dim, padded = tile.dims[tile.kept[position]], tile.padded[position]
        lanes, size = self.named("at", f"tl.arange(0, {padded})"), self.scope.text(dim)
        if self._fixed(dim):
            return f"{lanes} < {size}"
        return f"({lanes} < {size}) | ({ops.group(size)} == {padded})"

    def spread(self, text: str, position: int, tile: TileType) -> str:
        """A vector along one dimension of ``tile``, shaped to broadcast against it."""
        if len(tile.kept) == 1:
            return text
        return (
            f"{text}[{', '.join(':' if i == position else 'None' for i in range(len(tile.kept)))}]"
        )

    def mask(self, masks: Sequence[tuple[int | None, str]], tile: TileType) -> str:
        parts = []
        for position, text in masks:
            name = self.named("ok", text)
            part = name if position is None else self.spread(name, position, tile)
            if part not in parts:
                parts.append(part)
        return " & ".join(parts)

    # ---- vector operations

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

    def vector(self, op: VectorOp) -> None:
        handler = getattr(self, f"_{op.family}", None)
        if handler is None:
            raise UnsupportedError(f"U.{op.family} has no Triton form")
        handler(op)

    def _dtype(self, op: VectorOp, source: int = 0) -> str:
        return self.tiles[op.srcs[source].name].dtype

    def _sources(self, op: VectorOp) -> list[str]:
        return [self.operand(s.name, self.tiles[op.dst.name]) for s in op.srcs]

    def _elementwise(self, op: VectorOp, text: str, extra: Iterable[str] = ()) -> None:
        names = [s.name for s in op.srcs] + list(extra)
        self.put(op.dst.name, text, self.covered(names, self.tiles[op.dst.name]))

    def _vunary_op(self, op: VectorOp) -> None:
        (x,) = self._sources(op)
        dst = self.tiles[op.dst.name].dtype
        self._elementwise(op, ops.unary(op.op, x, self._dtype(op), dst))

    def _vbinary_op(self, op: VectorOp) -> None:
        a, b = self._sources(op)
        dst = self.tiles[op.dst.name].dtype
        self._elementwise(op, ops.binary(op.op, a, b, self._dtype(op), dst))

    def _vectorscalar_op(self, op: VectorOp) -> None:
        (x,) = self._sources(op)
        factor, dst = op.attr("factor"), self.tiles[op.dst.name]
        if isinstance(factor, Place):
            tile = self.tiles[factor.name]
            text = ops.convert(self.operand(factor.name, dst), tile.dtype, self._dtype(op))
            text = ops.scalar_tile(op.op, x, text, self._dtype(op), dst.dtype)
            self._elementwise(op, text, [factor.name])
            return
        if not isinstance(factor, int | float):  # an integer expression of sizes
            text = f"tl.cast({self.scope.text(factor)}, {ops.triton_dtype(self._dtype(op))})"
            text = ops.scalar_tile(op.op, x, text, self._dtype(op), dst.dtype)
            self._elementwise(op, text)
            return
        self._elementwise(op, ops.scalar_number(op.op, x, factor, self._dtype(op), dst.dtype))

    def _vcompare_op(self, op: VectorOp) -> None:
        a, b = self._sources(op)
        self._elementwise(op, ops.compare(op.op, a, b, self._dtype(op)))

    def _vselect_op(self, op: VectorOp) -> None:
        condition, a, b = self._sources(op)
        dst = self.tiles[op.dst.name].dtype
        a = ops.convert(a, self._dtype(op, 1), dst)
        b = ops.convert(b, self._dtype(op, 2), dst)
        self._elementwise(op, f"tl.where({condition}, {a}, {b})")

    def _vcast_op(self, op: VectorOp) -> None:
        (x,) = self._sources(op)
        self._elementwise(op, ops.convert(x, self._dtype(op), self.tiles[op.dst.name].dtype))

    def _vbroadcast_op(self, op: VectorOp) -> None:
        self._vcast_op(op)

    def _vfill_op(self, op: VectorOp) -> None:
        self.fill(op.dst.name, self.tiles[op.dst.name], op.attr("value"))

    def _viota_op(self, op: VectorOp) -> None:
        dst, axis = self.tiles[op.dst.name], op.attr("axis")
        start = self.scope.text(op.attr("start", Int(0)))
        if axis in dst.kept:
            position = dst.kept.index(axis)
            lanes = self.spread(f"tl.arange(0, {dst.padded[position]})", position, dst)
            text = lanes if start == "0" else f"{start} + {lanes}"
            text, covered = ops.convert(text, "int32", dst.dtype), {axis}
            if dst.dtype == "int64":
                text = f"{start} + {lanes}.to(tl.int64)" if start != "0" else text
        else:
            text, covered = f"tl.cast({start}, {ops.triton_dtype(dst.dtype)})", set()
        self.put(op.dst.name, text, covered)

    def _vtranspose_op(self, op: VectorOp) -> None:
        source = self.tiles[op.srcs[0].name]
        order = [source.kept.index(a) for a in op.attr("axes") if a in source.kept]
        name = self.name(op.srcs[0].name)
        text = name if order == sorted(order) else f"tl.permute({name}, {tuple(order)})"
        self.emit(f"{self.name(op.dst.name)} = {text}")

    def _vreduce_op(self, op: VectorOp) -> None:
        source, dst = self.tiles[op.srcs[0].name], self.tiles[op.dst.name]
        axis, valid = op.attr("axis") % len(source.dims), op.attr("valid")
        if axis in dst.kept:
            raise UnsupportedError(f"the reduced dimension of tile {op.dst.name!r} must be 1")
        if axis not in source.kept:
            self._reduce_one(op, source, dst)
            return
        position = source.kept.index(axis)
        lane = self.spread(
            self.named("at", f"tl.arange(0, {source.padded[position]})"), position, source
        )

        def masked(values: str, neutral: str) -> str:
            test = self._counted(source, position, lane, valid)
            if test is None:
                return values
            condition, when = test
            text = f"tl.where({condition}, {values}, {neutral})"
            return self.temporary(f"{text} if {when} else {values}" if when else text)

        text = ops.reduce(
            op.op, self.name(op.srcs[0].name), source.dtype, dst.dtype, position, lane, masked
        )
        shift = len(dst.dims) - len(source.dims)
        self.put(op.dst.name, text, {k + shift for k in source.kept if k != axis})

    def _counted(
        self, source: TileType, position: int, lane: str, valid: IntExpr | None
    ) -> tuple[str, str] | None:
        """The condition under which an element counts, and when that needs testing ("": always).
        None when every element counts."""
        dim, padded = source.dims[source.kept[position]], source.padded[position]
        if valid is not None:
            if isinstance(valid, Call) and valid.function == "min" and dim in valid.args:
                others = [a for a in valid.args if a != dim]
                if len(others) == 1 and not self._may_pad(source, position):
                    valid = others[0]  # the lanes end at the tile's size anyway
            text = self.scope.text(valid)
            return f"{lane} < {text}", ""
        if not self._may_pad(source, position):
            return None
        size = self.scope.text(dim)
        return f"{lane} < {size}", "" if self._fixed(dim) else f"{size} != {padded}"

    def _reduce_one(self, op: VectorOp, source: TileType, dst: TileType) -> None:
        """A reduction over one element: the element itself."""
        x = self.operand(op.srcs[0].name, dst)
        if op.attr("valid") is not None:
            raise UnsupportedError("valid= along a dimension of size 1 has no Triton form")
        if op.op in ("argmax", "argmin"):
            text = f"tl.full({dst.shape}, 0, {ops.triton_dtype(dst.dtype)})"
        elif op.op in ("any", "all"):
            text = ops.convert(ops.convert(x, source.dtype, "bool"), "bool", dst.dtype)
        else:
            text = ops.convert(x, source.dtype, dst.dtype)
        self.put(op.dst.name, text, dst.kept)

    def _matmul_op(self, op: VectorOp) -> None:
        a, b = (self.tiles[s.name] for s in op.srcs)
        dst = self.tiles[op.dst.name]
        left, right = (self.name(s.name) for s in op.srcs)
        if any(len(t.kept) != 2 or len(t.dims) != 2 for t in (a, b, dst)):
            raise UnsupportedError("U.matmul_op needs two-dimensional tiles larger than 1 by 1")
        if self._may_pad(a, 1):  # padding of the summed dimension must not count
            lane = self.named("at", f"tl.arange(0, {a.padded[1]})")
            size = self.scope.text(a.dims[1])
            cast = f".to({ops.triton_dtype(a.dtype)})"
            left = self.temporary(f"tl.where({lane}[None, :] < {size}, {left}, 0.0){cast}")
            right = self.temporary(f"tl.where({lane}[:, None] < {size}, {right}, 0.0){cast}")
        if a.dtype not in (*ops.HALVES, "float32") or dst.dtype not in ops.FLOATS:
            raise UnsupportedError(f"U.matmul_op on {a.dtype} tiles has no Triton form")
        function = "_dot_bfloat16" if a.dtype == "bfloat16" else "_dot"
        target = self.name(op.dst.name)
        start = ops.convert(target, dst.dtype, "float32")
        if not op.attr("accumulate"):
            start = f"tl.zeros({dst.shape}, tl.float32)"
        text = ops.convert(f"{function}({left}, {right}, {start})", "float32", dst.dtype)
        self.emit(f"{target} = {text}")


def _row_major(shape: Sequence[IntExpr]) -> tuple[IntExpr, ...]:
    strides: list[IntExpr] = []
    step: IntExpr = Int(1)
    for size in reversed(shape):
        strides.append(step)
        step = size if step == Int(1) else Binary("*", size, step)
    return tuple(reversed(strides))


def _integers_of(statement: Statement) -> set[str]:
    """Names in a statement's integer expressions."""
    found: set[str] = set()
    if isinstance(statement, Assign):
        found |= names_in(statement.value)
    elif isinstance(statement, Loop):
        found |= names_in(statement.iterations)
    elif isinstance(statement, Guard):
        for c in statement.condition:
            found |= names_in(c.left) | names_in(c.right)
    elif isinstance(statement, Copy):
        for place in (statement.dst, statement.src):
            for part in place.index or ():
                ends = (part.lower, part.upper) if isinstance(part, Slice) else (part,)
                found = found.union(*map(names_in, ends))
    elif isinstance(statement, VectorOp):
        for _, value in statement.attrs:
            if isinstance(value, Int | Name | Binary | Call):
                found |= names_in(value)
    return found


def _needs_initial_value(body: tuple[Statement, ...]) -> set[str]:
    """Tiles that Triton must see defined where AUL only declares them: those written first inside
    a loop or guard and read outside of it, or read before they are written."""
    order: list[tuple[str, bool, tuple[int, ...]]] = []  # (tile, is write, enclosing blocks)
    tiles = {s.name for s in statements(body) if isinstance(s, Tile) and s.value is None}
    counter = iter(range(1 << 30))

    def visit(block: Sequence[Statement], path: tuple[int, ...]) -> None:
        here = (*path, next(counter))
        for s in block:
            if isinstance(s, Copy | VectorOp):
                reads = [s.src.name] if isinstance(s, Copy) else [p.name for p in s.srcs]
                if isinstance(s, VectorOp):
                    factor = s.attr("factor")
                    reads += [factor.name] if isinstance(factor, Place) else []
                    reads += [s.dst.name] if s.attr("accumulate") else []
                order.extend((r, False, here) for r in reads if r in tiles)
                if s.dst.name in tiles:
                    order.append((s.dst.name, True, here))
            elif isinstance(s, Loop):
                visit(s.body, here)
            elif isinstance(s, Guard):
                visit(s.body, here)
                visit(s.orelse, here)

    visit(body, ())
    early = set()
    for name in tiles:
        events = [(write, path) for n, write, path in order if n == name]
        if events and (
            not events[0][0] or any(p[: len(events[0][1])] != events[0][1] for _, p in events)
        ):
            early.add(name)
    return early
