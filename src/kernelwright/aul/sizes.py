"""From argument shapes to the value of every declared name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.aul.expressions import evaluate, names, substitute
from kernelwright.aul.syntax import Binary, Const, IntExpr, Name, Param, Program, Size
from kernelwright.errors import AULError

MAX_INTEGER = 2**63 - 1


def resolve(
    program: Program,
    sizes: Mapping[str, int] | None = None,
    tunables: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Every declared name with its value: defaults unless ``sizes`` or ``tunables`` say otherwise.

    Raises AULError for an override that names no size or tunable, and for a constant that uses
    a name declared nowhere above it.
    """
    given = {**(sizes or {}), **(tunables or {})}
    open_names = [d.name for d in program.declarations if not isinstance(d, Const)]
    for name in given:
        if name not in open_names:
            listed = ", ".join(open_names) or "none"
            raise AULError(f"{name!r} is no U.Size or U.Tunable of the program; it has: {listed}")
    env: dict[str, int] = {}
    for declaration in program.declarations:
        if isinstance(declaration, Const):
            env[declaration.name] = evaluate(declaration.value, env)
            if abs(env[declaration.name]) > MAX_INTEGER:
                raise AULError(f"{declaration.name} exceeds 64 bits", *declaration.loc)
        else:
            env[declaration.name] = int(given.get(declaration.name, declaration.default))
    return env


def extents(exprs: Sequence[IntExpr], env: Mapping[str, int]) -> tuple[int, ...]:
    """The shape that ``exprs`` give; raises AULError for an extent below 0 or beyond 64 bits."""
    shape = tuple(int(evaluate(e, env)) for e in exprs)
    for expr, extent in zip(exprs, shape):
        if not 0 <= extent <= MAX_INTEGER:
            raise AULError(f"an extent is {extent}; it must be 0 or more, in 64 bits", *expr.loc)
    return shape


def core_count(expr: IntExpr, env: Mapping[str, int]) -> int:
    """A launch's number of cores; raises AULError when it is negative or beyond 32 bits."""
    cores = int(evaluate(expr, env))
    if not 0 <= cores < 2**31:
        raise AULError(f"a launch on {cores} cores; it takes 0 to 2**31 - 1", *expr.loc)
    return cores


def bind_sizes(program: Program, shapes: Sequence[Sequence[int]]) -> dict[str, int]:
    """The sizes that argument shapes imply; ``shapes[i]`` belongs to the host's i-th input.

    A dimension that is a size binds it; one like ``2 * N`` is solved for its one unknown size.
    Sizes that no shape fixes are absent. Raises AULError, at the parameter, when the rank differs
    or when a shape contradicts a literal, a constant or another argument.
    """
    constants = {d.name: d.value for d in program.declarations if isinstance(d, Const)}
    sizes = {d.name for d in program.declarations if isinstance(d, Size)}
    inputs = [p for p in program.host.params if not p.output]
    todo: list[tuple[Param, IntExpr, int]] = []
    for param, shape in zip(inputs, shapes):
        if param.shape is None:
            continue
        if len(param.shape) != len(shape):
            raise AULError(
                f"{param.name} has {len(param.shape)} dimensions in the design, but its argument "
                f"has shape {tuple(shape)}",
                *param.loc,
            )
        todo += [(param, _inline(dim, constants), n) for dim, n in zip(param.shape, shape)]
    bound: dict[str, int] = {}
    for _ in range(len(todo) + 1):
        before = len(bound)
        for _, dim, extent in todo:
            _solve(dim, extent, sizes, bound)
        if len(bound) == before:
            break
    _verify(program, todo, bound)
    return bound


def _inline(expr: IntExpr, constants: Mapping[str, IntExpr]) -> IntExpr:
    for _ in constants:
        if not any(name.id in constants for name in names(expr)):
            break
        expr = substitute(expr, constants)
    return expr


def _solve(expr: IntExpr, value: int, sizes: set[str], bound: dict[str, int]) -> None:
    """Binds the one unknown size in ``expr == value`` through + - and *, if there is one."""
    unknown = {n.id for n in names(expr)} & (sizes - set(bound))
    if len(unknown) != 1:
        return
    if isinstance(expr, Name):
        bound[expr.id] = value
        return
    if not isinstance(expr, Binary) or expr.op not in "+-*":
        return
    on_left = any(n.id in unknown for n in names(expr.left))
    on_right = any(n.id in unknown for n in names(expr.right))
    other = expr.right if on_left else expr.left
    if (on_left and on_right) or any(n.id not in bound for n in names(other)):
        return
    known = evaluate(other, bound)
    inner = expr.left if on_left else expr.right
    if expr.op == "+":
        _solve(inner, value - known, sizes, bound)
    elif expr.op == "-":
        _solve(inner, value + known if on_left else known - value, sizes, bound)
    elif known and value % known == 0:
        _solve(inner, value // known, sizes, bound)


def _verify(
    program: Program, todo: Sequence[tuple[Param, IntExpr, int]], bound: Mapping[str, int]
) -> None:
    env = resolve(program, bound)
    for param, dim, extent in todo:
        wanted = evaluate(dim, env)
        if wanted != extent:
            raise AULError(
                f"{param.name} has extent {extent} where the design needs {wanted}; the shapes of "
                f"the arguments do not fit together",
                *param.loc,
            )
