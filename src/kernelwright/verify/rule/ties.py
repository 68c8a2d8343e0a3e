"""Index outputs: when another index is as good as the reference's.

The index of a maximum, or the order of a sort, hangs on comparisons. Where two values are equal, or
nearer to each other than the reference's own rounding, the reference's choice is an accident of its
arithmetic. A candidate may give index j in the place where the truth has i when the float64 values
``v`` of what was searched are that near:

    |v_j - v_i| <= max(2 max(NORM_FACTOR q, N u max(|v_i|, |v_j|)), e_i + e_j)

``e`` is the reference's own rounding of the values (its dtype against float64), ``q`` its 99.9 %
quantile along the searched axis, ``u`` the unit roundoff of its dtype and ``N`` a floor for sums of
ordinary length. So an element of a candidate's values may err about twice as much as the
reference's, as in the error rule, and two elements may err towards each other. When values are
sorted by numbers that err by at most e, the k-th place moves by e and the element found there is e
off: 2 e is the exact bound for sorts too. Where the values are not computed at all (an input, a
view of it, a maximum of some) the slack is 0: only exact ties count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.graph.core import DTYPES, Graph, Node, is_float
from kernelwright.graph.evaluate import Calls, evaluate
from kernelwright.verify.rule.compare import (
    ELEMENT_QUANTILE,
    NORM_FACTOR,
    unit_roundoff,
)
from kernelwright.verify.rule.index_sources import (
    IndexSource,
    holds_no_rounding,
    index_sources,
    labels_of,
)
from kernelwright.verify.rule.nearby import one_rounding_away
from kernelwright.verify.rule.verdict import Outputs

# Roundings by which ordinary sums err, whatever the reference's luck.
_ROUNDINGS, _ROUNDINGS_DEFAULT = {"float16": 1.5, "bfloat16": 1.5}, 32.0
# A float64 operand is its own truth; answers to inputs one rounding away stand for its rounding, as
# for float64 outputs.
_NEARBY_RUNS, _NEARBY_SPREAD = 2, 4.0
# Stands where an output does not show an index (it was sliced away).
_NOT_SHOWN = -1


@dataclass(frozen=True)
class IndexOutputs:
    """The index outputs of ``graph``: ``sources[i]`` are the nodes whose values output i shows,
    ``labels[i]`` says for each of its elements which of theirs (counted through all sources)."""

    graph: Graph
    sources: Mapping[int, tuple[IndexSource, ...]]
    labels: Mapping[int, np.ndarray]

    @staticmethod
    def of(graph: Graph) -> IndexOutputs:
        """Finds outputs that hold, in any order and integer dtype, nothing but indices of argmax,
        argmin, max, min, argsort, sort, topk, kthvalue or median."""
        sources: dict[int, tuple[IndexSource, ...]] = {}
        labels: dict[int, np.ndarray] = {}
        for index, output in enumerate(graph.outputs):
            found = index_sources(output)
            if found:
                sources[index] = found
                labels[index] = labels_of(output, found)
        return IndexOutputs(graph, sources, labels)

    def __bool__(self) -> bool:
        return bool(self.sources)

    def ties(
        self,
        inputs: Sequence[Any],
        parameters: Mapping[str, np.ndarray],
        calls: Calls | None,
        truths: Sequence[np.ndarray],
        reference: Outputs,
    ) -> dict[int, Tie]:
        """A Tie for each index output whose truth and reference have the Graph's shape, for one
        case. Cheap: the searched values are computed only when a candidate's indices differ from
        the reference's. ``parameters`` and ``calls`` as for ``evaluate``."""
        values = _Values(self.graph, inputs, parameters, calls)
        values.operands = [s.operand for found in self.sources.values() for s in found]
        return {
            index: Tie(found, self.labels[index], values)
            for index, found in self.sources.items()
            if index < len(truths)
            and truths[index].shape == reference.arrays[index].shape == self.labels[index].shape
            and reference.arrays[index].dtype.kind in "iu"
        }


