"""Values of AUL's integer expressions, and of a program's sizes, constants and tunables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kernelwright.aul import syntax as s
from kernelwright.errors import AULError

CORE = "U.get_core_idx()"  # the key under which an environment holds the core index


def evaluate(expr: s.IntExpr, env: Mapping[str, int]) -> int:
    """The expression's value; raises AULError (with the place) for an undefined name."""
    if isinstance(expr, s.Int):
        return expr.value
    if isinstance(expr, s.Name):
        if expr.id not in env:
            raise AULError(f"{expr.id!r} is not defined here", *expr.loc)
        return env[expr.id]
    if isinstance(expr, s.CoreIdx):
        if CORE not in env:
            raise AULError("get_core_idx() stands outside a kernel", *expr.loc)
        return env[CORE]
    if isinstance(expr, s.Call):
        return _call(expr, [evaluate(a, env) for a in expr.args])
    left, right = evaluate(expr.left, env), evaluate(expr.right, env)
    if expr.op in ("//", "%") and right == 0:
        raise AULError("division by zero", *expr.loc)
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "//": lambda: left // right,
        "%": lambda: left % right,
    }[expr.op]()


def _call(expr: s.Call, args: Sequence[int]) -> int:
    if expr.function == "min":
        return min(args)
    if expr.function == "max":
        return max(args)
    if expr.function == "next_pow2":
        return 1 << max(0, args[0] - 1).bit_length()
    if args[1] == 0:
        raise AULError("division by zero", *expr.loc)
    return -(-args[0] // args[1])


def compare(test: s.Compare, env: Mapping[str, int]) -> bool:
    left, right = evaluate(test.left, env), evaluate(test.right, env)
    return {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[test.op]


def resolve(
    program: s.Program,
    sizes: Mapping[str, int] | None = None,
    tunables: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Every declared name with its value: defaults unless ``sizes`` or ``tunables`` say otherwise.

    Raises AULError for an override that names nothing declared.
    """
    given = {**(sizes or {}), **(tunables or {})}
    declared = {d.name for d in program.declarations}
    for name in given:
        if name not in declared:
            raise AULError(f"{name!r} is no size or tunable; declared: {', '.join(declared)}")
    env: dict[str, int] = {}
    for declaration in program.declarations:
        if isinstance(declaration, s.Const):
            env[declaration.name] = evaluate(declaration.value, env)
        else:
            env[declaration.name] = given.get(declaration.name, declaration.default)
    return env


def bind_sizes(program: s.Program, shapes: Sequence[Sequence[int]]) -> dict[str, int]:
    """The sizes that the shapes of the host's input arguments imply.

    Raises AULError when a shape contradicts another or a literal extent.
    """
    sizes = {d.name for d in program.declarations if isinstance(d, s.Size)}
    bound: dict[str, int] = {}
    inputs = [p for p in program.host.params if not p.output] if program.host else []
    for param, shape in zip(inputs, shapes):
        if param.shape is None:
            continue
        if len(param.shape) != len(shape):
            raise AULError(
                f"{param.name} has {len(param.shape)} dimensions in the design, "
                f"but the argument has shape {tuple(shape)}",
                *param.loc,
            )
        for declared, extent in zip(param.shape, shape):
            known = bound.get(declared.id) if isinstance(declared, s.Name) else None
            if isinstance(declared, s.Int):
                known = declared.value
            if known is not None and known != extent:
                raise AULError(
                    f"{param.name} has extent {extent} where the design needs {known}", *param.loc
                )
            if isinstance(declared, s.Name) and declared.id in sizes:
                bound[declared.id] = extent
    return bound


def names_in(expr: s.IntExpr) -> Iterator[s.Name]:
    """Every name in an expression."""
    if isinstance(expr, s.Name):
        yield expr
    elif isinstance(expr, s.Binary):
        yield from names_in(expr.left)
        yield from names_in(expr.right)
    elif isinstance(expr, s.Call):
        for arg in expr.args:
            yield from names_in(arg)
