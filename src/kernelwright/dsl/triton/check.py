"""Static checks of a Triton candidate's source: cheap, before any process starts."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is wrong, at which line (0: the file as a whole), and what to do."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


def check_source(text: str) -> list[Finding]:
    """Faults that make ``text`` no Triton candidate; empty when there is none.

    Looked for: syntax, an entry point (``class ModelNew`` or ``def kernel``), at least one
    ``@triton.jit`` function, and that one of them is launched as ``function[grid](...)``.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [Finding(error.lineno or 0, f"syntax error: {error.msg}")]
    except ValueError as error:  # null bytes
        return [Finding(0, f"not Python source: {error}")]
    findings = []
    if not _has_entry(tree):
        findings.append(
            Finding(
                0, "no entry point: define class ModelNew, or def kernel(*inputs), at top level"
            )
        )
    kernels = _jit_functions(tree)
    if not kernels:
        findings.append(Finding(0, "no kernel: decorate at least one function with @triton.jit"))
    elif not _launched(tree) & set(kernels) and not _launches_indirectly(tree):
        name, line = next(iter(kernels.items()))
        findings.append(
            Finding(
                line, f"kernel {name!r} is never launched; call {name}[grid](...) from ModelNew"
            )
        )
    return findings


def _has_entry(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "ModelNew":
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "kernel" and not _is_jit(node):
            return True
    return False


def _jit_functions(tree: ast.Module) -> dict[str, int]:
    found = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
    return {n.name: n.lineno for n in found if _is_jit(n)}


def _is_jit(function: ast.FunctionDef) -> bool:
    for decorator in function.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        if name == "jit":
            return True
    return False


def _launched(tree: ast.Module) -> set[str]:
    """Names ``f`` in calls of the form ``f[grid](...)``."""
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    targets = (f.value for f in calls if isinstance(f, ast.Subscript))
    return {t.id for t in targets if isinstance(t, ast.Name)}


def _launches_indirectly(tree: ast.Module) -> bool:
    """Whether something other than a name is launched: ``self.k[grid](...)``, ``k.run(...)``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Subscript) and isinstance(node.func.value, ast.Attribute):
            return True
        if isinstance(node.func, ast.Attribute) and node.func.attr == "run":
            return True
    return False
