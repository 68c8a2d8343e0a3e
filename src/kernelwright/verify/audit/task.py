"""Is a task fit to be optimised? Broken, degenerate or sound, with evidence, before any search.

*Broken*: nothing can be judged (it raises, never ends, is NaN, random, or of the wrong type).
*Degenerate*: a wrong kernel could pass, or most of the work could be left out
(``verify.audit.degenerate``). *Sound*: neither. Notes go with any of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.verify.audit.decoys import inputs_differ
from kernelwright.verify.audit.degenerate import DEGENERATE_CHECKS, NOTE_CHECKS
from kernelwright.verify.audit.facts import FACTS
from kernelwright.verify.audit.observed import (
    Check,
    Finding,
    Observed,
    Severity,
    floats,
    pass_on_death,
    settled,
    signature,
)
from kernelwright.verify.reference.process import ReferenceProcess, same_up_to_rounding
from kernelwright.verify.rule.compare import Outputs, is_inexact

SEEDS = 3
_WIDE = ("float64", "complex128")


@dataclass(frozen=True)
class Audit:
    """``verdict`` is "sound", "degenerate" or "broken"; ``findings`` the worst first; ``facts``
    JSON-ready, empty as far as a broken task could not be run (see ``verify.audit.facts``)."""

    op: str
    verdict: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict; numbers that are not finite are None."""
        return {
            "op": self.op,
            "verdict": self.verdict,
            "findings": _finite([finding.to_dict() for finding in self.findings]),
            "facts": _finite(self.facts),
        }


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def audit(reference: ReferenceProcess, *, seeds: int = SEEDS) -> Audit:
    """What is wrong with the task that ``reference`` holds, and what it is.

    ``seeds`` input sets (at least 2) come from the Model's own ``get_inputs``, from the seeds 0, 1,
    and so on, so that the same audit says the same again. Never raises ReferenceBroken: that is a
    finding.
    """
    found: list[Finding] = []
    facts: dict[str, Any] = {}
    try:
        observed = Observed(reference, range(max(2, seeds)))
    except ReferenceBroken as broken:
        return concluded(reference.spec.op_name, [_explained(reference, broken, seeds)])
    checks = [*BROKEN_CHECKS, *(DEGENERATE_CHECKS + NOTE_CHECKS if observed.stable else [])]
    try:
        for check in checks:
            found += check(observed)
        for name, fact in FACTS.items():
            facts[name] = fact(observed)
    except ReferenceBroken as broken:  # the process is gone
        found.append(as_finding(broken))
    count = len(observed.outputs[0].arrays)
    return concluded(reference.spec.op_name, settled(found, count), facts)


def concluded(
    op: str, findings: Sequence[Finding], facts: Mapping[str, Any] | None = None
) -> Audit:
    """The Audit that the findings amount to: its verdict is the worst of them."""
    order = list(Severity)
    ranked = sorted(_unique(findings), key=lambda f: order.index(f.severity))
    worst = ranked[0].severity if ranked else Severity.NOTE
    verdict = "sound" if worst is Severity.NOTE else str(worst)
    return Audit(op, verdict, tuple(ranked), facts or {})


def _unique(findings: Sequence[Finding]) -> list[Finding]:
    """Without the plain words of the reference process where a check has said it with evidence."""
    told = {f.kind for f in findings if f.evidence}
    return [f for f in findings if f.evidence or f.kind not in told]


def as_finding(broken: ReferenceBroken) -> Finding:
    """The finding that an exception of the reference process is; its kind is the check's name."""
    return Finding(broken.check, Severity.BROKEN, str(broken))


def _explained(reference: ReferenceProcess, broken: ReferenceBroken, seeds: int) -> Finding:
    """``broken`` as a finding; one of its own where only the float64 truth is at fault."""
    if broken.check not in ("forward_raises", "outputs_not_tensors"):
        return as_finding(broken)
    try:
        for seed in range(max(2, seeds)):
            reference.run(reference.make_inputs(seed))
    except ReferenceBroken:
        return as_finding(broken)
    text = (
        f"the Model runs, but not in float64, so that there is no truth to judge by: {broken}; "
        "do not depend on float32 in its code"
    )
    return Finding("no_truth", Severity.BROKEN, text)


# ---- broken --------------------------------------------------------------------------------------


