"""All ops, one module a family; each module binds ``OPS``, a tuple of OpDef.

A module whose name starts with an underscore holds what several families share. A module may also
bind ``RULES`` (rewrite rules, ``graph.rules``) and ``INTERVALS`` (op name -> function from the
operands' intervals and the node to the interval of its values).
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from kernelwright.errors import CaptureError
from kernelwright.graph.core import Node, OpDef
from kernelwright.graph.rules import Rule

Interval = tuple[float, float]
IntervalRule = Callable[[Sequence[Interval], Node], Interval]


def _families() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{__name__}.{info.name}")


@functools.cache
def all_ops() -> dict[str, OpDef]:
    """Op name -> definition, over every module of this folder."""
    table: dict[str, OpDef] = {}
    for module in _families():
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


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """The rewrite rules of every family; raises ValueError for a name used twice."""
    found: dict[str, Rule] = {}
    for module in _families():
        for rule in getattr(module, "RULES", ()):
            if rule.name in found:
                raise ValueError(f"rule {rule.name!r} is defined twice")
            found[rule.name] = rule
    return tuple(found.values())


@functools.cache
def _intervals() -> dict[str, IntervalRule]:
    found: dict[str, IntervalRule] = {}
    for module in _families():
        found.update(getattr(module, "INTERVALS", {}))
    return found


def interval_of(op: str) -> IntervalRule | None:
    """How ``op`` maps intervals; None where its family does not say."""
    return _intervals().get(op)
