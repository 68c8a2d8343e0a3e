"""Kernels that come as text: from a user's ParsedCode, or in the reference system's spelling."""

from __future__ import annotations

import ast

from kernelwright.agents.record import ParsedCode
from kernelwright.python_source import parse_python
from kernelwright.schema import Candidate, TaskSpec

_ENTRIES = ("ModelNew", "kernel")


def candidate_from(
    parsed_code: ParsedCode, spec: TaskSpec, function: str | None = None
) -> Candidate:
    """The Candidate of a kernel text; raises ValueError when there is none for the impl_type."""
    text = parsed_code.kernel(spec.impl_type)
    if not text:
        raise ValueError(f"there is no {spec.impl_type} code to verify")
    name = function or f"{spec.op_name}_{spec.impl_type}_{spec.framework}"
    source = with_entry(text, name)
    return Candidate({"kernel.py": source.encode()}, "kernel.py", spec.impl_type, "person")


def with_entry(source: str, function: str) -> str:
    """``source``, made to offer ``kernel`` when it only defines ``function``.

    Kernels written for the reference system are functions called ``{op}_{impl_type}_{framework}``
    that take the inputs. A text that is no Python is left to the judge.
    """
    try:
        body = parse_python(source).body
    except (SyntaxError, ValueError):
        return source
    names = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    if names.intersection(_ENTRIES) or function not in names:
        return source
    return source.rstrip("\n") + f"\n\n\nkernel = {function}\n"