def not_finite(observed: Observed) -> Iterator[Finding]:
    """NaN or infinities under the Model's own inputs. Infinities are a note where the truth is
    infinite in the same places for every seed: a mask, not an overflow."""
    for index in floats(observed.outputs[0].arrays):
        shares = [_shares(o.arrays[index]) for o in observed.outputs]
        nan, infinite = (max(column) for column in zip(*shares))
        if not nan and not infinite:
            continue
        worst = max(range(len(shares)), key=lambda i: sum(shares[i]))
        evidence = {
            "output": index,
            "nan_share": nan,
            "infinite_share": infinite,
            "seed": observed.seeds[worst],
        }
        said = [
            f"{s:.3g} of its elements are {n}"
            for s, n in ((nan, "NaN"), (infinite, "infinite"))
            if s
        ]
        text = f"output {index}: {' and '.join(said)} under the Model's own inputs"
        if not nan and observed.stable and _is_mask(observed, index):
            text += ", in the same places for every seed and in float64 too: a mask"
            yield Finding("infinite_mask", Severity.NOTE, text, evidence)
        else:
            text += f" (seed {observed.seeds[worst]}); check get_inputs() and the weights"
            yield Finding("not_finite", Severity.BROKEN, text, evidence)


def _shares(array: np.ndarray) -> tuple[float, float]:
    return float(np.isnan(array).mean()), float(np.isinf(array).mean())


def _is_mask(observed: Observed, index: int) -> bool:
    places = [np.isinf(a) for a in observed.output(index)]
    truths = [np.isinf(t) for t in observed.truth(index)]
    same = all((p == places[0]).all() for p in places[1:])
    return same and all((p == t).all() for p, t in zip(places, truths)) and not places[0].all()


def non_deterministic(observed: Observed) -> Iterator[Finding]:
    """Two calls on the same inputs that differ: broken beyond rounding, else a note."""
    again = observed.run(observed.first)
    first = observed.outputs[0]
    if signature(again) != signature(first):
        text = "two calls on the same inputs give outputs of other shapes or dtypes"
        yield Finding("non_deterministic", Severity.BROKEN, text, {"seed": observed.seeds[0]})
        return
    for index, (a, b) in enumerate(zip(first.arrays, again.arrays)):
        if a.tobytes() == b.tobytes():
            continue
        evidence = {
            "output": index,
            "seed": observed.seeds[0],
            "share": float(np.mean((a != b) & ~((a != a) & (b != b)))),
            "largest_difference": _largest_difference(a, b),
        }
        text = (
            f"output {index} differs from one call to the next on the same inputs: "
            f"{evidence['share']:.3g} of its elements, by {evidence['largest_difference']:.3g} at "
            "most"
        )
        if same_up_to_rounding(a, b):
            text += ", no more than another order of additions explains"
            yield Finding("order_of_additions", Severity.NOTE, text, evidence)
        else:
            text += "; remove what is random (dropout: call eval() in __init__)"
            yield Finding("non_deterministic", Severity.BROKEN, text, evidence)


def _largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    wide: Any = np.complex128 if a.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        return float(np.nanmax(np.abs(a.astype(wide) - b.astype(wide)), initial=0.0))


def unrepeatable_inputs(observed: Observed) -> Iterator[Finding]:
    """``get_inputs()`` that gives other inputs for the same seed."""
    seed = observed.seeds[0]
    again = observed.reference.make_inputs(seed)
    if len(again) == len(observed.first) and not inputs_differ(observed.first, again):
        return
    text = (
        f"get_inputs() gives other inputs each time for the same seed ({seed}), so that no failure "
        "can be repeated; draw them from torch's, numpy.random's or random's own generator, inside "
        "get_inputs()"
    )
    yield Finding("unrepeatable_inputs", Severity.BROKEN, text, {"seed": seed})


def changing_shapes(observed: Observed) -> Iterator[Finding]:
    """Inputs or outputs whose number, shapes or dtypes change with the seed."""
    for what, sets in (
        ("input", [Outputs(_arrays(v), "list") for v in observed.inputs]),
        ("output", observed.outputs),
    ):
        if len({signature(s) for s in sets}) == 1:
            continue
        shown = [[_typed(a) for a in s.arrays] for s in sets]
        text = f"the {what}s' shapes change with the seed: " + "; ".join(
            f"{', '.join(types)} (seed {seed})" for seed, types in zip(observed.seeds, shown)
        )
        kind = f"changing_{what}_shapes"
        evidence = {"seeds": list(observed.seeds), "types": shown}
        yield Finding(kind, Severity.BROKEN, text + "; a kernel is made for fixed shapes", evidence)


