"""What makes a task degenerate: a wrong kernel could pass, or most of the work could be left out.

The criteria are those by which METR filtered KernelBench (constant, moved by no seed, uniform along
an axis, within a tolerance of zero), restated against this judge's own error rule, and the decoys
of ``verify.audit.decoys``. Each check is a function of its own in ``DEGENERATE_CHECKS`` or
``NOTE_CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from kernelwright.graph.core import Node
from kernelwright.graph.ops import op_definition
from kernelwright.verify.audit.decoys import DecoyResult, same_outputs
from kernelwright.verify.audit.input_use import fixed_inputs, unused_inputs
from kernelwright.verify.audit.observed import (
    Answered,
    Check,
    Finding,
    Observed,
    Severity,
    floats,
    settled,
)
from kernelwright.verify.inputs.laws import fresh_seed
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, is_inexact, judge_outputs, unit_roundoff

# METR's own threshold. Our rule is relative, so that it does see values below it.
SMALL = 0.01
_SETS = 2
# Elements of integers and booleans that must agree before it is taken for more than chance.
_CHANCE = 64


def weaknesses(observed: Observed) -> list[Finding]:
    """All findings of severity DEGENERATE; [] for a task that tells right from wrong."""
    if not observed.stable:
        return []
    found = (f for check in DEGENERATE_CHECKS for f in check(observed))
    count = len(observed.outputs[0].arrays)
    return [f for f in settled(found, count) if f.severity is Severity.DEGENERATE]


def degeneracy(reference: ReferenceProcess, known: Sequence[Answered] = ()) -> list[str]:
    """Why the task cannot tell right from wrong, if so, looked at under two sets of the Model's own
    inputs from secret seeds, of which some may be ``known``; [] otherwise. Raises ReferenceBroken
    where the Model does."""
    fresh = [fresh_seed() for _ in range(_SETS - len(known))]
    return [finding.text for finding in weaknesses(Observed(reference, fresh, known))]


# ---- the output's values -------------------------------------------------------------------------


def empty_output(observed: Observed) -> Iterator[Finding]:
    """Outputs without elements."""
    for index, array in enumerate(observed.outputs[0].arrays):
        if not array.size:
            shape = list(array.shape)
            text = f"output {index} has no elements (shape {shape})"
            yield _weak("empty_output", index, text, {"output": index, "shape": shape})


def constant_output(observed: Observed) -> Iterator[Finding]:
    """One number in every element of every input set."""
    for index in observed.filled:
        if not _is_constant(observed, index):
            continue
        values = _exactest(observed, index)
        value, spread = values[0].flat[0], max(_farthest(v, values[0].flat[0]) for v in values)
        evidence = {
            "output": index,
            "value": _number(value),
            "spread": float(spread),
            "seeds": list(observed.seeds),
            **_under_gaussian(observed, index, _one_value),
        }
        text = (
            f"output {index} is constant: {_number(value):.6g} in every element of "
            f"{len(values)} input sets; it does not depend on the inputs{_limited(evidence)}"
        )
        yield _weak("constant_output", index, text, evidence)


def independent_output(observed: Observed) -> Iterator[Finding]:
    """Outputs that stay the same, bit by bit, when the inputs change."""
    if not observed.inputs_move:
        return
    for index in observed.filled:
        if _is_constant(observed, index) or not _all_same(observed.output(index)):
            continue
        evidence = {
            "output": index,
            "seeds": list(observed.seeds),
            **_under_gaussian(observed, index, lambda v, u: _all_same(v)),
        }
        text = (
            f"output {index} does not depend on the inputs: bit by bit the same for "
            f"{len(observed.seeds)} different input sets{_limited(evidence)}"
        )
        yield _weak("independent_output", index, text, evidence)


def uniform_axis(observed: Observed) -> Iterator[Finding]:
    """Outputs whose entries along an axis are all equal, to within a rounding, in every set."""
    for index in observed.filled:
        if _is_constant(observed, index):
            continue
        values, u = _exactest(observed, index), _roundoff(observed, index)
        axes = [a for a in range(values[0].ndim) if _uniform(values, a, u)]
        if not axes:
            continue
        shape = list(values[0].shape)
        evidence = {
            "output": index,
            "axes": axes,
            "shape": shape,
            "seeds": list(observed.seeds),
            "broadcast": _is_broadcast(observed, index),
            **_under_gaussian(observed, index, partial(_all_uniform, axes)),
        }
        named = ", ".join(f"{a} (length {shape[a]})" for a in axes)
        text = (
            f"output {index} is uniform along axis {named}: its entries there are equal in "
            f"{len(values)} input sets"
        )
        if evidence["broadcast"]:
            text += ", for the Model broadcasts it"
            yield Finding("uniform_axis", Severity.NOTE, text, evidence)
        else:
            text += f"; one of them would do{_limited(evidence)}"
            yield _weak("uniform_axis", index, text, evidence)


def rounding_noise(observed: Observed) -> Iterator[Finding]:
    """Outputs so near to zero, against the reference's own error, that zeros pass the error rule
    (zeros that count as a decoy are told by ``passing_decoys``)."""
    for index in observed.filled:
        if index not in floats(observed.outputs[0].arrays) or _is_constant(observed, index):
            continue
        if not all(
            _zeros_pass(*pair) for pair in zip(observed.truth(index), observed.output(index))
        ):
            continue
        if any(d.name == "zeros" and d.fools for d in observed.decoys):
            continue
        if not any(own.any() for own in observed.output(index)):  # zeros are the answer
            continue
        largest = max(_largest([t]) for t in observed.truth(index))
        error = _own_error(observed, index)
        evidence = {
            "output": index,
            "largest": largest,
            "largest_input": _largest(observed.first),
            "reference_error": error,
            "seeds": list(observed.seeds),
        }
        text = (
            f"output {index} is nothing but rounding: no element of the truth is larger than "
            f"{largest:.3g}, the reference errs by {error:.3g} of its norm, and zeros pass the "
            "error rule"
        )
        yield _weak("rounding_noise", index, text, evidence)


def passing_decoys(observed: Observed) -> Iterator[Finding]:
    """Wrong answers that the error rule lets through, for all outputs at once or for one."""
    whole = set()
    for decoy in observed.decoys:
        if decoy.fools:
            whole.add(decoy.name)
            text = f"the decoy '{decoy.name}' passes the error rule: {_margin(decoy)}"
            yield Finding("decoy", Severity.DEGENERATE, text, decoy_evidence(decoy))
    count = len(observed.outputs[0].arrays)
    for index in range(count if count > 1 else 0):
        for decoy in observed.decoys_of(index):
            if decoy.fools and decoy.name not in whole:
                text = f"the decoy '{decoy.name}' passes for output {index}: {_margin(decoy)}"
                evidence = {"output": index, **decoy_evidence(decoy)}
                yield _weak("decoy", index, text, evidence)


def decoy_evidence(decoy: DecoyResult) -> dict[str, Any]:
    """Its name, its error and limit (relative Frobenius norm), and which check refused it."""
    statistics = decoy.verdict.statistics
    return {
        "decoy": decoy.name,
        "error": statistics.candidate if statistics else None,
        "limit": statistics.limit if statistics else None,
        "counts": decoy.counts,
        "passes": decoy.verdict.passed,
        "check": decoy.verdict.check,
    }


def _margin(decoy: DecoyResult) -> str:
    evidence = decoy_evidence(decoy)
    if evidence["error"] is None:
        return "it is as good as the answer"
    return f"it errs by {evidence['error']:.3g}, allowed {evidence['limit']:.3g}"


# ---- worth knowing -------------------------------------------------------------------------------


def small_outputs(observed: Observed) -> Iterator[Finding]:
    """Outputs that an absolute tolerance could not tell from zero."""
    some = floats(observed.outputs[0].arrays)
    largest = max((_largest([t]) for i in some for t in observed.truth(i)), default=1.0)
    if len(some) < len(observed.outputs[0].arrays) or not 0 < largest <= SMALL:
        return
    text = (
        f"no output is larger than {largest:.3g}: an absolute tolerance of {SMALL} would take "
        "zeros for right (the error rule here is relative)"
    )
    evidence = {"largest": largest, "largest_input": _largest(observed.first)}
    yield Finding("small_outputs", Severity.NOTE, text, evidence)


def identity(observed: Observed) -> Iterator[Finding]:
    """A Model that gives back what it is given."""
    for decoy in observed.decoys if observed.filled else ():
        if decoy.name.startswith("a copy of") and decoy.verdict.passed and not decoy.counts:
            text = f"the output is {decoy.name}, to within a rounding"
            yield Finding("identity", Severity.NOTE, text, decoy_evidence(decoy))


DEGENERATE_CHECKS: list[Check] = [
    empty_output,
    constant_output,
    independent_output,
    fixed_inputs,
    uniform_axis,
    rounding_noise,
    passing_decoys,
]


def algebraic_collapse(observed: Observed) -> Iterator[Finding]:
    """What the Model says it computes and its outputs do not need."""
    if observed.graph is None:
        return
    found = observed.rewritten
    for sentence in found.collapses:
        text = (
            f"algebraic collapse: {sentence} (by {', '.join(found.rules) or 'its own definition'})"
        )
        evidence = {"rules": list(found.rules), "licences": list(found.licences)}
        yield Finding("algebraic_collapse", Severity.NOTE, text, evidence)


NOTE_CHECKS: list[Check] = [unused_inputs, small_outputs, identity, algebraic_collapse]


# ---- what the checks are made of -----------------------------------------------------------------


def _weak(kind: str, index: int, text: str, evidence: dict[str, Any]) -> Finding:
    return Finding(kind, Severity.DEGENERATE, text, evidence, (index,))


def _exactest(observed: Observed, index: int) -> list[np.ndarray]:
    """The truths of a float output, an exact output itself."""
    inexact = is_inexact(observed.outputs[0].arrays[index].dtype)
    return observed.truth(index) if inexact else observed.output(index)


def _roundoff(observed: Observed, index: int) -> float:
    dtype = observed.outputs[0].arrays[index].dtype
    return unit_roundoff(dtype) if is_inexact(dtype) else 0.0


def _is_constant(observed: Observed, index: int) -> bool:
    """A single element must stay although the inputs move; several must also equal each other."""
    values = _exactest(observed, index)
    moved = observed.inputs_move or values[0].size > 1
    return moved and _one_value(values, _roundoff(observed, index))


def _one_value(values: Sequence[np.ndarray], u: float) -> bool:
    value = values[0].flat[0]
    if not np.isfinite(value):
        return False
    return all(_farthest(v, value) <= 2 * u * abs(complex(value)) for v in values)


def _farthest(array: np.ndarray, value: Any) -> float:
    """The largest distance of an element from ``value``; NaN where one is NaN."""
    if array.dtype.kind in "biu":
        return 0.0 if (array == value).all() else float("inf")
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(array - value)))


def _all_same(arrays: Sequence[np.ndarray]) -> bool:
    first = Outputs([arrays[0]], "tensor")
    return all(same_outputs(first, Outputs([a], "tensor")) for a in arrays[1:])


def _uniform(values: Sequence[np.ndarray], axis: int, u: float, *, chance: bool = True) -> bool:
    """Whether the entries along ``axis`` are equal to within 2 ``u`` of the largest, in every set.
    With ``chance`` few integers or booleans are not enough to say so."""
    length = values[0].shape[axis]
    if length < 2:
        return False
    exact = values[0].dtype.kind in "biu"
    compared = len(values) * (values[0].size - values[0].size // length)
    if exact and chance and compared < _CHANCE:
        return False
    return all(_equal_along(np.take(v, [0, 1], axis), axis, u) for v in values) and all(
        _equal_along(v, axis, u) for v in values
    )


def _all_uniform(axes: Sequence[int], values: Sequence[np.ndarray], u: float) -> bool:
    return all(_uniform(values, axis, u, chance=False) for axis in axes)


def _equal_along(array: np.ndarray, axis: int, u: float) -> bool:
    first = np.take(array, [0], axis)
    if array.dtype.kind in "biu":
        return bool((array == first).all())
    with np.errstate(all="ignore"):
        return bool((np.abs(array - first) <= 2 * u * np.abs(first)).all())


def _under_gaussian(
    observed: Observed, index: int, holds: Callable[[Sequence[np.ndarray], float], bool]
) -> dict[str, bool]:
    """``{"under_gaussian": ...}``, whether it holds for gaussian inputs too; {} when unknown.
    ``holds(values, u)`` asks it of the arrays of several sets."""
    if observed.gaussian is None:
        return {}
    outputs, truths = observed.gaussian
    u = _roundoff(observed, index)
    inexact = is_inexact(observed.outputs[0].arrays[index].dtype)
    values = [t[index] for t in truths] if inexact else [o.arrays[index] for o in outputs]
    return {"under_gaussian": bool(holds(values, u))}


def _limited(evidence: dict[str, Any]) -> str:
    own_only = evidence.get("under_gaussian") is False
    return " (so under its own inputs; not for gaussian ones)" if own_only else ""


def _is_broadcast(observed: Observed, index: int) -> bool:
    """Whether the Model ends in a broadcast of this output, with nothing but views after it."""
    if observed.graph is None:
        return False
    node: Node = observed.graph.outputs[index]
    while op_definition(node.op).kind == "view":
        if node.op == "expand":
            return True
        node = node.inputs[0]
    return False


def _zeros_pass(truth: np.ndarray, own: np.ndarray) -> bool:
    zeros = Outputs([np.zeros_like(own)], "tensor")
    return judge_outputs([truth], Outputs([own], "tensor"), zeros).passed


def _own_error(observed: Observed, index: int) -> float:
    return max(relative_error(t, r) for t, r in zip(observed.truth(index), observed.output(index)))


def relative_error(truth: np.ndarray, own: np.ndarray) -> float:
    """The reference's error against the truth, relative Frobenius norm (absolute for a truth of
    zeros)."""
    outputs = Outputs([own], "tensor")
    statistics = judge_outputs([truth], outputs, outputs).statistics
    return statistics.reference if statistics else 0.0


def _largest(values: Sequence[Any]) -> float:
    arrays = [v for v in values if isinstance(v, np.ndarray) and v.size and is_inexact(v.dtype)]
    with np.errstate(all="ignore"):
        return max((float(np.max(np.abs(a))) for a in arrays), default=0.0)


def _number(value: Any) -> float:
    return float(np.real(value))
