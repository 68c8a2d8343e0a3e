"""What may be tuned of a design: its AUL tunables and what the printer adds."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.aul.syntax import Tunable
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.search import SearchSpace


def tuning_space(
    design: Design, impl_type: str, start: Mapping[str, int] | None = None
) -> SearchSpace | None:
    """The space of settings that ``impl_type``'s printer takes for ``design``, from the design's
    defaults or, where it has the names, from ``start``; None when there is nothing to choose."""
    tunables = [d for d in design.program.declarations if isinstance(d, Tunable)]
    choices = {t.name: tuple(t.choices) for t in tunables if len(set(t.choices)) > 1}
    first = {t.name: t.default for t in tunables if t.name in choices}
    for name, values in PRINTERS.get(impl_type).launch_choices(design.program).items():
        choices[name], first[name] = values, 0
    for name, value in (start or {}).items():
        if value in choices.get(name, ()):
            first[name] = value
    return SearchSpace(choices, first) if choices else None
