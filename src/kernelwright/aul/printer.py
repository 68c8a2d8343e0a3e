"""AUL's canonical text. ``parse(print_program(p)) == p`` for every program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from kernelwright.aul import syntax as s

WIDTH = 100
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}

# How the operands of each family are spelled; "op" is printed first where the family has one.
OPERANDS = {
    "vunary_op": ("src",),
    "vbinary_op": ("src1", "src2"),
    "vectorscalar_op": ("src",),
    "vcompare_op": ("src1", "src2"),
    "vselect_op": ("condition", "src1", "src2"),
    "vreduce_op": ("src",),
    "vscan_op": ("src",),
    "vcast_op": ("src",),
    "viota_op": (),
    "vfill_op": (),
    "vbroadcast_op": ("src",),
    "vtranspose_op": ("src",),
    "matmul_op": ("src1", "src2"),
}
WITH_OP = (
    "vunary_op", "vbinary_op", "vectorscalar_op", "vcompare_op", "vreduce_op", "vscan_op",
)  # fmt: skip
ATTRS = {
    "vectorscalar_op": ("factor",),
    "vreduce_op": ("axis", "valid"),
    "vscan_op": ("axis", "reverse", "valid"),
    "viota_op": ("axis", "start"),
    "vfill_op": ("value",),
    "vtranspose_op": ("axes",),
    "matmul_op": ("accumulate",),
}


def print_program(program: s.Program) -> str:
    """The program as text that ``parse`` accepts."""
    lines: list[str] = []
    if program.doc:
        lines += docstring(program.doc)
    lines += ["import aul as U"]
    if program.declarations:
        lines += ["", *(declaration(d) for d in program.declarations)]
    for kernel in program.kernels:
        lines += ["", "", "@sub_kernel"]
        lines += call(f"def {kernel.name}", map(param, kernel.params), 0, "):")
        lines += block(kernel.body, 1)
    if program.host.name:
        lines += ["", ""]
        lines += call(f"def {program.host.name}", map(param, program.host.params), 0, "):")
        for statement in program.host.body:
            lines += host_statement(statement)
        if not program.host.body:
            lines.append("    pass")
    return "\n".join(lines) + "\n"


def docstring(text: str) -> list[str]:
    """The lines of a triple-quoted literal that reads back as ``text``."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    kept = (c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in escaped)
    return f'"""{"".join(kept)}"""'.split("\n")


