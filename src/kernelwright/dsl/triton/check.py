"""Static checks of a Triton candidate's entry file: cheap, before any process starts."""

from __future__ import annotations

import ast

from kernelwright.dsl import _source
from kernelwright.python_source import parse_python


def check_source(text: str) -> list[str]:
    """Problems of an entry file, each one line with its place; empty when there are none.

    Besides what holds for every candidate: at least one ``@triton.jit`` function, one of them
    launched as ``function[grid](...)``, and no jit function in place of ``def kernel(*inputs)``.
    """
    problems = _source.check_source(text)
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError):
        return problems
    kernels = _jit_functions(tree)
    if not kernels:
        return [*problems, "no kernel: decorate at least one function with @triton.jit"]
    name, line = next(iter(kernels.items()))
    if not _launched(tree) & set(kernels) and not _launches_indirectly(tree):
        launch = f"call {name}[grid](...) from the entry point"
        problems.append(f"line {line}: kernel {name!r} is never launched; {launch}")
    if "kernel" in kernels and not _defines_model(tree):
        problems.append(
            f"line {kernels['kernel']}: 'kernel' is a @triton.jit function, which nobody can call "
            "on tensors; rename it and let def kernel(*inputs) launch it"
        )
    return problems


def _defines_model(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.ClassDef) and n.name == "ModelNew" for n in tree.body)


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
