"""Which inputs a verification draws: the Model's own from secret seeds, then every other law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.frameworks._base import StateEntry
from kernelwright.verify.inputs import laws, weights
from kernelwright.verify.inputs.sizes import border_sets
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, is_inexact
from kernelwright.verify.rule.evidence import has_lost_its_digits

# Bytes of inputs that laws other than the Model's own may use in all, so that a verification stays
# a matter of seconds; the laws that did not fit are named in the Evaluation's notes.
LAW_BYTES = 512 << 20
STATE_BYTES = 256 << 20  # larger weights are not drawn anew

RANDOM_WEIGHTS, DYNAMIC, BORDERS = "random_weights", "dynamic_sizes", "border_sizes"
MISALIGNED, NON_CONTIGUOUS = "misaligned", "non_contiguous"

# What a candidate may say that it takes for granted (``static_check.assumptions``), and the laws
# that are then left out, which the Evaluation says.
ASSUMED: Mapping[str, tuple[str, ...]] = {
    "finite_inputs": (laws.SPECIAL,),
    "static_shapes": (DYNAMIC, BORDERS),
}


@dataclass(frozen=True)
class Case:
    """One set of inputs. ``law`` is its name; ``values`` the law that fills float inputs;
    ``layout`` how they lie in memory; ``state`` which weights are in force; ``sizes`` which
    declared set of inputs it starts from (-1: ``get_inputs``), counted on through the border sizes.
    ``repeat``: the call is made twice and must agree bit by bit."""

    law: str
    seed: int
    repeat: bool = False
    values: str = laws.OWN
    layout: str = "as_given"
    state: str = weights.OWN
    sizes: int = -1


class Cases:
    """Draws cases and makes their inputs. ``notes`` says what was left out.

    ``seeds`` cases come from the Model's own ``get_inputs``, one from each other law if
    ``use_laws``. Seeds are fresh and secret unless ``seed`` fixes them. A Model that is small
    already, or takes no other sizes, is checked on its own sizes also when ``reduced``. ``finite``
    leaves out NaN and infinities.
    """

    def __init__(
        self,
        reference: ReferenceProcess,
        *,
        seeds: int,
        use_laws: bool,
        reduced: bool,
        seed: int | None,
        finite: bool = False,
    ) -> None:
        self.reference, self.seeds, self.use_laws = reference, seeds, use_laws
        self._laws = [law for law in laws.LAWS if not (finite and law == laws.SPECIAL)]
        self.reduced = reduced and reference.reduced_inputs(0) is not None
        self._fixed = None if seed is None else np.random.default_rng(seed)
        self._state_seed = self._seed()
        self.states: dict[str, list[StateEntry]] = {}
        self.notes: list[str] = []
        self._floats: list[Any] | None = None  # the shapes of own inputs that are float arrays all

    def draw(self) -> Iterator[Case]:
        for _ in range(self.seeds):
            yield Case(laws.OWN, self._seed(), repeat=True)
        if not self.use_laws:
            return
        yield from self._within_budget()
        yield from self._other_sizes()

    def _within_budget(self) -> Iterator[Case]:
        sample = self._own(self._seed())
        if all(isinstance(v, np.ndarray) and is_inexact(v.dtype) for v in sample):
            self._floats = sample
        left, size = LAW_BYTES, laws.nbytes(sample)
        skipped = []
        for case in self._by_law(laws.applies(sample), self._states()):
            if size > left:
                skipped.append(case.law)
                continue
            left -= size
            yield case
        if skipped:
            self.notes.append(f"input laws left out for their size: {', '.join(skipped)}")

    def _by_law(self, floats: bool, states: Mapping[str, list[StateEntry]]) -> Iterator[Case]:
        if weights.RANDOM in states:
            yield Case(RANDOM_WEIGHTS, self._seed(), state=weights.RANDOM)
        for law in self._laws if floats else ():
            whole = law == "small_integers" and weights.INTEGERS in states
            state = weights.INTEGERS if whole else weights.OWN
            yield Case(law, self._seed(), values=law, state=state)
        for layout in (MISALIGNED, NON_CONTIGUOUS):
            yield Case(layout, self._seed(), layout=layout)

    def _states(self) -> dict[str, list[StateEntry]]:
        """The other weights, by the name that a Case calls them; the reference learns them here."""
        own = self.reference.state()
        if laws.nbytes([entry.array for entry in own]) > STATE_BYTES:
            self.notes.append(f"law {RANDOM_WEIGHTS} left out for the size of the weights")
            return {}
        for kind in (weights.RANDOM, weights.INTEGERS):
            if (other := weights.other_state(kind, own, self._state_seed)) is not None:
                self.reference.learn_state(kind, other)
                self.states[kind] = other
        return self.states

    def state(self, case: Case) -> list[StateEntry]:
        """The weights in force in ``case``."""
        return self.reference.state() if case.state == weights.OWN else self.states[case.state]

    def _other_sizes(self) -> Iterator[Case]:
        declared = self.reference.dynamic_inputs(0)
        if not declared:
            return
        if self.reduced:
            self.notes.append("the declared dynamic sizes were not tried: reduced sizes only")
            return
        borders = len(border_sets(declared, 0))
        for index in range(len(declared) + borders):
            law = DYNAMIC if index < len(declared) else BORDERS
            yield Case(law, self._seed(), sizes=index)

    def inputs(self, case: Case) -> list[Any]:
        """The inputs of ``case``, the same at every call."""
        if case.sizes < 0:
            # A law leaves nothing of float arrays but their shapes.
            whole = case.values != laws.OWN and self._floats is not None
            own = self._floats if whole else self._own(case.seed)
            return laws.apply_law(case.values, own or [], case.seed)
        declared = self.reference.dynamic_inputs(case.seed)
        if case.sizes < len(declared):
            return declared[case.sizes]
        return border_sets(declared, case.seed)[case.sizes - len(declared)]

    def _seed(self) -> int:
        return laws.fresh_seed() if self._fixed is None else int(self._fixed.integers(1 << 31))

    def _own(self, seed: int) -> list[Any]:
        if not self.reduced:
            return self.reference.make_inputs(seed)
        return self.reference.reduced_inputs(seed) or self.reference.make_inputs(seed)


def undefined(case: Case, reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    """Whether nothing can be learnt under the case's law: special values must leave something
    finite; all others everything, and the reference half of its digits."""
    if case.law != laws.SPECIAL:
        return not all_finite(reference, truths) or has_lost_its_digits(reference, truths)
    floats = [a for a in reference.arrays if is_inexact(a.dtype) and a.size]
    return bool(floats) and not any(bool(np.isfinite(a).any()) for a in floats)


def all_finite(reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    """Whether outputs and truths hold neither NaN nor infinities."""
    floats = [a for a in (*reference.arrays, *truths) if a.dtype.kind not in "biu"]
    return all(bool(np.isfinite(a).all()) for a in floats)