@dataclass
class _Values:
    """The searched values of one case, computed at first need."""

    graph: Graph
    inputs: Sequence[Any]
    parameters: Mapping[str, np.ndarray]
    calls: Calls | None
    operands: list[Node] = field(default_factory=list)

    @cached_property
    def _computed(self) -> dict[int, tuple[np.ndarray, np.ndarray]] | str:
        nodes = list({node.id: node for node in self.operands}.values())
        try:
            truths = self._run(nodes, self.inputs, self.parameters, True)
            errors = [np.zeros(t.shape) for t in truths]
            inexact = [
                i for i, n in enumerate(nodes) if is_float(n.dtype) and not holds_no_rounding(n)
            ]
            for i, error in zip(inexact, self._rounding(nodes, inexact, truths)):
                errors[i] = error
        except (KernelwrightError, ValueError, LookupError) as fault:
            return str(fault)
        return {n.id: (t, e) for n, t, e in zip(nodes, truths, errors)}

    def _run(
        self,
        nodes: Sequence[Node],
        inputs: Sequence[Any],
        parameters: Mapping[str, np.ndarray],
        float64: bool,
    ) -> list[np.ndarray]:
        part = replace(self.graph, outputs=list(nodes))
        return evaluate(part, inputs, parameters, float64=float64, calls=self.calls)

    def _rounding(
        self, nodes: Sequence[Node], which: Sequence[int], truths: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """|own - float64| of each node in ``which``."""
        if not which:
            return []
        wanted = [nodes[i] for i in which]
        own = self._run(wanted, self.inputs, self.parameters, False)
        errors = [_apart(a, truths[i]) for i, a in zip(which, own)]
        wide = [k for k, node in enumerate(wanted) if node.dtype == "float64"]
        for run in range(_NEARBY_RUNS if wide else 0):
            rng = np.random.default_rng(run)
            inputs = [one_rounding_away(value, rng) for value in self.inputs]
            parameters = {k: one_rounding_away(v, rng) for k, v in self.parameters.items()}
            moved = self._run([wanted[k] for k in wide], inputs, parameters, True)
            for k, array in zip(wide, moved):
                apart = _NEARBY_SPREAD * _apart(array, truths[which[k]])
                errors[k] = np.maximum(errors[k], apart)
        return errors

    def of(self, source: IndexSource) -> tuple[np.ndarray, np.ndarray] | str:
        """(values, errors) by lanes, or why there are none."""
        if isinstance(self._computed, str):
            return self._computed
        values, errors = self._computed[source.operand.id]
        return source.operand_lanes(values), source.operand_lanes(errors)


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a - b|, 0 where either is not finite."""
    with np.errstate(all="ignore"):
        found = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return np.where(np.isfinite(found), found, 0.0)


@dataclass(frozen=True)
class JudgedIndices:
    """``wrong`` marks elements of the output; ``why`` speaks of the first one ("" when none)."""

    wrong: np.ndarray
    why: str = ""


@dataclass(frozen=True)
class Tie:
    """When the indices in one output may differ from the reference's, for one case."""

    sources: tuple[IndexSource, ...]
    labels: np.ndarray
    values: _Values

    def judge(self, t: np.ndarray, r: np.ndarray, c: np.ndarray) -> JudgedIndices:
        """Which of the candidate's indices ``c`` are neither the reference's ``r`` nor the truth's
        ``t`` nor tied with it; also those out of range, those given twice where all must be
        different, and copies of one index that differ. Where the searched values cannot be
        computed, equality stays."""
        total = sum(source.node.type.size for source in self.sources)
        spread = [np.full(total, _NOT_SHOWN) for _ in range(3)]
        for into, array in zip(spread, (t, r, c)):
            into[self.labels] = array
        wrong = np.zeros(total, bool)
        lanes: list[tuple[np.ndarray, _Lanes]] = []
        start = 0
        for source in self.sources:
            stop = start + source.node.type.size
            places = source.index_lanes(np.arange(start, stop))
            found = _Lanes(source, self.values.of(source), *(a[places] for a in spread))
            wrong[places] = found.wrong()
            lanes.append((places, found))
            start = stop
        copies = spread[2][self.labels] != c
        bad = wrong[self.labels] | copies
        if not bad.any():
            return JudgedIndices(bad)
        first = int(np.argmax(bad))
        if copies.reshape(-1)[first]:
            return JudgedIndices(bad, "the output shows this index twice, differently")
        label = self.labels.reshape(-1)[first]
        for places, found in lanes:
            for lane, at in np.argwhere(places == label):
                return JudgedIndices(bad, found.why(int(lane), int(at)))
        raise AssertionError("every element of an index output has a source")


@dataclass(frozen=True)
class _Lanes:
    """Truth, reference and candidate indices of one source as [lane, place], and ``found``: the
    searched values and their errors as [lane, element], or why there are none."""

    source: IndexSource
    found: tuple[np.ndarray, np.ndarray] | str
    t: np.ndarray
    r: np.ndarray
    c: np.ndarray

    def wrong(self) -> np.ndarray:
        found = np.zeros(self.c.shape, bool)
        rows = np.flatnonzero((self.c != self.r).any(axis=1))
        if rows.size:
            some = self._rows(rows)
            found[rows] = (some.c != some.r) & (some.c != some.t) & ~some._tied()
            if self.source.distinct:
                found[rows] |= _repeated(some.c) & (some.c != some.r)
        return found

    def _rows(self, rows: np.ndarray) -> _Lanes:
        found = self.found
        if not isinstance(found, str):
            found = found[0][rows], found[1][rows]
        return _Lanes(self.source, found, self.t[rows], self.r[rows], self.c[rows])

    def _tied(self) -> np.ndarray:
        inside = (self.c >= 0) & (self.c < self.source.count)
        if isinstance(self.found, str):
            return np.zeros(self.c.shape, bool)
        of_t, of_r, of_c = (self._at(self.found[0], i) for i in (self.t, self.r, self.c))
        with np.errstate(all="ignore"):
            slack = np.maximum(self._slack(), np.abs(of_r - of_t))
            near = (np.abs(of_c - of_t) <= slack) | (of_c == of_t)
        return inside & (near | ((of_c != of_c) & (of_t != of_t)))

    def _at(self, lanes: np.ndarray, indices: np.ndarray) -> np.ndarray:
        return np.take_along_axis(lanes, indices.clip(0, self.source.count - 1), axis=1)

    def _slack(self) -> np.ndarray:
        """The formula at the top of the module."""
        assert not isinstance(self.found, str)
        values, errors = self.found
        dtype = self.source.operand.dtype
        if self.source.exact or not is_float(dtype):
            return np.zeros(self.c.shape)
        rank = int(np.ceil(ELEMENT_QUANTILE * errors.shape[1])) - 1
        typical = np.partition(errors, rank, axis=1)[:, rank : rank + 1]
        larger = np.maximum(*(np.abs(self._at(values, i)) for i in (self.t, self.c)))
        floor = _ROUNDINGS.get(dtype, _ROUNDINGS_DEFAULT) * unit_roundoff(DTYPES[dtype])
        own = self._at(errors, self.t) + self._at(errors, self.c)
        return np.maximum(2 * np.maximum(NORM_FACTOR * typical, floor * larger), own)

    def why(self, lane: int, at: int) -> str:
        """Why the index in one place is wrong."""
        one, count = self._rows(np.array([lane])), self.source.count
        index, wanted = int(one.c[0, at]), int(one.t[0, at])
        if not 0 <= index < count:
            return f"index {index} is outside 0..{count - 1}"
        if isinstance(one.found, str):
            return f"whether the two are tied could not be computed ({one.found})"
        if one._tied()[0, at]:
            return f"index {index} stands there twice, and all must be different"
        values = one.found[0][0]
        return (
            f"the float64 values at {index} and {wanted} are {values[index]:.9g} and "
            f"{values[wanted]:.9g}, apart by more than the reference's rounding explains "
            f"({one._slack()[0, at]:.3g})"
        )


def _repeated(indices: np.ndarray) -> np.ndarray:
    """Where a lane holds an index that another place of it holds too."""
    order = np.argsort(indices, axis=1, kind="stable")
    ordered = np.take_along_axis(indices, order, axis=1)
    same = ordered[:, 1:] == ordered[:, :-1]
    twice = np.zeros(indices.shape, bool)
    twice[:, 1:] |= same
    twice[:, :-1] |= same
    found = np.zeros(indices.shape, bool)
    np.put_along_axis(found, order, twice, axis=1)
    return found
