"""What an audit says of a task whatever its verdict: types, work, own error, laws, decoys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.graph.core import Graph
from kernelwright.graph.ops.call import call_targets
from kernelwright.verify.audit.degenerate import decoy_evidence, relative_error
from kernelwright.verify.audit.observed import Observed, floats, pass_on_death
from kernelwright.verify.inputs.cases import Case, Cases
from kernelwright.verify.inputs.cases import undefined as undefined_under
from kernelwright.verify.reference.process import Description
from kernelwright.verify.roofline.bound import compute_dtype, minimal_traffic
from kernelwright.verify.rule.compare import Outputs, is_inexact


def task_facts(observed: Observed) -> dict[str, Any]:
    """Framework, target, the device that the reference ran on, the seeds of the input sets."""
    spec = observed.reference.spec
    return {
        "framework": spec.framework,
        "target": str(spec.target),
        "device": observed.reference.device,
        "seeds": list(observed.seeds),
    }


def input_facts(observed: Observed) -> list[dict[str, Any]]:
    """Each argument of the call: a tensor's type, bytes and range over all seeds, or its value."""
    return [
        _tensor([values[i] for values in observed.inputs if i < len(values)])
        if isinstance(value, np.ndarray)
        else {"value": value}
        for i, value in enumerate(observed.first)
    ]


def output_facts(observed: Observed) -> list[dict[str, Any]]:
    """Each output's type, bytes, range and the reference's own error against float64 (relative
    Frobenius norm, the worst seed; None for integers and booleans)."""
    if not observed.stable:
        return []
    facts = []
    for i, array in enumerate(observed.outputs[0].arrays):
        arrays = observed.output(i)
        exact = not is_inexact(array.dtype) or not array.size
        pairs = zip(observed.truth(i), arrays)
        error = None if exact else max(relative_error(t, r) for t, r in pairs)
        facts.append({**_tensor(arrays), "reference_error": error})
    return facts


def state_facts(observed: Observed) -> dict[str, Any]:
    """Parameters and buffers: how many and how many bytes."""
    state = observed.reference.state()
    return {
        "parameters": sum(e.kind == "parameter" for e in state),
        "buffers": sum(e.kind == "buffer" for e in state),
        "dtypes": sorted({e.array.dtype.name for e in state}),
        "bytes": sum(e.array.nbytes for e in state),
    }


def work_facts(observed: Observed) -> dict[str, Any]:
    """The least that a kernel must move and compute, after algebra; why there is none where the
    Model cannot be captured. ``library_calls`` are framework ops that stay opaque."""
    if not isinstance(observed.captured, Graph):
        return {"captured": False, "why_not": str(observed.captured)}
    graph = observed.rewritten.graph
    traffic = minimal_traffic(graph)
    calls = {target for n in graph.nodes() if n.op == "call" for target in call_targets(n)}
    return {
        "captured": True,
        "bytes": traffic.bytes,
        "flops": traffic.flops,
        "compute_dtype": compute_dtype(graph),
        "library_calls": sorted(calls),
    }


def algebra_facts(observed: Observed) -> dict[str, Any]:
    """What algebra makes of the Model: see ``Rewritten.to_dict``; {} where nothing was captured."""
    return observed.rewritten.to_dict() if observed.graph is not None else {}


def sensitivity_facts(observed: Observed) -> dict[str, Any]:
    """Whether inputs and outputs move with the seed, and how far: the norm of the outputs'
    difference over the norm of the outputs, the largest over the other seeds."""
    first = observed.outputs[0]
    found: dict[str, Any] = {
        "inputs_change": observed.inputs_move,
        "outputs_change": observed.outputs_move,
    }
    if observed.stable:
        found["relative_change"] = max(
            (_change(observed.truth(i)) for i in floats(first.arrays)), default=None
        )
    return found


def decoy_facts(observed: Observed) -> list[dict[str, Any]]:
    """The error rule's word on each decoy."""
    return [decoy_evidence(d) for d in observed.decoys] if observed.stable else []


def policy_facts(observed: Observed) -> dict[str, Any]:
    """Settings of the framework that change the precision of the reference's own results."""
    description = _description(observed)
    return dict(description.policy) if description else {}


def law_facts(observed: Observed) -> dict[str, Any]:
    """The judge's input laws, layouts, other weights and other sizes: which are "defined", which
    "undefined" and why (the Verifier drops these), and "notes" on what would be left out."""
    description = _description(observed)
    written = description.written if description else ()
    cases = Cases(observed.reference, seeds=0, use_laws=True, reduced=False, seed=observed.seeds[0])
    defined, undefined = [], {}
    for case in cases.draw():
        if why := _undefined_because(observed, cases, case, written):
            undefined[case.law] = why
        else:
            defined.append(case.law)
    kept = [law for law in dict.fromkeys(defined) if law not in undefined]
    return {"defined": kept, "undefined": undefined, "notes": list(cases.notes)}


FACTS: Mapping[str, Callable[[Observed], Any]] = {
    "task": task_facts,
    "inputs": input_facts,
    "outputs": output_facts,
    "state": state_facts,
    "work": work_facts,
    "algebra": algebra_facts,
    "sensitivity": sensitivity_facts,
    "decoys": decoy_facts,
    "policy": policy_facts,
    "laws": law_facts,
}
"""Name -> what to say; each may raise ReferenceBroken when the reference process dies."""


def _undefined_because(
    observed: Observed, cases: Cases, case: Case, written: Sequence[int]
) -> str | None:
    try:
        outputs, truths = observed.reference.run_and_truth(
            cases.inputs(case), layout=case.layout, state=case.state, written=written
        )
    except ReferenceBroken as broken:
        pass_on_death(broken)
        return f"the reference raises: {broken}"
    if not undefined_under(case, outputs, truths):
        return None
    share = max(_not_finite_share(outputs), _not_finite_share(Outputs(truths, "list")))
    return f"{share:.3g} of an output is not finite"


def _description(observed: Observed) -> Description | None:
    """None for a task that the judge refuses (``audit.unfit_for_judging`` says why)."""
    try:
        return observed.reference.describe()
    except ReferenceBroken as broken:
        pass_on_death(broken)
        return None


def _not_finite_share(outputs: Outputs) -> float:
    arrays = [outputs.arrays[i] for i in floats(outputs.arrays)]
    return max((float(1 - np.isfinite(a).mean()) for a in arrays), default=0.0)


def _tensor(arrays: list[np.ndarray]) -> dict[str, Any]:
    first = arrays[0]
    facts = {"dtype": first.dtype.name, "shape": list(first.shape), "bytes": first.nbytes}
    if first.size and first.dtype.kind != "c":
        facts["minimum"] = min(float(a.min()) for a in arrays if a.size)
        facts["maximum"] = max(float(a.max()) for a in arrays if a.size)
    return facts


def _change(truths: list[np.ndarray]) -> float:
    """0 for truths of zeros, which do not move."""
    first = truths[0].reshape(-1)
    with np.errstate(all="ignore"):
        scale = float(np.linalg.norm(first))
        moved = max(float(np.linalg.norm(t.reshape(-1) - first)) for t in truths[1:])
    return moved / scale if scale else moved
