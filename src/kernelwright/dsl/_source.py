"""Static checks that hold for every candidate's Python entry file, whatever its impl_type."""

from __future__ import annotations

import ast

from kernelwright.python_source import parse_python


def check_source(text: str) -> list[str]:
    """Problems of an entry file, each one line with its place; empty when there are none.

    Nothing is run. Found are: syntax errors, a file without ``class ModelNew`` or ``def kernel``,
    and a ModelNew that cannot be called.
    """
    try:
        tree = parse_python(text)
    except SyntaxError as error:
        return [f"line {error.lineno or 1}, column {error.offset or 1}: {error.msg}"]
    except ValueError as error:  # a null byte
        return [f"line 1: {error}"]
    defined = {name: node for node in tree.body for name in _names(node)}
    model = defined.get("ModelNew")
    if model is None:
        if isinstance(defined.get("kernel"), ast.FunctionDef):
            return []
        return ["the file defines neither class ModelNew nor def kernel(*inputs) at top level"]
    if isinstance(model, ast.ClassDef):
        return _check_model(model)
    return []


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [alias.asname or alias.name for alias in node.names]
    return []


def _check_model(model: ast.ClassDef) -> list[str]:
    methods = {n.name for n in model.body if isinstance(n, ast.FunctionDef)}
    if methods & {"forward", "__call__", "construct"} or len(model.bases) > 1:
        return []
    bases = [ast.unparse(b) for b in model.bases]
    if bases and not all(b.split(".")[-1] == "Module" for b in bases):
        return []  # another base may bring it
    return [f"line {model.lineno}: ModelNew has no forward (torch) and no __call__ (numpy)"]
