"""The statements of a kernel."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from kernelwright.aul import syntax as s
from kernelwright.aul.parse_source import MODULE_NAMES, VECTOR_FAMILIES, Source, nearest
from kernelwright.aul.parse_values import Names, Values
from kernelwright.aul.parse_vector import VectorReader

_STATEMENT_CALLS = ("data_copy", "team_barrier", *VECTOR_FAMILIES)


class BodyReader:
    """Reads a kernel's body; ``names`` grows as tiles and integers are defined."""

    def __init__(self, source: Source, names: Names, function: ast.FunctionDef) -> None:
        self.source, self.names = source, names
        self.values = Values(source, names)
        stored = [
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        self.stores = Counter(stored)
        self.vectors = VectorReader(source, self.values, {*stored, *names.params})

    def body(self, nodes: Sequence[ast.stmt]) -> tuple[s.Statement, ...]:
        return tuple(statement for node in nodes for statement in self.statement(node))

    def statement(self, node: ast.stmt) -> list[s.Statement]:
        if isinstance(node, ast.Pass):
            return []
        if isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                return []  # a docstring or a note
            return self.call(node.value)
        if isinstance(node, ast.Assign):
            return self.assignment(node)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return self.assign(node.target, node.value)
        if isinstance(node, ast.AugAssign):
            return self.augmented(node)
        if isinstance(node, ast.For):
            return [self.loop(node)]
        if isinstance(node, ast.If):
            loc = self.source.at(node)
            condition = self.values.condition(node.test)
            return [s.Guard(condition, self.body(node.body), self.body(node.orelse), loc)]
        word = type(node).__name__.lower()
        hints = {
            "while": "'while' is no statement of AUL; use: for i in U.Pipelined(iterations=n)",
            "with": "'with' is no statement of AUL; overlap and buffering are the compiler's work",
            "return": "a kernel returns nothing; it writes its U.OutPtr parameters",
        }
        self.source.fail(hints.get(word, f"{word!r} is no statement of AUL"), node)

    # ---- assignments -------------------------------------------------------------------------

    def assignment(self, node: ast.Assign) -> list[s.Statement]:
        if len(node.targets) != 1:
            self.source.fail("assign one name at a time", node)
        return assign_each(self.source, node.targets[0], node.value, self.assign)

    def assign(self, target: ast.expr, value: ast.expr) -> list[s.Statement]:
        if not isinstance(target, ast.Name):
            self.source.fail(
                f"only names can be assigned, not {ast.unparse(target)!r}; tensors are written "
                f"with U.data_copy",
                target,
            )
        function = self.source.called(value)
        if function in ("Tile", "FilledTile"):
            assert isinstance(value, ast.Call)
            return [self.tile(target, value, function)]
        if function == "SetGlobalTensorPtr":
            self.source.fail("a workspace belongs to the host function, not to a kernel", value)
        if function in _STATEMENT_CALLS:
            self.source.fail(f"U.{function} gives no value; name its result with dst=", value)
        if self.values.is_float(value):
            if self.stores[target.id] > 1:
                self.source.fail(
                    f"{target.id} is a float that changes; keep it in a one-element tile", target
                )
            self.names.floats[target.id] = float(self.values.number(value))
            return []
        expr = self.values.integer(value)
        self.names.tiles.pop(target.id, None)
        self.names.integers.add(target.id)
        if self.stores[target.id] == 1 and target.id not in self.names.declared:
            self.values.define(target.id, expr)
        return [s.Assign(target.id, expr, self.source.at(target))]

    def augmented(self, node: ast.AugAssign) -> list[s.Statement]:
        if not isinstance(node.target, ast.Name):
            self.source.fail("only integers can be changed in place", node)
        left = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        value = ast.copy_location(ast.BinOp(left, node.op, node.value), node)
        self.stores[node.target.id] += 1
        return self.assign(node.target, value)

    def tile(self, target: ast.Name, call: ast.Call, function: str) -> s.Tile:
        aliases = {"memory": "pos", "mem": "pos", "position": "pos", "fill_value": "value"}
        names: tuple[str, ...] = ("shape", "dtype", "pos")
        filled = function == "FilledTile"
        given = self.source.arguments(
            call, (*names, "value") if filled else names, 2, aliases, ("value",) if filled else ()
        )
        if filled and "value" not in given:
            self.source.fail("U.FilledTile needs value=", call)
        tile = s.Tile(
            target.id,
            self.values.shape(given["shape"]),
            self.values.dtype(given["dtype"]),
            self.values.memory(given["pos"]) if "pos" in given else "VecBuf",
            self.values.number(given["value"]) if filled else None,
            self.source.at(target),
        )
        self.names.tiles[target.id] = tile
        return tile

    # ---- loops and calls ---------------------------------------------------------------------

    def loop(self, node: ast.For) -> s.Loop:
        if not isinstance(node.target, ast.Name):
            self.source.fail("a loop has one variable", node.target)
        if node.orelse:
            self.source.fail("a loop has no else", node.orelse[0])
        if self.source.called(node.iter) != "Pipelined":
            self.source.fail(
                f"a loop runs over U.Pipelined(iterations=n), not {ast.unparse(node.iter)}",
                node.iter,
            )
        assert isinstance(node.iter, ast.Call)
        args = node.iter.args
        if len(args) == 2 and isinstance(args[0], ast.Constant) and args[0].value == 0:
            iterations = self.values.integer(args[1])  # range(0, n)
        else:
            given = self.source.arguments(node.iter, ("iterations",), 1)
            iterations = self.values.integer(given["iterations"])
        self.names.integers.add(node.target.id)
        self.names.definitions.pop(node.target.id, None)
        body = self.body(node.body)
        return s.Loop(node.target.id, iterations, body, self.source.at(node))

    def call(self, node: ast.expr) -> list[s.Statement]:
        function = self.source.called(node)
        if isinstance(node, ast.Call) and function in VECTOR_FAMILIES:
            return self.vectors.read(function, node)
        if isinstance(node, ast.Call) and function == "data_copy":
            return [self.copy(node)]
        if isinstance(node, ast.Call) and function == "team_barrier":
            given = self.source.arguments(node, ("size",), 1)
            return [s.TeamBarrier(self.values.integer(given["size"]), self.source.at(node))]
        shown = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        hint = nearest(shown.rpartition(".")[2], MODULE_NAMES)
        self.source.fail(f"{shown} is no statement of AUL{hint}", node)

    def copy(self, call: ast.Call) -> s.Copy:
        given = self.source.arguments(
            call, ("dst", "src", "src_pos", "dst_pos"), 2, None,
            ("pad", "clip", "index", "axis", "update", "atomic"),
        )  # fmt: skip
        dst = self.side(given["dst"], given["src"])
        src = self.side(given["src"], given["dst"])
        for name, place in (("src_pos", src), ("dst_pos", dst)):
            if name in given:
                self.position(given[name], place)
        return s.Copy(
            dst,
            src,
            self.values.number(given["pad"]) if "pad" in given else None,
            "clip" in given and self.source.boolean(given["clip"], "clip"),
            self.values.place(given["index"]) if "index" in given else None,
            self.literal(given["axis"]) if "axis" in given else 0,
            self.source.text(given["update"], "update") if "update" in given else "",
            "atomic" in given and self.source.boolean(given["atomic"], "atomic"),
            self.source.at(call),
        )

    def literal(self, node: ast.expr) -> int:
        """A plain integer."""
        value = self.values.integer(node)
        if not isinstance(value, s.Int):
            self.source.fail("axis= takes a plain integer", node)
        return value.value

    def side(self, node: ast.expr, other: ast.expr) -> s.Place:
        """One side of a copy; a bare tensor and ``tensor + offset`` get the tile's extents."""
        tile = self.names.tiles.get(other.id) if isinstance(other, ast.Name) else None
        offset: s.IntExpr = s.Int(0, self.source.at(node))
        base = node
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            base, offset = node.left, self.values.integer(node.right)
        if not isinstance(base, ast.Name) or base.id not in self.names.params:
            return self.values.place(node)
        param = self.names.params[base.id]
        if base is not node and (tile is None or len(tile.shape) != 1):
            self.source.fail(
                f"{base.id} + offset has a meaning for tiles of one dimension; write "
                f"{base.id}[a:b, ...]",
                node,
            )
        extents = param.shape if base is node and param.shape is not None else None
        if extents is None:
            extents = tile.shape if tile is not None else None
        if extents is None:
            self.source.fail(f"write which part of {base.id} is copied: {base.id}[a:b]", node)
        loc = self.source.at(node)
        if base is node:
            index = tuple(s.Slice(offset, extent, loc) for extent in extents)
        else:
            index = (s.Slice(offset, s.Binary("+", offset, extents[0], loc), loc),)
        return s.Place(base.id, index, loc)

    def position(self, node: ast.expr, place: s.Place) -> None:
        """Checks a src_pos or dst_pos, which AUL needs no more than any reader."""
        said = self.values.memory(node)
        tile = self.names.tiles.get(place.name)
        if tile is None and place.name not in self.names.params:
            return
        actual = tile.memory if tile is not None else "GlobalMem"
        if said != actual:
            self.source.fail(f"{place.name} is in {actual}, not in {said}", node)


T = TypeVar("T")


def assign_each(
    source: Source,
    target: ast.expr,
    value: ast.expr,
    assign: Callable[[ast.expr, ast.expr], list[T]],
) -> list[T]:
    """``a, b = 1, 2`` as one assignment a name; anything else as it is."""
    if not isinstance(target, ast.Tuple | ast.List):
        return assign(target, value)
    if not isinstance(value, ast.Tuple | ast.List) or len(value.elts) != len(target.elts):
        source.fail("a tuple assignment needs as many values as names", value)
    done: set[str] = set()
    result: list[T] = []
    for name, part in zip(target.elts, value.elts):
        used = {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}
        if used & done:
            source.fail(f"{sorted(used & done)[0]} is assigned in this same line; use two", part)
        result += assign(name, part)
        if isinstance(name, ast.Name):
            done.add(name.id)
    return result
