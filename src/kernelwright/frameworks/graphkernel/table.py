"""All ops of the format, from the modules that hold a family each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelwright.frameworks.graphkernel import (
    complex_numbers,
    effects,
    elementwise,
    layouts,
    lookups,
    products,
    reductions,
    scatters,
    shapes,
)

_FAMILIES = (
    elementwise, complex_numbers, reductions, shapes, layouts, lookups, products, scatters, effects,
)  # fmt: skip

# op -> what makes its operands' Graph; the result of a Call, or a list for several outputs.
ALL_OPS: Mapping[str, Any] = {
    name: handler for family in _FAMILIES for name, handler in family.OPS.items()
}

# Ops of the format that have no meaning which a judge could hold a kernel against.
REFUSED: Mapping[str, str] = {
    "Custom": "it carries a program in AKG's own language; write the operator as ops of the table",
    "StandardNormal": "its numbers are random; give them to the kernel as an input",
}
