"""Positions, errors and calls in the Python syntax tree that AUL text is read from."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

from kernelwright.aul.syntax import Location
from kernelwright.errors import AULError

# Functions and types of the module ``aul``; the value is the canonical name.
_NAMES = """
    Tile FilledTile SetGlobalTensorPtr TensorPtr OutPtr Size Tunable Pipelined
    get_core_idx data_copy vunary_op vbinary_op vectorscalar_op vcompare_op vselect_op
    vreduce_op vscan_op vcast_op viota_op vfill_op vbroadcast_op vtranspose_op matmul_op
    framework_call team_barrier sub_kernel cdiv next_pow2 min max GlobalMem VecBuf CubeBuf
"""
MODULE_NAMES: Mapping[str, str] = {
    **{name: name for name in _NAMES.split()},
    "BufferPtr": "TensorPtr",
    "vector_dup": "vfill_op",
    "ceil_div": "cdiv",
    "ceildiv": "cdiv",
    "next_power_of_2": "next_pow2",
    "range": "Pipelined",
}  # fmt: skip

VECTOR_FAMILIES = tuple(n for n in MODULE_NAMES if n.endswith("_op") and n != "vector_dup")


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'exp'?`` or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Source:
    """The text, for positions, and the names under which the module ``aul`` is known."""

    def __init__(self, text: str) -> None:
        self.lines = [line.encode() for line in re.split(r"\r\n|\r|\n", text)]
        self.modules = {"U"}

    def at(self, node: ast.AST) -> Location:
        """1-based line and column, in characters."""
        line = getattr(node, "lineno", 0)
        offset = getattr(node, "col_offset", 0)
        if not 0 < line <= len(self.lines):
            return Location(line, offset + 1)
        return Location(line, len(self.lines[line - 1][:offset].decode(errors="replace")) + 1)

    def fail(self, message: str, node: ast.AST) -> NoReturn:
        raise AULError(message, *self.at(node))

    def module_name(self, node: ast.expr) -> str | None:
        """The canonical name of ``U.name`` or of a bare AUL name; None for anything else."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id not in self.modules:
                return None
            return MODULE_NAMES.get(node.attr, node.attr)
        if isinstance(node, ast.Name):
            return MODULE_NAMES.get(node.id)
        return None

    def called(self, node: ast.expr) -> str | None:
        """The canonical name of the AUL function that ``node`` calls, or None."""
        return self.module_name(node.func) if isinstance(node, ast.Call) else None

    def arguments(
        self,
        call: ast.Call,
        names: tuple[str, ...],
        required: int,
        aliases: Mapping[str, str] | None = None,
        extra: tuple[str, ...] = (),
    ) -> dict[str, ast.expr]:
        """Arguments by name: ``names`` in positional order, the first ``required`` of them
        mandatory; ``extra`` by keyword only; ``aliases`` maps other spellings."""
        title = ast.unparse(call.func)
        if len(call.args) > len(names):
            self.fail(f"{title} takes at most {len(names)} arguments: {', '.join(names)}", call)
        given: dict[str, ast.expr] = {}
        for name, value in zip(names, call.args):
            if isinstance(value, ast.Starred):
                self.fail(f"{title} does not take *arguments; list them", value)
            given[name] = value
        for keyword in call.keywords:
            if keyword.arg is None:
                self.fail(f"{title} does not take **arguments; list them", keyword)
            name = (aliases or {}).get(keyword.arg, keyword.arg)
            known = (*names, *extra)
            if name not in known:
                hint = nearest(name, known)
                listed = ", ".join(known)
                self.fail(f"{title} has no argument {name!r}{hint} (it has: {listed})", keyword)
            if name in given:
                self.fail(f"{title} is given {name!r} twice", keyword)
            given[name] = keyword.value
        for name in names[:required]:
            if name not in given:
                self.fail(f"{title} needs {name}=", call)
        return given

    def text(self, node: ast.expr, what: str) -> str:
        """A string literal."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            self.fail(f"{what} must be a string literal, not {ast.unparse(node)}", node)
        return node.value

    def boolean(self, node: ast.expr, what: str) -> bool:
        """``True`` or ``False``."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, bool):
            self.fail(f"{what} must be True or False, not {ast.unparse(node)}", node)
        return node.value
