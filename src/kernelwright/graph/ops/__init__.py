"""All ops, one module a family; each module binds ``OPS``, a tuple of OpDef.

A module whose name starts with an underscore holds what several families share.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil

from kernelwright.errors import CaptureError
from kernelwright.graph.core import OpDef


@functools.cache
def all_ops() -> dict[str, OpDef]:
    """Op name -> definition, over every module of this folder."""
    table: dict[str, OpDef] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        for definition in module.OPS:
            if definition.name in table:
                raise ValueError(f"op {definition.name!r} is defined twice")
            table[definition.name] = definition
    return table


def op_definition(name: str) -> OpDef:
    """The definition of ``name``; raises CaptureError with the nearest known op."""
    table = all_ops()
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CaptureError(f"unknown op {name!r}{hint}")
    return table[name]
