"""Design: an AUL program with what its host parameters stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.aul.syntax import IntExpr, Program


@dataclass(frozen=True)
class Binding:
    """Host parameter ``name`` is filled from ``source``: "input" (``key`` = position in the call),
    "parameter" (``key`` = state-dict name) or "constant" (``key`` = name in Design.constants)."""

    name: str
    source: str
    key: int | str


@dataclass(frozen=True)
class OutputSpec:
    """Host parameter ``name`` receives output ``shape``, ``dtype``; in the Model's output order."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Design:
    """What the Designer hands to the Coder.

    The host's parameters are the bindings in order, then the outputs in order. ``state`` lists
    every parameter and buffer of the Model as (name, shape, dtype, "parameter" | "buffer"), used or
    not, in state-dict order: a candidate must offer exactly these names. ``input_count`` is the
    number of positional arguments of the call, used or not. ``fixed``: those that are no tensors,
    by position; the kernel holds for these values only. ``assumes``, ``writes``: see Graph.

    ``dynamic`` names the Sizes that the caller chooses: the design holds for any value of these
    within ``limits`` (a size's expression and its largest value). All other sizes a printer may
    take as they are.
    """

    program: Program
    bindings: tuple[Binding, ...]
    outputs: tuple[OutputSpec, ...]
    structure: str  # see graph.structure
    input_count: int
    state: tuple[tuple[str, tuple[int, ...], str, str], ...] = ()
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fixed: Mapping[int, Any] = field(default_factory=dict)
    assumes: tuple[str, ...] = ()
    writes: tuple[int, ...] = ()
    dynamic: tuple[str, ...] = ()
    limits: tuple[tuple[IntExpr, int], ...] = ()


def returned(design: Design) -> tuple[OutputSpec, ...]:
    """The outputs that the call gives back."""
    return design.outputs[: len(design.outputs) - len(design.writes)]


def written(design: Design) -> list[tuple[int, OutputSpec]]:
    """(position of an input that the call changes, the output with its values after the call)."""
    return list(zip(design.writes, design.outputs[len(returned(design)) :]))
