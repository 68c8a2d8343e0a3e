"""The static checker: everything that can be said about a program without its data."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.aul import syntax as s
from kernelwright.aul.check_access import AccessChecker
from kernelwright.aul.check_host import HostChecker
from kernelwright.aul.check_kernel import KernelChecker
from kernelwright.aul.check_names import check_expr
from kernelwright.aul.diagnostics import Diagnostic, Findings
from kernelwright.aul.sizes import resolve
from kernelwright.errors import AULError

MAX_VARIATIONS = 32


def check(
    program: s.Program,
    *,
    target_limits: Mapping[str, int] | None = None,
    sizes: Mapping[str, int] | None = None,
    tunables: Mapping[str, int] | None = None,
) -> list[Diagnostic]:
    """All findings, in the order of the text; no "error" among them means a well-formed program.

    Shapes are compared symbolically, then at the declared defaults (``sizes`` and ``tunables``
    override them) and at every choice of every tunable. Bounds, collisions between cores and
    holes in outputs are decided at those values. ``target_limits`` maps "VecBuf" and "CubeBuf" to
    bytes. Raises AULError only for an override that names nothing.
    """
    out = Findings()
    check_declarations(program, out)
    if out.errors:
        return out.listed()
    base = resolve(program, sizes, tunables)
    envs = [base, *variations(program, sizes, tunables)]
    names: set[str] = set()
    for kernel in program.kernels:
        if kernel.name in names or kernel.name in base:
            out.error(f"{kernel.name!r} is already defined", kernel.loc)
        names.add(kernel.name)
        checker = KernelChecker(kernel, envs, out)
        checker.run()
        checker.limits(target_limits or {})
    if not program.host.name:
        out.warning("there is no host function, so nothing is launched", program.host.loc)
        return out.listed()
    HostChecker(program, set(base), out).run()
    if not out.errors:
        try:
            AccessChecker(program, base, out).run()
        except AULError as error:
            out.error(error.message, s.Location(error.line, error.column))
    return out.listed()


def check_declarations(program: s.Program, out: Findings) -> None:
    """Names defined once and before use; sizes not negative; tunables among their choices."""
    seen: set[str] = set()
    for declaration in program.declarations:
        if declaration.name in seen:
            out.error(f"{declaration.name!r} is declared twice", declaration.loc)
        if isinstance(declaration, s.Const):
            before = out.errors
            check_expr(declaration.value, seen, out)
            if out.errors == before:
                _evaluates(program, declaration, out)
        elif isinstance(declaration, s.Size):
            if declaration.default < 0:
                out.error(f"size {declaration.name} is {declaration.default}", declaration.loc)
        elif declaration.default not in declaration.choices:
            out.error(
                f"the default {declaration.default} of {declaration.name} is not among its choices "
                f"{declaration.choices}",
                declaration.loc,
            )
        elif min(declaration.choices) < 1:
            out.error(f"a choice of {declaration.name} is below 1", declaration.loc)
        seen.add(declaration.name)


def _evaluates(program: s.Program, declaration: s.Const, out: Findings) -> None:
    upto = program.declarations[: program.declarations.index(declaration) + 1]
    try:
        resolve(s.Program(upto, (), program.host))
    except AULError as error:
        out.error(f"{declaration.name}: {error.message}", declaration.loc)


def variations(
    program: s.Program, sizes: Mapping[str, int] | None, tunables: Mapping[str, int] | None
) -> list[dict[str, int]]:
    """The declared values with one tunable at another of its choices, at most 32 of them."""
    result: list[dict[str, int]] = []
    for declaration in program.declarations:
        if isinstance(declaration, s.Tunable) and declaration.name not in (tunables or {}):
            for choice in declaration.choices:
                if choice != declaration.default and len(result) < MAX_VARIATIONS:
                    try:
                        changed = {**(tunables or {}), declaration.name: choice}
                        result.append(resolve(program, sizes, changed))
                    except AULError:  # a constant divides by zero there: evaluated at the defaults
                        continue
    return result
