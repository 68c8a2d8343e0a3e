"""Do the inputs matter? Inputs that no seed changes, and inputs that no output depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.verify.audit.decoys import inputs_differ, same_outputs
from kernelwright.verify.audit.observed import Finding, Observed, Severity, pass_on_death
from kernelwright.verify.inputs import laws
from kernelwright.verify.rule.compare import is_inexact


def fixed_inputs(observed: Observed) -> Iterator[Finding]:
    """Inputs that no seed moves: an answer could be remembered."""
    if observed.inputs_move:
        return
    evidence = {"seeds": list(observed.seeds)}
    if not any(isinstance(v, np.ndarray) and v.size for v in observed.first):
        text = "the Model takes no tensor with elements: its output does not depend on the inputs"
        yield Finding("fixed_inputs", Severity.DEGENERATE, text, evidence)
    elif laws.applies(observed.first):
        text = (
            "get_inputs() gives the same values for every seed; only the judge's own input laws "
            "change them"
        )
        yield Finding("fixed_inputs", Severity.NOTE, text, evidence)
    else:
        text = (
            "get_inputs() gives the same values for every seed, and no float tensor that an input "
            "law could change: an answer can be remembered"
        )
        yield Finding("fixed_inputs", Severity.DEGENERATE, text, evidence)


def unused_inputs(observed: Observed) -> Iterator[Finding]:
    """Inputs that no output depends on, while it depends on others."""
    if observed.inputs_move and not observed.outputs_move:
        return
    graph = observed.graph
    read = {n.attrs["index"] for n in graph.nodes() if n.op == "input"} if graph else set()
    known = {n.attrs["index"] for n in graph.inputs} if graph else set()
    for position, value in enumerate(observed.first):
        if position in known and position not in read:
            text = f"the values of input {position} ({_described(value)}) are never used"
            yield Finding("unused_input", Severity.NOTE, text, {"input": position, "read": False})
            continue
        trials = _without_effect(observed, position)
        if trials:
            text = (
                f"input {position} ({_described(value)}) has no effect: {trials} other values of "
                "it changed no bit of any output"
            )
            evidence = {"input": position, "trials": trials}
            yield Finding("unused_input", Severity.NOTE, text, evidence)


def _without_effect(observed: Observed, position: int) -> int:
    """How many other values of one input left the outputs as they were; 0 when one changed them or
    was refused, or none could be made."""
    tried = 0
    for values in _replaced(observed, position):
        try:
            outputs = observed.run(values)
        except ReferenceBroken as broken:
            pass_on_death(broken)
            return 0
        if not same_outputs(outputs, observed.outputs[0]):
            return 0
        tried += 1
    return tried


def _replaced(observed: Observed, position: int) -> Iterator[list[Any]]:
    """The first inputs with another value at ``position``: those of the other seeds, else one made
    of the same elements or by the gaussian law."""
    old = observed.first[position]
    others = [values[position] for values in observed.inputs[1:]]
    if isinstance(old, np.ndarray):
        others = [v for v in others if v.shape == old.shape and inputs_differ([old], [v])]
        others = others or [v for v in [_altered(old)] if inputs_differ([old], [v])]
    else:
        others = [v for v in others if v != old]
    for value in others:
        yield [value if i == position else v for i, v in enumerate(observed.first)]


def _altered(array: np.ndarray) -> np.ndarray:
    """Other values that an array of this kind may hold: an index stays in range."""
    if is_inexact(array.dtype):
        altered: np.ndarray = laws.apply_law("gaussian", [array], 1)[0]
        return altered
    if array.dtype == np.bool_:
        return ~array
    return np.ascontiguousarray(array.reshape(-1)[::-1]).reshape(array.shape)


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    return repr(value)