def promoted_dtype(observed: Observed) -> Iterator[Finding]:
    """A float64 output although every float input and weight is narrower: NumPy 2's promotion by a
    ``np.float64`` scalar, or a Python float made an array (NEP 50)."""
    floats_in = _float_dtypes(observed)
    if not floats_in or floats_in & set(_WIDE):
        return
    for index, array in enumerate(observed.outputs[0].arrays):
        if array.dtype.name in _WIDE:
            text = (
                f"output {index} is {array.dtype.name}, although the inputs and weights are "
                f"{', '.join(sorted(floats_in))}; keep their dtype (a np.float64 scalar, or an "
                "array made without dtype=, promotes what it meets), or make the inputs float64"
            )
            evidence = {"output": index, "dtype": array.dtype.name, "inputs": sorted(floats_in)}
            yield Finding("promoted_dtype", Severity.BROKEN, text, evidence)


def promoted_inside(observed: Observed) -> Iterator[Finding]:
    """Float64 arithmetic between narrower inputs and outputs."""
    kinds = _float_dtypes(observed)
    kinds |= {a.dtype.name for a in observed.outputs[0].arrays if is_inexact(a.dtype)}
    if observed.graph is None or not kinds or kinds & set(_WIDE):
        return
    for node in observed.graph.nodes():
        if node.dtype == "float64" and node.inputs and node.type.size > 1:
            text = (
                f"computes in float64 inside ({node.op} of shape {list(node.shape)}), although the "
                f"inputs and outputs are {', '.join(sorted(kinds))}: a kernel need not"
            )
            evidence = {"op": node.op, "shape": list(node.shape)}
            yield Finding("promoted_inside", Severity.NOTE, text, evidence)
            return


def _float_dtypes(observed: Observed) -> set[str]:
    """Of the inputs and of the Model's state."""
    arrays = [*_arrays(observed.first), *(e.array for e in observed.reference.state())]
    return {a.dtype.name for a in arrays if is_inexact(a.dtype)}


def _arrays(inputs: Sequence[Any]) -> list[np.ndarray]:
    return [v for v in inputs if isinstance(v, np.ndarray)]


def _typed(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}"


def side_effects(observed: Observed) -> Iterator[Finding]:
    """Calls that write to the inputs or to the Model's state."""
    effects = observed.reference.effects(observed.first)
    if effects.inputs:
        named = ", ".join(map(str, effects.inputs))
        text = f"a call writes to its input {named}"
        yield Finding("writes_inputs", Severity.NOTE, text, {"inputs": list(effects.inputs)})
    drifts = not effects.repeats and _bitwise_repeatable(observed)
    if effects.state or drifts:
        named = ", ".join(effects.state) or "something that is no weight"
        text = f"a call changes the Model's own state ({named})"
        if not drifts:
            text += "; its outputs do not show it"
        else:
            text += ", and a second one on the same inputs gives other outputs"
        text += "; every call is judged on the Model as it was constructed"
        evidence = {"state": list(effects.state), "drifts": drifts}
        yield Finding("writes_state", Severity.NOTE, text, evidence)


def _bitwise_repeatable(observed: Observed) -> bool:
    again = observed.run(observed.first).arrays
    return all(a.tobytes() == b.tobytes() for a, b in zip(again, observed.outputs[0].arrays))


def unfit_for_judging(observed: Observed) -> Iterator[Finding]:
    """What the judge itself would refuse at the start, where no other check has said it."""
    try:
        observed.reference.describe()
    except ReferenceBroken as broken:
        pass_on_death(broken)
        yield as_finding(broken)


def unrepeatable_weights(observed: Observed) -> Iterator[Finding]:
    """Weights or inputs that are others in a new process: drawn when the file is imported, or from
    the clock."""
    reference = observed.reference
    with ReferenceProcess(
        reference.spec, wall_s=reference.wall_s, device=reference.device
    ) as fresh:
        one, other = (
            [*(e.array for e in r.state()), *_arrays(r.make_inputs(observed.seeds[0]))]
            for r in (reference, fresh)
        )
        if inputs_differ(one, other):
            text = (
                "a new process gives other weights or inputs for the same seed, so that no run can "
                "be repeated; draw them in __init__ and get_inputs(), not when the file is imported"
            )
            yield Finding("unrepeatable_weights", Severity.NOTE, text)


BROKEN_CHECKS: list[Check] = [
    not_finite,
    non_deterministic,
    unrepeatable_inputs,
    changing_shapes,
    promoted_dtype,
    promoted_inside,
    side_effects,
    unrepeatable_weights,
    unfit_for_judging,
]
"""These come before ``DEGENERATE_CHECKS`` and ``NOTE_CHECKS``; a new kind of finding is one more
function in one of the three lists."""
