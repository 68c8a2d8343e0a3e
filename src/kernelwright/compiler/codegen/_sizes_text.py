"""``_sizes``: what kernel.py computes from the shapes of its arguments, once for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.aul.syntax import Binary, Call, Int, IntExpr, Name
from kernelwright.compiler.codegen._host import Buffer, HostPlan
from kernelwright.compiler.design import Design
from kernelwright.errors import UnsupportedError


def python_text(expr: IntExpr, values: Mapping[str, int]) -> str:
    """``expr`` in Python; ``values`` stand for the names that they are known of."""
    if isinstance(expr, Int):
        return str(expr.value)
    if isinstance(expr, Name):
        return str(values.get(expr.id, expr.id))
    if isinstance(expr, Binary):
        return f"({python_text(expr.left, values)} {expr.op} {python_text(expr.right, values)})"
    if isinstance(expr, Call):
        args = [python_text(a, values) for a in expr.args]
        if expr.function in ("min", "max"):
            return f"{expr.function}({', '.join(args)})"
        if expr.function == "cdiv":
            return f"-(-{args[0]} // {args[1]})"
        return f"(1 << max({args[0]} - 1, 0).bit_length())"
    raise UnsupportedError("the core's index has no meaning on the host")


def sized_inputs(design: Design, plan: HostPlan) -> list[Buffer]:
    """The arguments whose shapes hang on sizes of the caller's, in order."""
    bound = [b.name for b in design.bindings if b.source == "input"]
    return [plan.buffers[n] for n in bound if plan.buffers[n].exprs is not None]


def sized_buffers(plan: HostPlan) -> list[Buffer]:
    """Outputs and shared workspaces whose shapes hang on sizes of the caller's."""
    found = (plan.buffers[n] for n in plan.shared)
    return [b for b in found if b.kind != "input" and b.exprs is not None]


def shape_text(buffer: Buffer, values: Mapping[str, int]) -> str:
    assert buffer.exprs is not None
    return _tuple([python_text(e, values) for e in buffer.exprs])


def sizes_function(design: Design, plan: HostPlan) -> str:
    """The function's text. It takes the shapes of ``sized_inputs`` and gives the plan's numbers in
    one tuple, then the shape of each of ``sized_buffers``; it raises ValueError for shapes that do
    not go together or pass a limit."""
    inputs = sized_inputs(design, plan)
    names = [f"shape_{i}" for i in range(len(inputs))]
    given = _tuple(names)
    ranks = " or ".join(f"len({n}) != {len(b.shape)}" for n, b in zip(names, inputs))
    expected = _tuple([shape_text(b, plan.values) for b in inputs])
    lines = [
        f"if {ranks}:",
        f'    raise ValueError(f"arguments of shapes {{{given}}} do not have the ranks '
        f'{", ".join(str(len(b.shape)) for b in inputs)}")',
        *(f"{name} = {_source(name, names, inputs, plan)}" for name in design.dynamic),
        f"if {_tuple([f'tuple({n})' for n in names])} != {expected}:",
        f'    raise ValueError(f"arguments of shapes {{{given}}} do not fit {{{expected}}}")',
        f"if min({', '.join([*design.dynamic, '1'])}) < 1:",
        '    raise ValueError("this kernel takes no arguments without elements")',
    ]
    for expr, most in design.limits:
        text = python_text(expr, plan.values)
        lines += [
            f"if {text} > {most}:",
            f'    raise ValueError(f"this kernel keeps rows of up to {most} elements on chip, '
            f'not {{{text}}}")',
        ]
    numbers = _tuple([python_text(n, plan.values) for n in plan.numbers])
    shapes = [shape_text(b, plan.values) for b in sized_buffers(plan)]
    lines.append(f"return {_tuple([numbers, *shapes])}")
    head = [
        "@functools.lru_cache(maxsize=1024)",
        f"def _sizes({', '.join(names)}):",
        '    """The numbers that the kernels take, and the shapes of what they write."""',
    ]
    return "\n".join([*head, *(f"    {line}" for line in lines)])


def _source(name: str, names: Sequence[str], inputs: Sequence[Buffer], plan: HostPlan) -> str:
    for given, buffer in zip(names, inputs):
        for axis, expr in enumerate(buffer.exprs or ()):
            if expr == Name(name):
                return f"{given}[{axis}]"
    for given, buffer in zip(names, inputs):
        for axis, expr in enumerate(buffer.exprs or ()):
            if isinstance(expr, Binary) and expr.op == "*":
                for one, other in ((expr.left, expr.right), (expr.right, expr.left)):
                    if one == Name(name) and isinstance(other, Int):
                        return f"{given}[{axis}] // {other.value}"
    raise UnsupportedError(f"no argument's shape shows the size {name}")


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
