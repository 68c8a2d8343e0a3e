"""One family, dtype and size: every candidate under every input law, as the judge sees them."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.bench.calibration.candidates import DTYPES, Case, cases, run_reference
from kernelwright.bench.calibration.family import Arrays, Family
from kernelwright.bench.calibration.margins import Constants, Margin, margins
from kernelwright.verify.inputs import laws
from kernelwright.verify.rule.evidence import (
    DRAWS,
    NEAR,
    Evidence,
    Known,
    has_lost_its_digits,
    known_answer,
)
from kernelwright.verify.rule.verdict import Outputs

log = logging.getLogger(__name__)
STRUCTURE = "tensor"


@dataclass(frozen=True)
class Sample:
    """One candidate on one set of inputs. ``agrees``: the judge's verdict is the margin's;
    ``counts``: it is wrong at all, and not by what it shares with the plainest honest candidate
    (a rounded intermediate value that the family does not have changes nothing)."""

    family: str
    dtype: str
    size: str
    law: str
    seed: int
    candidate: str
    kind: str
    margin: Margin
    agrees: bool
    counts: bool

    @property
    def group(self) -> tuple[str, str, str, str]:
        """What is one candidate for one task: family, dtype, size and the candidate's name."""
        return self.family, self.dtype, self.size, self.candidate


_NEXT = 7919  # from one draw's seed to the next
Ask = Callable[[Sequence[Any]], tuple[Outputs, list[np.ndarray]]]


def ask_family(family: Family) -> Ask:
    """The reference's outputs and its float64 truth, computed here: trusted code needs no
    process."""

    def ask(inputs: Sequence[Any]) -> tuple[Outputs, list[np.ndarray]]:
        wide = run_reference(family, inputs, np.dtype(np.float64))
        return Outputs(run_reference(family, inputs), STRUCTURE), wide

    return ask


def inputs_of(family: Family, dtype: str, law: str, seed: int, large: bool) -> list[np.ndarray]:
    """The arrays of one trial: the family's own, those that are no weights changed by ``law``."""
    rng = np.random.default_rng((seed, zlib.crc32(family.name.encode())))
    own = [
        a if a.dtype.kind in "iub" else a.astype(DTYPES[dtype]) for a in family.inputs(rng, large)
    ]
    changed = laws.apply_law(law, own, seed)
    return [a if i in family.weights else b for i, (a, b) in enumerate(zip(own, changed))]


def trial(
    family: Family,
    dtype: str,
    *,
    seeds: Sequence[int],
    laws_tried: Sequence[str],
    large: bool,
    check: bool = True,
) -> Iterator[Sample]:
    """Samples of every candidate under every law; a law under which the reference is not finite is
    left out, as the judge does. ``check`` also asks the judge itself for its verdict."""
    ask = ask_family(family)
    constants = Constants.in_force(dtype)
    candidates = list(cases(family, dtype, large))
    for law in laws_tried:
        for seed in seeds:
            inputs = inputs_of(family, dtype, law, seed, large)
            reference, truths = known_answer(ask, inputs)
            known = [*reference.arrays, *truths]
            lost = law != laws.OWN and has_lost_its_digits(reference, truths)
            if lost or not all_finite(known):
                log.info("%s %s: law %s left out, undefined", family.name, dtype, law)
                break

            def others(law: str = law, seed: int = seed) -> Iterator[Known]:
                for draw in range(1, DRAWS + 1):
                    again = inputs_of(family, dtype, law, seed + draw * _NEXT, large)
                    yield known_answer(ask, again)

            evidence = Evidence(inputs, (), truths, reference, {}, frozenset(), others)
            plain: Arrays = []
            for case in candidates:
                outputs = case.run(inputs)
                _check_types(case, reference.arrays, outputs)
                plain = plain or outputs
                found, agrees = _judged(outputs, evidence, constants, check)
                yield Sample(
                    family.name,
                    dtype,
                    "large" if large else "small",
                    law,
                    seed,
                    case.name,
                    case.kind,
                    found,
                    agrees,
                    found.counts and not _same(plain, outputs),
                )


def _same(one: Arrays, other: Arrays) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other))


def _judged(
    outputs: Arrays, evidence: Evidence, constants: Constants, check: bool
) -> tuple[Margin, bool]:
    """As ``Evidence.verdict``: a near miss is held against the reference's usual error."""
    found = margins(evidence.truths, evidence.reference.arrays, outputs, constants)
    if found.refused and found.norm <= NEAR:
        usual = evidence.with_usual_error.arrays
        found = margins(evidence.truths, usual, outputs, constants)
    if not check:
        return found, True
    verdict = evidence.verdict(Outputs(list(outputs), STRUCTURE))
    return found, verdict.passed == (not found.refused) or abs(found.worst - 1) < 1e-9


def _check_types(case: Case, want: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> None:
    """A candidate of another shape or dtype is a mistake in this suite, not a finding."""
    types = [[(a.shape, a.dtype) for a in arrays] for arrays in (want, got)]
    if types[0] != types[1]:
        raise AssertionError(f"{case.name}: outputs {types[1]}, the reference's {types[0]}")


def all_finite(arrays: Sequence[np.ndarray]) -> bool:
    """Whether no float among ``arrays`` is NaN or infinite."""
    floats = [a.astype(np.float64) for a in arrays if a.dtype.kind not in "iub"]
    return all(bool(np.isfinite(a).all()) for a in floats)


def law_names() -> Mapping[str, None]:
    """The Model's own inputs first, then the judge's laws in its order. Special values are left
    out: what stands where is no question of precision."""
    return dict.fromkeys(law for law in (laws.OWN, *laws.LAWS) if law != laws.SPECIAL)
