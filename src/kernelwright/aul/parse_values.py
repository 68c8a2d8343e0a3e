"""Integers, numbers, shapes, dtypes, memories and places."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import DTYPES, canonical_dtype
from kernelwright.aul.expressions import FUNCTIONS, names, substitute, uses_core
from kernelwright.aul.parse_source import Source, nearest

_INTEGER_OPS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Div: "//",
    ast.Mod: "%",
}
_FLOAT_OPS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE_OPS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
MAX_INTEGER = 2**63 - 1


@dataclass
class Names:
    """What names mean at a point of the text.

    ``declared``: integers of the whole program; ``literals``: those that are plain numbers;
    ``floats``: named float constants, put in where they are used; ``replaced``: integer parameters,
    each standing for the launch's argument; ``definitions``: local integers that declared names
    fix.
    """

    declared: set[str] = field(default_factory=set)
    literals: dict[str, int] = field(default_factory=dict)
    floats: dict[str, float] = field(default_factory=dict)
    replaced: dict[str, s.IntExpr] = field(default_factory=dict)
    definitions: dict[str, s.IntExpr] = field(default_factory=dict)
    integers: set[str] = field(default_factory=set)
    tiles: dict[str, s.Tile] = field(default_factory=dict)
    params: dict[str, s.Param] = field(default_factory=dict)

    def inside(self) -> Names:
        """The names of a function in the program: what the program declares, and room for more."""
        return Names(set(self.declared), dict(self.literals), dict(self.floats))


class Values:
    """Reads values; ``names`` is the scope they stand in."""

    def __init__(self, source: Source, names: Names) -> None:
        self.source, self.names = source, names

    # ---- integers ----------------------------------------------------------------------------

    def integer(self, node: ast.expr) -> s.IntExpr:
        """An integer expression; fails for anything else."""
        loc = self.source.at(node)
        if isinstance(node, ast.Constant):
            return s.Int(self.literal(node), loc)
        if isinstance(node, ast.Name):
            return self.integer_name(node, loc)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant):
                return s.Int(-self.literal(node.operand), loc)
            return s.Binary("-", s.Int(0, loc), self.integer(node.operand), loc)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
            return self.integer(node.operand)
        if isinstance(node, ast.BinOp):
            op = _INTEGER_OPS.get(type(node.op))
            if op is None:
                self.source.fail(f"integers have + - * // % only, not {ast.unparse(node)!r}", node)
            return s.Binary(op, self.integer(node.left), self.integer(node.right), loc)
        if isinstance(node, ast.Call):
            return self.integer_call(node, loc)
        if isinstance(node, ast.Subscript):
            return self.extent(node)
        hint = "; choose with an 'if' statement" if isinstance(node, ast.IfExp) else ""
        self.source.fail(f"{ast.unparse(node)!r} is no integer expression{hint}", node)

    def literal(self, node: ast.Constant) -> int:
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            self.source.fail(f"an integer is needed here, not {node.value!r}", node)
        if node.value > MAX_INTEGER:
            self.source.fail("integers have 64 bits; this one is too large", node)
        return node.value

    def integer_name(self, node: ast.Name, loc: s.Location) -> s.IntExpr:
        if node.id in self.names.replaced:
            return self.names.replaced[node.id]
        if node.id in self.names.floats:
            value = self.names.floats[node.id]
            self.source.fail(f"{node.id} is {value}, but an integer is needed here", node)
        if node.id in self.names.tiles:
            self.source.fail(
                f"{node.id} is a tile; integers cannot depend on the contents of tiles", node
            )
        if node.id in self.names.params:
            self.source.fail(f"{node.id} is a tensor, but an integer is needed here", node)
        return s.Name(node.id, loc)

    def integer_call(self, node: ast.Call, loc: s.Location) -> s.IntExpr:
        function = self.source.called(node)
        if isinstance(node.func, ast.Name) and node.func.id == "int" and len(node.args) == 1:
            return self.integer(node.args[0])
        if function == "get_core_idx":
            self.source.arguments(node, (), 0)
            return s.CoreIdx(loc)
        if function is None or function not in FUNCTIONS:
            shown = ast.unparse(node.func)
            known = ["get_core_idx", *FUNCTIONS]
            hint = nearest(shown.rpartition(".")[2], known)
            self.source.fail(
                f"{shown} gives no integer{hint} (there are: "
                f"{', '.join('U.' + name for name in known)})",
                node,
            )
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            self.source.fail(f"U.{function} takes its arguments in order, not by name", node)
        args = [self.integer(arg) for arg in node.args]
        if function in ("min", "max") and len(args) >= 2:
            result = args[0]
            for arg in args[1:]:
                result = s.Call(function, (result, arg), loc)
            return result
        if len(args) != FUNCTIONS[function]:
            wanted = FUNCTIONS[function]
            self.source.fail(f"U.{function} takes {wanted} arguments, not {len(args)}", node)
        return s.Call(function, tuple(args), loc)

    def extent(self, node: ast.Subscript) -> s.IntExpr:
        """``x.shape[i]`` of a parameter or tile whose shape is declared."""
        base, index = node.value, node.slice
        plain = isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name)
        if not plain or not isinstance(index, ast.Constant | ast.UnaryOp):
            self.source.fail(f"{ast.unparse(node)!r} is no integer expression", node)
        assert isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name)
        owner = self.names.params.get(base.value.id) or self.names.tiles.get(base.value.id)
        if base.attr != "shape" or owner is None or owner.shape is None:
            self.source.fail(
                f"{ast.unparse(base)} is not known; AUL has no run-time shapes: declare the extent "
                f"at the top, N = U.Size(1024), or in the type, x: U.TensorPtr[U.float32, (N,)]",
                node,
            )
        axis = self.integer(index)
        assert isinstance(axis, s.Int)
        if not -len(owner.shape) <= axis.value < len(owner.shape):
            self.source.fail(f"{owner.name} has {len(owner.shape)} dimensions", node)
        return owner.shape[axis.value]

    def condition(self, node: ast.expr) -> tuple[s.Compare, ...]:
        """Comparisons joined by ``and``."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            return tuple(c for value in node.values for c in self.condition(value))
        if not isinstance(node, ast.Compare):
            self.source.fail(
                f"a condition compares integers, joined by 'and'; {ast.unparse(node)!r} does not",
                node,
            )
        result = []
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands, node.ops, operands[1:]):
            if type(op) not in _COMPARE_OPS:
                self.source.fail("a condition has == != < <= > >= only", node)
            pair = self.integer(left), self.integer(right)
            result.append(s.Compare(_COMPARE_OPS[type(op)], *pair, self.source.at(left)))
        return tuple(result)

    # ---- numbers -----------------------------------------------------------------------------

    def is_float(self, node: ast.expr) -> bool:
        """Whether a float stands somewhere in ``node``, so that it is a number, no integer."""
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, float):
                return True
            if isinstance(part, ast.Name) and (part.id == "float" or part.id in self.names.floats):
                return True
            if isinstance(part, ast.Attribute) and part.attr in ("inf", "nan"):
                return True
        return False

    def number(self, node: ast.expr) -> float | int:
        """A number that the text alone fixes: an int, a bool or a float, inf and nan included."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.Name):
            if node.id in self.names.floats:
                return self.names.floats[node.id]
            if node.id in self.names.literals:
                return self.names.literals[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self.number(node.operand)
            return -value if isinstance(node.op, ast.USub) and not math.isnan(value) else value
        if isinstance(node, ast.Attribute) and node.attr in ("inf", "nan"):
            return math.inf if node.attr == "inf" else math.nan
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            return self.float_text(self.source.arguments(node, ("value",), 1)["value"])
        if isinstance(node, ast.BinOp) and type(node.op) in _FLOAT_OPS:
            left, right = self.number(node.left), self.number(node.right)
            try:
                result = _FLOAT_OPS[type(node.op)](left, right)
            except (ZeroDivisionError, OverflowError) as error:
                self.source.fail(f"{ast.unparse(node)}: {error}", node)
            return math.nan if math.isnan(result) else result
        self.source.fail(
            f"{ast.unparse(node)!r} is no number known from the text; sizes and tunables enter "
            f"arithmetic as an operand of their own (factor=N)",
            node,
        )

    def float_text(self, node: ast.expr) -> float:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return float(self.number(node))
        try:
            value = float(node.value)
        except ValueError:
            self.source.fail(f"float({node.value!r}) is no number", node)
        return math.nan if math.isnan(value) else value

    def scalar(self, node: ast.expr) -> Any:
        """A number, or an integer expression when sizes or locals take part."""
        if self.is_float(node):
            return float(self.number(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return node.value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.number(node)
        value = self.integer(node)
        return value.value if isinstance(value, s.Int) else value

    # ---- shapes, dtypes, memories ------------------------------------------------------------

    def shape(self, node: ast.expr) -> tuple[s.IntExpr, ...]:
        """``(M, N)``, ``[M, N]`` or a lone extent; local integers are replaced by what they are."""
        parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
        return tuple(self.fixed(self.integer(part)) for part in parts)

    def fixed(self, expr: s.IntExpr) -> s.IntExpr:
        return substitute(expr, self.names.definitions)

    def define(self, name: str, value: s.IntExpr) -> None:
        """Remembers a local integer if declared names fix it."""
        value = self.fixed(value)
        if not uses_core(value) and all(n.id in self.names.declared for n in names(value)):
            self.names.definitions[name] = value

    def dtype(self, node: ast.expr) -> str:
        """``U.float32``, ``"float32"`` or ``x.dtype`` of something whose dtype is known."""
        if isinstance(node, ast.Attribute) and node.attr == "dtype":
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            owner = self.names.params.get(base) or self.names.tiles.get(base)
            if owner is None or owner.dtype is None:
                self.source.fail(
                    f"the dtype of {ast.unparse(node.value)} is not declared; write it out, or "
                    f"declare it: x: U.TensorPtr[U.float32, (N,)]",
                    node,
                )
            return owner.dtype
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            spelling = node.value
        elif isinstance(node, ast.Attribute):
            spelling = self.source.module_name(node) or ast.unparse(node)
        else:
            spelling = ast.unparse(node)
        found = canonical_dtype(spelling)
        if found is None:
            listed = ", ".join(DTYPES)
            hint = nearest(spelling, DTYPES)
            self.source.fail(f"unknown dtype {spelling!r}{hint} (there are: {listed})", node)
        return found

    def memory(self, node: ast.expr) -> str:
        spelling = (
            node.value
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            else self.source.module_name(node) or ast.unparse(node)
        )
        if spelling not in s.MEMORIES:
            listed = ", ".join("U." + m for m in s.MEMORIES)
            hint = nearest(spelling, s.MEMORIES)
            self.source.fail(f"unknown memory {spelling!r}{hint} (there are: {listed})", node)
        return spelling

    # ---- places ------------------------------------------------------------------------------

    def is_scalar(self, node: ast.expr) -> bool:
        """Whether an operand is a number or an integer, and no tile."""
        if isinstance(node, ast.Name):
            known = self.names
            return node.id not in known.tiles and (
                node.id in known.floats
                or node.id in known.declared
                or node.id in known.integers
                or node.id in known.replaced
            )
        return not isinstance(node, ast.Subscript) or isinstance(node.value, ast.Attribute)

    def place(self, node: ast.expr) -> s.Place:
        """A tile's or tensor's name, with or without an index."""
        if isinstance(node, ast.Name):
            return s.Place(node.id, None, self.source.at(node))
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
            hint = "; give it a line of its own" if isinstance(node, ast.Call) else ""
            self.source.fail(
                f"a tile or a part of a tensor is needed here, not {ast.unparse(node)!r}{hint}",
                node,
            )
        name = node.value.id
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index = tuple(self.index(part, name, axis) for axis, part in enumerate(parts))
        tile = self.names.tiles.get(name)
        if tile is not None and self.covers(index, tile.shape):
            return s.Place(name, None, self.source.at(node))
        return s.Place(name, index, self.source.at(node))

    def index(self, node: ast.expr, name: str, axis: int) -> s.IntExpr | s.Slice:
        if not isinstance(node, ast.Slice):
            return self.integer(node)
        loc = self.source.at(node)
        if node.step is not None:
            self.source.fail("slices have no step; give the parameter strides instead", node)
        lower = s.Int(0, loc) if node.lower is None else self.integer(node.lower)
        if node.upper is not None:
            return s.Slice(lower, self.integer(node.upper), loc)
        owner = self.names.params.get(name) or self.names.tiles.get(name)
        if owner is None or owner.shape is None or axis >= len(owner.shape):
            self.source.fail(
                f"the extent of {name} is not declared, so write the slice's end", node
            )
        return s.Slice(lower, owner.shape[axis], loc)

    def covers(self, index: tuple[s.IntExpr | s.Slice, ...], shape: tuple[s.IntExpr, ...]) -> bool:
        return len(index) == len(shape) and all(
            isinstance(i, s.Slice) and i.lower == s.Int(0) and self.fixed(i.upper) == dim
            for i, dim in zip(index, shape)
        )