def quoted(text: str) -> str:
    """A string literal, in double quotes where that needs no escape."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return f'"{plain[1:-1]}"'
    return plain


def call(head: str, parts: Iterable[str], depth: int, tail: str = ")") -> list[str]:
    """``head(parts...)`` on one line, or one part a line when that is too long."""
    indent = "    " * depth
    listed = list(parts)
    line = f"{indent}{head}({', '.join(listed)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}(", *(f"{indent}    {p}," for p in listed), f"{indent}{tail}"]


def expr(e: s.IntExpr, above: int = 0) -> str:
    """An integer expression with the fewest parentheses."""
    if isinstance(e, s.Int):
        return str(e.value) if e.value >= 0 or above == 0 else f"({e.value})"
    if isinstance(e, s.Name):
        return e.id
    if isinstance(e, s.CoreIdx):
        return "U.get_core_idx()"
    if isinstance(e, s.Call):
        return f"U.{e.function}({', '.join(expr(a) for a in e.args)})"
    level = PRECEDENCE[e.op]
    text = f"{expr(e.left, level)} {e.op} {expr(e.right, level + 1)}"
    return f"({text})" if level < above else text


def print_shape(exprs: Sequence[s.IntExpr]) -> str:
    inner = ", ".join(expr(e) for e in exprs)
    return f"({inner},)" if len(exprs) == 1 else f"({inner})"


def number(value: Any) -> str:
    """A number, or the expression or one-element tile that stands for one."""
    if isinstance(value, s.Place):
        return place(value)
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return f'float("{value}")'
        return repr(value)
    return expr(value)


def place(p: s.Place) -> str:
    if p.index is None:
        return p.name
    parts = [
        f"{expr(i.lower)}:{expr(i.upper)}" if isinstance(i, s.Slice) else expr(i) for i in p.index
    ]
    return f"{p.name}[{', '.join(parts)}]"


def param(p: s.Param) -> str:
    kind = "U.OutPtr" if p.output else "U.TensorPtr"
    if p.dtype is None:
        return f"{p.name}: {kind}" if p.output else p.name
    parts = [f"U.{p.dtype}"]
    if p.shape is not None:
        parts.append(print_shape(p.shape))
    if p.strides is not None:
        parts += [print_shape(p.strides), expr(p.offset)]
    elif p.offset != s.Int(0):
        parts += ["None", expr(p.offset)]
    return f"{p.name}: {kind}[{', '.join(parts)}]"


def declaration(d: s.Declaration) -> str:
    if isinstance(d, s.Size):
        return f"{d.name} = U.Size({d.default})"
    if isinstance(d, s.Tunable):
        choices = print_shape([s.Int(c) for c in d.choices])
        return f"{d.name} = U.Tunable({d.default}, choices={choices})"
    return "\n".join(assignment(d.name, d.value, ""))


def block(body: Sequence[s.Statement], depth: int) -> list[str]:
    if not body:
        return ["    " * depth + "pass"]
    return [line for statement in body for line in statement_lines(statement, depth)]


def statement_lines(x: s.Statement, depth: int) -> list[str]:
    indent = "    " * depth
    if isinstance(x, s.Tile):
        parts = [print_shape(x.shape), f"U.{x.dtype}", f"U.{x.memory}"]
        if x.value is None:
            return call(f"{x.name} = U.Tile", parts, depth)
        return call(f"{x.name} = U.FilledTile", [*parts, f"value={number(x.value)}"], depth)
    if isinstance(x, s.Copy):
        parts = [f"dst={place(x.dst)}", f"src={place(x.src)}"]
        parts += [f"pad={number(x.pad)}"] if x.pad is not None else []
        parts += ["clip=True"] if x.clip else []
        parts += [f"index={place(x.index)}", f"axis={x.axis}"] if x.index is not None else []
        parts += [f'update="{x.update}"'] if x.update else []
        parts += ["atomic=True"] if x.atomic else []
        return call("U.data_copy", parts, depth)
    if isinstance(x, s.VectorOp):
        return call(f"U.{x.family}", vector_parts(x), depth)
    if isinstance(x, s.Loop):
        head = f"{indent}for {x.var} in U.Pipelined(iterations={expr(x.iterations)}):"
        return [head, *block(x.body, depth + 1)]
    if isinstance(x, s.Assign):
        return assignment(x.name, x.value, indent)
    if isinstance(x, s.TeamBarrier):
        return call("U.team_barrier", [f"size={expr(x.size)}"], depth)
    tests = " and ".join(f"{expr(c.left)} {c.op} {expr(c.right)}" for c in x.condition)
    lines = [f"{indent}if {tests}:", *block(x.body, depth + 1)]
    if len(x.orelse) == 1 and isinstance(x.orelse[0], s.Guard):
        nested = statement_lines(x.orelse[0], depth)
        return [*lines, f"{indent}el{nested[0].lstrip()}", *nested[1:]]
    return [*lines, f"{indent}else:", *block(x.orelse, depth + 1)] if x.orelse else lines


def assignment(name: str, value: s.IntExpr, indent: str) -> list[str]:
    """``name = value``, in parentheses over several lines when one is too long."""
    line = f"{indent}{name} = {expr(value)}"
    if len(line) <= WIDTH or not isinstance(value, s.Binary):
        return [line]
    level = PRECEDENCE[value.op]
    parts: list[str] = []
    rest: s.IntExpr = value
    while isinstance(rest, s.Binary) and PRECEDENCE[rest.op] == level:
        parts.append(f"{rest.op} {expr(rest.right, level + 1)}")
        rest = rest.left
    parts.append(expr(rest, level))
    return [f"{indent}{name} = (", *(f"{indent}    {p}" for p in reversed(parts)), f"{indent})"]


def vector_parts(x: s.VectorOp) -> list[str]:
    parts = [f"op={quoted(x.op)}"] if x.family in WITH_OP else []
    parts.append(f"dst={place(x.dst)}")
    parts += [f"{n}={place(p)}" for n, p in zip(OPERANDS[x.family], x.srcs)]
    for name in ATTRS.get(x.family, ()):
        value = x.attr(name)
        if name == "axes":
            parts.append(f"axes={print_shape([s.Int(a) for a in value])}")
        elif value is not None:
            parts.append(f"{name}={number(value)}")
    return parts


def host_statement(x: s.HostStatement) -> list[str]:
    if isinstance(x, s.Workspace):
        parts = [f"length={print_shape(x.shape)}", f"dtype=U.{x.dtype}"]
        return call(f"{x.name} = U.SetGlobalTensorPtr", parts, 1)
    if isinstance(x, s.CoreNum):
        return assignment(x.name, x.value, "    ")
    if isinstance(x, s.Launch):
        return call(f"{x.kernel}[{expr(x.cores)}]", x.args, 1)
    names = [f"({', '.join(n)}{',' if len(n) == 1 else ''})" for n in (x.dst, x.src)]
    parts = [f"op={quoted(x.op)}", f"dst={names[0]}", f"src={names[1]}", f"attrs={quoted(x.attrs)}"]
    return call("U.framework_call", parts, 1)
