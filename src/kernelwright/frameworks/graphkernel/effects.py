"""Ops that write to an input's memory.

``Assign(a, b)`` writes b to a and gives a; ``InplaceAssign(a, b, c)`` writes b to a and gives c.
With ``fake_output`` the listed result is not there: only the write counts. What reads a afterwards
finds what was written.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.frameworks.graphkernel.call import Call, Handler
from kernelwright.frameworks.graphkernel.values import Value


def _assign(c: Call) -> Value:
    c.expect(2)
    value = c.build.write(c.operands[0], c.value(1), c.flag("fake_output"), c.out.name)
    c.build.homes[c.out.name] = c.build.homes[c.operands[0].name]
    return value


def _inplace_assign(c: Call) -> Value:
    c.expect(2, 3)
    value = c.build.write(c.operands[0], c.value(1), c.flag("fake_output"), c.out.name)
    if len(c) == 2:
        return value
    return c.ranked(2)


OPS: Mapping[str, Handler] = {"Assign": _assign, "InplaceAssign": _inplace_assign}
