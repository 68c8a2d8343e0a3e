"""Which inputs a verification draws: the Model's own from secret seeds, then the other laws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.verify import laws
from kernelwright.verify.reference import ReferenceProcess

# Bytes of inputs that laws other than the Model's own may use in all, so that a verification stays
# a matter of seconds; the laws that did not fit are named in the Evaluation's notes.
LAW_BYTES = 512 << 20


@dataclass(frozen=True)
class Case:
    """One set of inputs; ``repeat``: the call is made twice and must agree bit by bit."""

    law: str
    seed: int
    repeat: bool


class Cases:
    """Draws cases and makes their inputs. ``notes`` says what was left out.

    ``seeds`` cases come from the Model's own ``get_inputs``, one from each other law if
    ``use_laws``. Seeds are fresh and secret unless ``seed`` fixes them. A Model that is small
    already, or takes no other sizes, is checked on its own sizes also when ``reduced``.
    """

    def __init__(
        self,
        reference: ReferenceProcess,
        *,
        seeds: int,
        use_laws: bool,
        reduced: bool,
        seed: int | None,
    ) -> None:
        self.reference, self.seeds, self.use_laws = reference, seeds, use_laws
        self.reduced = reduced and reference.reduced_inputs(0) is not None
        self._fixed = None if seed is None else np.random.default_rng(seed)
        self.notes: list[str] = []

    def draw(self) -> Iterator[Case]:
        for _ in range(self.seeds):
            yield Case(laws.OWN, self._seed(), repeat=True)
        if not self.use_laws:
            return
        sample = self._own(self._seed())
        if not laws.applies(sample):
            return
        left, size = LAW_BYTES, laws.nbytes(sample)
        skipped = []
        for law in laws.LAWS:
            if size > left:
                skipped.append(law)
                continue
            left -= size
            yield Case(law, self._seed(), repeat=False)
        if skipped:
            self.notes.append(f"input laws left out for their size: {', '.join(skipped)}")

    def inputs(self, case: Case) -> list[Any]:
        """The inputs of ``case``, the same at every call."""
        return laws.apply_law(case.law, self._own(case.seed), case.seed)

    def _seed(self) -> int:
        return laws.fresh_seed() if self._fixed is None else int(self._fixed.integers(1 << 31))

    def _own(self, seed: int) -> list[Any]:
        if not self.reduced:
            return self.reference.make_inputs(seed)
        return self.reference.reduced_inputs(seed) or self.reference.make_inputs(seed)
