"""What can be said about a candidate's files without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kernelwright.python_source import parse_python
from kernelwright.schema import Candidate, Status
from kernelwright.verify.rule.compare import Verdict

ENTRY_NAMES = ("ModelNew", "kernel")
ASSUMPTIONS = ("finite_inputs", "static_shapes")


def check_source(candidate: Candidate) -> Verdict:
    """COMPILE_ERROR for a syntax error, WRONG_STRUCTURE for an entry without ModelNew or kernel."""
    trees: dict[str, ast.Module] = {}
    for name, data in candidate.files.items():
        if not name.endswith(".py"):
            continue
        try:
            trees[name] = parse_python(data, filename=name)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            message = getattr(error, "msg", None) or str(error)
            return Verdict(Status.COMPILE_ERROR, "syntax", f"{name}:{line}: {message}")
    if candidate.entry not in trees:
        reason = f"the entry {candidate.entry} is no Python file"
        return Verdict(Status.WRONG_STRUCTURE, "no_entry", reason)
    if unknown := sorted(set(assumptions(candidate)) - set(ASSUMPTIONS)):
        reason = f"ASSUMES names {unknown[0]!r}; known: {', '.join(ASSUMPTIONS)}"
        return Verdict(Status.WRONG_STRUCTURE, "assumes", reason)
    names = set(_bound_names(trees[candidate.entry]))
    if names & {*ENTRY_NAMES, "*"}:
        return Verdict(Status.PASSED)
    reason = f"{candidate.entry} defines neither class ModelNew nor def kernel"
    return Verdict(Status.WRONG_STRUCTURE, "no_entry", reason)


def assumptions(candidate: Candidate) -> tuple[str, ...]:
    """What the entry file says that its kernel takes for granted: the words of a module-level
    ``ASSUMES = ("finite_inputs", "static_shapes")``. () without one."""
    try:
        tree = parse_python(candidate.files[candidate.entry])
    except (SyntaxError, ValueError):
        return ()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "ASSUMES" for t in targets):
            assert isinstance(node, ast.Assign)
            items = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else []
            return tuple(str(i.value) for i in items if isinstance(i, ast.Constant))
    return ()


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names that the module's top level may bind, also under if, try and with."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        pending.extend(ast.iter_child_nodes(node))
