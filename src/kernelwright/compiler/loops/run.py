"""AUL statements -> the node DAG of one straight-line run (between two loops or guards)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kernelwright.aul.syntax import Copy, Param, Place, Slice, Tile, VectorOp
from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.ir import Memory
from kernelwright.compiler.loops.nodes import Access, Interval, Node, Reg
from kernelwright.compiler.loops.semantics import SCALAR_FORMS
from kernelwright.errors import AULError, UnsupportedError
from kernelwright.graph.core import is_float

Evaluate = Callable[..., Affine]  # an AUL integer expression -> affine


@dataclass
class TileInfo:
    """A declared tile and where it lives between runs: ``home`` memory or an SSA scalar ``reg``."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    home: Memory | None = None
    reg: Reg | None = None

    @property
    def elements(self) -> int:
        total = 1
        for extent in self.shape:
            total *= extent
        return total


@dataclass
class Tensor:
    """A kernel parameter: a strided view of a memory."""

    param: Param
    memory: Memory
    shape: tuple[int | Affine, ...]
    strides: tuple[int | Affine, ...]
    offset: Affine


class Run:
    """Collects statements; ``versions`` maps a tile to the node that holds it now."""

    def __init__(
        self,
        tiles: Mapping[str, TileInfo],
        tensors: Mapping[str, Tensor],
        evaluate: Evaluate,
        home: Callable[[TileInfo], Memory],
    ) -> None:
        self.tiles, self.tensors, self.evaluate, self.home = tiles, tensors, evaluate, home
        self.nodes: list[Node] = []
        self.versions: dict[str, Node] = {}
        self.written: list[str] = []  # tiles written in this run

    # ---- statements ------------------------------------------------------------------------

    def fill(self, statement: Tile) -> None:
        assert statement.value is not None
        self.define(statement.name, self.leaf("fill", statement.name, value=statement.value))

    def copy(self, statement: Copy) -> None:
        source, target = statement.src.name, statement.dst.name
        if source in self.tensors and statement.index is not None:
            self.lookup(statement)
        elif source in self.tensors:
            info = self.tile(statement.dst)
            access = self.access(statement.src, info, statement.pad is not None)
            node = Node("load", "", list(info.shape), info.dtype, access=access)
            node.attrs["pad"] = statement.pad
            self.order(self.add(node))
            self.define(target, self.converted(node, access.memory.dtype, info.dtype))
        elif target in self.tensors and statement.index is not None:
            self.put(statement)
        elif target in self.tensors:
            info = self.tile(statement.src)
            access = self.access(statement.dst, info, statement.clip)
            value = self.converted(self.read(source), info.dtype, access.memory.dtype)
            node = Node("store", "", list(value.shape), value.dtype, [value], access)
            self.order(self.add(node))
        else:
            self.define(target, self.read(source))

    def lookup(self, statement: Copy) -> None:
        """An indirect load: its own access, and the index tile as an input."""
        assert statement.index is not None
        info = self.tile(statement.dst)
        access, along = self.indexed(statement, statement.src, info)
        node = Node("lookup", "", list(info.shape), info.dtype, [self.read(statement.index.name)])
        node.access = access
        node.attrs.update(along, pad=statement.pad)
        self.order(self.add(node))
        self.define(statement.dst.name, node)

    def put(self, statement: Copy) -> None:
        """An indirect store."""
        assert statement.index is not None
        if statement.atomic:
            raise UnsupportedError(
                f"{statement.dst.name}: cores of a CPU do not meet in an element"
            )
        info = self.tile(statement.src)
        access, along = self.indexed(statement, statement.dst, info)
        value = self.converted(self.read(info.name), info.dtype, access.memory.dtype)
        inputs = [value, self.read(statement.index.name)]
        node = Node("put", statement.update, list(info.shape), value.dtype, inputs, access)
        node.attrs.update(along)
        self.order(self.add(node))

    def indexed(
        self, statement: Copy, place: Place, info: TileInfo
    ) -> tuple[Access, dict[str, object]]:
        """The tensor's side of an indirect load or store, without the dimension that the index
        runs along, and what there is to know about that one."""
        assert place.index is not None
        tensor = self.tensors[place.name]
        slices = [i for i in place.index if isinstance(i, Slice)]
        extents = [self._start(i)[1] for i in slices]
        box = TileInfo(info.name, tuple(extents), info.dtype)
        access = self.access(place, box, True)
        strides = list(access.strides)
        for d, (have, want) in enumerate(zip(extents, info.shape)):
            if have == 1 and want != 1:
                strides[d], access.inside[d] = 0, Interval.full(want)
        access.strides, axis = strides, statement.axis
        extent, stride = tensor.shape[axis], tensor.strides[axis]
        if not isinstance(extent, int) or not isinstance(stride, int):
            raise UnsupportedError(f"{place.name}: a lookup in sizes known at run time only")
        start = self._start(place.index[axis])[0]
        access.fixed = [f for f in access.fixed if f[0] != start or f[1] != tensor.shape[axis]]
        access.base = access.base - start * stride
        return access, {"start": start, "extent": extent, "stride": stride}

    def converted(self, node: Node, have: str, want: str) -> Node:
        """A copy between a tensor and a tile of another dtype converts."""
        if have == want:
            return node
        if node.kind == "load":
            node.dtype = have
        return self.add(Node("map", "cast", list(node.shape), want, [node]))

    def vector(self, statement: VectorOp) -> None:
        handler = getattr(self, "_" + statement.family, None)
        if handler is None:
            raise AULError(f"unknown operation U.{statement.family}", *statement.loc)
        handler(statement)

    def _map(self, statement: VectorOp, op: str, inputs: list[Node]) -> None:
        info = self.tile(statement.dst)
        self.define(info.name, self.add(Node("map", op, list(info.shape), info.dtype, inputs)))

    def _vunary_op(self, s: VectorOp) -> None:
        source = self.read(s.srcs[0].name)
        op = s.op
        if op == "exp" and is_float(source.dtype) and _nonpositive(source):
            op = "exp_nonpositive"
        self._map(s, op, [source])

    def _vbinary_op(self, s: VectorOp) -> None:
        self._map(s, s.op, [self.read(p.name) for p in s.srcs])

    _vcompare_op = _vbinary_op

    def _vselect_op(self, s: VectorOp) -> None:
        self._map(s, "select", [self.read(p.name) for p in s.srcs])

    def _vcast_op(self, s: VectorOp) -> None:
        self._map(s, "cast", [self.read(s.srcs[0].name)])

    def _vbroadcast_op(self, s: VectorOp) -> None:
        self._map(s, "copy", [self.read(s.srcs[0].name)])

    def _vectorscalar_op(self, s: VectorOp) -> None:
        source, factor = self.read(s.srcs[0].name), s.attr("factor")
        op, first = SCALAR_FORMS[s.op]
        if isinstance(factor, Place):
            scalar = self.read(factor.name)
        elif isinstance(factor, (bool, int, float)):
            scalar = self.add(Node("fill", "", [1], source.dtype, attrs={"value": factor}))
        else:
            form = self.evaluate(factor)
            if form.is_constant:
                known = {"value": form.constant}
                scalar = self.add(Node("fill", "", [1], source.dtype, attrs=known))
            else:  # an index that runs over one element
                alone = {"axis": 0, "start": form}
                scalar = self.add(Node("iota", "", [1], source.dtype, attrs=alone))
        self._map(s, op, [scalar, source] if first else [source, scalar])

    def _vreduce_op(self, s: VectorOp) -> None:
        source, valid = self.read(s.srcs[0].name), s.attr("valid")
        info = self.tile(s.dst)
        node = Node("reduce", s.op, list(info.shape), info.dtype, [source])
        node.attrs["axis"] = int(s.attr("axis")) % len(source.shape)
        node.attrs["valid"] = None if valid is None else self.evaluate(valid)
        expected = list(source.shape)
        expected[node.attrs["axis"]] = 1
        if node.shape != expected:
            raise AULError(
                f"vreduce_op: {info.name} has shape {info.shape}, the result {tuple(expected)}",
                *s.loc,
            )
        self.define(info.name, self.add(node))

    def _vscan_op(self, s: VectorOp) -> None:
        source, valid, info = self.read(s.srcs[0].name), s.attr("valid"), self.tile(s.dst)
        if source.shape != list(info.shape):
            raise AULError(
                f"vscan_op: {info.name} has shape {info.shape}, its source {tuple(source.shape)}",
                *s.loc,
            )
        node = Node("scan", s.op, list(info.shape), info.dtype, [source])
        node.attrs["axis"] = int(s.attr("axis")) % len(source.shape)
        node.attrs["valid"] = None if valid is None else self.evaluate(valid)
        node.attrs["reverse"] = bool(s.attr("reverse"))
        self.define(info.name, self.add(node))

    def _viota_op(self, s: VectorOp) -> None:
        start = s.attr("start")
        start = affine.ZERO if start is None else self.evaluate(start)
        axis = int(s.attr("axis", 0))
        self.define(s.dst.name, self.leaf("iota", s.dst.name, axis=axis, start=start))

    def _vfill_op(self, s: VectorOp) -> None:
        self.define(s.dst.name, self.leaf("fill", s.dst.name, value=s.attr("value")))

    def _vtranspose_op(self, s: VectorOp) -> None:
        """Only of a load: the caller sends every other source through its home memory first."""
        source, axes = self.read(s.srcs[0].name), tuple(s.attr("axes"))
        assert source.kind == "load" and source.access is not None
        old = source.access
        access = Access(
            old.memory, old.base, [old.strides[a] for a in axes], [old.inside[a] for a in axes],
            old.fixed, old.starts,
        )  # fmt: skip
        node = Node("load", "", [source.shape[a] for a in axes], source.dtype, access=access)
        node.attrs["pad"] = source.attrs["pad"]
        node.attrs["home"] = source.attrs.get("home")
        self.order(self.add(node))
        self.define(s.dst.name, node)

    # ---- nodes -----------------------------------------------------------------------------

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        return node

    def leaf(self, kind: str, tile: str, **attrs: object) -> Node:
        info = self.tiles[tile]
        return self.add(Node(kind, "", list(info.shape), info.dtype, attrs=dict(attrs)))

    def define(self, tile: str, node: Node) -> None:
        info = self.tiles[tile]
        if node.dtype != info.dtype or tuple(node.shape) != info.shape:
            op = "copy" if node.dtype == info.dtype else "cast"
            node = self.add(Node("map", op, list(info.shape), info.dtype, [node]))
        self.versions[tile] = node
        if tile not in self.written:
            self.written.append(tile)

    def tile(self, place: Place) -> TileInfo:
        if place.name not in self.tiles:
            raise AULError(f"{place.name} is not a tile", *place.loc)
        if place.index is not None:
            raise AULError(f"a part of the tile {place.name}; only whole tiles", *place.loc)
        return self.tiles[place.name]

    def read(self, tile: str) -> Node:
        """The node that holds ``tile`` now: a version of this run, an SSA scalar, or its home."""
        if tile in self.versions:
            return self.versions[tile]
        if tile not in self.tiles:
            raise AULError(f"{tile} is not a tile")
        info = self.tiles[tile]
        if info.reg is not None:
            node = self.leaf("scalar", tile, reg=info.reg)
        else:
            node = Node("load", "", list(info.shape), info.dtype, access=self.home_access(info))
            node.attrs.update(pad=None, home=tile)
            self.add(node)
        self.versions[tile] = node
        return node

    def home_access(self, info: TileInfo) -> Access:
        strides = row_major(info.shape)
        inside = [Interval.full(extent) for extent in info.shape]
        return Access(self.home(info), affine.ZERO, strides, inside)

    def finish(self, live_out: set[str], as_scalar: Callable[[str], bool]) -> list[Node]:
        """Adds the sinks of tiles that later runs read; returns all nodes in order."""
        for tile in [t for t in self.written if t in live_out]:
            info, node = self.tiles[tile], self.versions[tile]
            if node.attrs.get("home") == tile:
                continue
            if as_scalar(tile):
                sink = Node("scalar_out", "", list(info.shape), info.dtype, [node])
                sink.attrs["tile"] = tile
            else:
                access = self.home_access(info)
                sink = Node("store", "", list(info.shape), info.dtype, [node], access)
                sink.attrs["home"] = tile
                self._after_home_reads(sink, tile)
            self.add(sink)
        return self.nodes

    def _after_home_reads(self, sink: Node, tile: str) -> None:
        """The home may be overwritten only after its old value has been read: near its use, not
        in an earlier loop, which would have to keep a copy."""
        assert sink.access is not None
        for node in self.nodes:
            if node.kind == "load" and node.attrs.get("home") == tile:
                assert node.access is not None
                same = node.access.strides == sink.access.strides
                sink.after.append((node, same))
                node.anchored = node.anchored or "soft"

    def order(self, node: Node) -> None:
        """Keeps accesses to one tensor in order when one of them writes."""
        assert node.access is not None
        for other in self.nodes:
            if other is node or other.access is None or not (other.is_sink or node.is_sink):
                continue
            if other.access.memory is node.access.memory and not _disjoint(other, node):
                node.after.append((other, False))
                if other.kind in ("load", "lookup"):
                    other.anchored = "hard"
                if node.kind in ("load", "lookup"):
                    node.anchored = "hard"

    def access(self, place: Place, info: TileInfo, bounded: bool) -> Access:
        """The rectangular part ``place`` of a tensor, seen by a tile. Without ``bounded`` it is
        known to lie inside."""
        tensor = self.tensors[place.name]
        index = place.index
        if index is None:
            starts = [(affine.ZERO, _known(extent, place), True) for extent in tensor.shape]
        else:
            if len(index) != len(tensor.shape):
                raise AULError(
                    f"{place.name} has {len(tensor.shape)} dimensions, {len(index)} indices",
                    *place.loc,
                )
            starts = [self._start(i) for i in index]
        strides: list[int | Affine] = []
        result = Access(tensor.memory, tensor.offset, strides, [])
        extents = [e for _, e, kept in starts if kept]
        if _squeezed(extents) != _squeezed(info.shape):
            raise AULError(
                f"{place.name}: a part of shape {tuple(extents)} for the tile {info.name} of "
                f"shape {info.shape}", *place.loc,
            )  # fmt: skip
        for (start, extent, kept), bound, stride in zip(starts, tensor.shape, tensor.strides):
            result.base = result.base + affine.multiply(start, stride)
            result.starts.append((start, extent if kept else 1))
            if kept:
                inside = Interval.full(extent)
                if bounded:
                    inside = Interval(
                        affine.clamp(affine.ZERO - start, extent),
                        affine.clamp(affine.of(bound) - start, extent),
                    )
                strides.append(stride)
                result.inside.append(inside)
            elif bounded and not (start.at_least(0) and (start - bound).at_most(-1)):
                result.fixed.append((start, bound))
        _match_rank(result, extents, info.shape)
        return result

    def _start(self, index: object) -> tuple[Affine, int, bool]:
        if isinstance(index, Slice):
            lower, upper = self.evaluate(index.lower), self.evaluate(index.upper)
            extent = upper - lower
            if not extent.is_constant:
                raise AULError("a slice's length must be constant", *index.loc)
            return lower, extent.constant, True
        return self.evaluate(index), 1, False


