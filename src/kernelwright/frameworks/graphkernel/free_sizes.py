"""What free sizes (-1) stand for while a file is tried: sets of sizes that it holds for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.faults import fault
from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.frameworks.graphkernel.sizes import WrongSizes

# What free sizes are in turn: the first with which the file holds is the reference's own. Distinct
# symbols get distinct numbers where the file allows that.
_FREE_SIZES = (96, 64, 160, 33, 128, 48, 7)
_SETS = 3

Shapes = tuple[tuple[int, ...], ...]


def shape_sets(
    info: Info, make: Callable[[Sequence[tuple[int, ...]]], Any] | None = None
) -> list[Shapes]:
    """The shapes of the inputs: one set, or several where sizes are free. ``make`` builds the Graph
    for a set (``build`` by default). Raises ReferenceBroken when the file holds for none."""
    made = make or (lambda shapes: build(info, shapes))
    if not info.dynamic:
        shapes = tuple(tensor.shape for tensor in info.inputs)
        made(shapes)
        return [shapes]
    found: list[Shapes] = []
    last: Exception | None = None
    for distinct in (True, False):
        for start in range(len(_FREE_SIZES)):
            shapes = _freed(info, start, distinct)
            try:
                made(shapes)
            except (WrongSizes, ReferenceBroken) as error:
                last = last or error
                continue
            if shapes not in found:
                found.append(shapes)
        if found:
            return found[:_SETS]
    raise fault(info.path, "", f"no sizes were found that the file holds for: {last}",
                "correct the symbols")  # fmt: skip


def varying(sets: Sequence[Shapes]) -> dict[int, tuple[int | tuple[int, ...], ...]]:
    """Position of an input -> its shape; all values in place of an extent that the sets vary."""
    found = {}
    for place, column in enumerate(zip(*sets)):
        values = [tuple(shape[axis] for shape in column) for axis in range(len(column[0]))]
        found[place] = tuple(v if len(set(v)) > 1 else v[0] for v in values)
    return found


def _freed(info: Info, start: int, distinct: bool) -> Shapes:
    names: list[str] = []

    def size(text: str) -> int:
        if text not in names:
            names.append(text)
        place = start + (names.index(text) if distinct else 0)
        return _FREE_SIZES[place % len(_FREE_SIZES)]

    return tuple(
        tuple(
            size(t.symbols[a] if t.symbols else "") if n == -1 else n for a, n in enumerate(t.shape)
        )
        for t in info.inputs
    )