def _known(extent: int | Affine, place: Place) -> int:
    if isinstance(extent, Affine):
        raise UnsupportedError(f"{place.name}: a whole tensor whose size is known at run time only")
    return extent


def _match_rank(access: Access, extents: list[int], shape: tuple[int, ...]) -> None:
    """Drops or inserts size-1 dimensions so that the access has one dimension a tile dimension."""
    strides, inside = iter(access.strides), iter(access.inside)
    if list(shape) == extents:
        return
    new_strides, new_inside = [], []
    pairs = [(s, i) for s, i, e in zip(strides, inside, extents) if e != 1]
    dropped = [i for i, e in zip(access.inside, extents) if e == 1 and not i.is_full(1)]
    if dropped:
        raise UnsupportedError("a bounded size-1 slice must be a dimension of its tile")
    for extent in shape:
        stride, interval = pairs.pop(0) if extent != 1 else (0, Interval.full(1))
        new_strides.append(stride)
        new_inside.append(interval)
    access.strides, access.inside = new_strides, new_inside


def _squeezed(shape: object) -> list[int]:
    return [e for e in shape if e != 1]  # type: ignore[attr-defined]


def natural_strides(shape: Sequence[int | Affine]) -> list[int | Affine]:
    """``row_major`` for sizes that may be known at run time only."""
    strides: list[int | Affine] = []
    step = affine.of(1)
    for extent in reversed(shape):
        strides.append(step.constant if step.is_constant else step)
        step = affine.multiply(step, extent)
    return strides[::-1]


def row_major(shape: tuple[int, ...]) -> list[int]:
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return strides[::-1]


def _disjoint(a: Node, b: Node) -> bool:
    """Whether two accesses to one tensor provably touch different elements."""
    assert a.access is not None and b.access is not None
    for (sa, ea), (sb, eb) in zip(a.access.starts, b.access.starts):
        difference = sb - sa
        if difference.at_least(ea) or difference.at_most(-eb):
            return True
    return False


def _nonpositive(node: Node) -> bool:
    """x - max(x) is never positive (rounding is monotonic), whatever the casts between."""
    if node.kind != "map" or node.op != "sub":
        return False
    x, top = node.inputs
    while top.kind == "map" and top.op == "copy":
        top = top.inputs[0]
    return (
        top.kind == "reduce"
        and top.op == "max"
        and top.attrs["valid"] is None
        and top.inputs[0] is x
    )
