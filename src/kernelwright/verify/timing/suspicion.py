"""What a timing run's records say about honesty: work outside the clock, a disturbed reference.

Every rule compares with "eager" in the same rounds, so that a busy machine accuses
nobody, and what is found is a suspicion: the candidate is timed again, alone, before it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelwright.verify.timing.outer_clock import (
    FEWEST,
    allowed_us,
    excess,
    is_fine,
    least_cold,
    least_warm,
    surely_more,
)
from kernelwright.verify.timing.records import Record
from kernelwright.verify.timing.session import IDLE_SHARE
from kernelwright.verify.timing.statistics import median

_WARM_OUTSIDE_US = 100.0  # a warm call's request beside the sample, against that of "eager"
_OUTSIDE_SHARE = 0.2
# Where calls are requests of their own, and the machine is quiet, so much is hidden time (kernels
# of 0.02 to 4 ms beside themselves seemed to hide -140 to +55 us), or so much by the least times.
_HIDDEN_US, _HIDDEN_SHARE = 100.0, 0.1
_SURELY_US, _SURELY_SHARE = 500.0, 0.5
_FETCH_US = 150.0
_COLD_SHARE, _COLD_US = 0.7, 30.0  # of the warm time: less is impossible from flushed caches
_TAIL_US, _TAIL_SHARE = 20.0, 0.1
# "eager" may be slower beside candidates than before they were loaded, all its samples, by so much,
_DISTURBED_US, _DISTURBED_SHARE = 50.0, 0.25
# and by so much slower than in a worker without candidates.
_BESIDE_US, _BESIDE_SHARE = 30.0, 0.1


def suspicion(eager: Record, record: Record, witness: Record) -> tuple[str, str] | None:
    """The check that a candidate seems to break, and why; None when all is well.

    ``eager`` ran in the candidate's worker, where a candidate can change everything, ``witness`` is
    "eager" in a worker without candidates, in the same rounds.
    """
    return (
        _hidden_work(eager, record, witness)
        or _hidden_time(record, witness)
        or _disturbed(eager, witness)
    )


def _hidden_time(record: Record, witness: Record) -> tuple[str, str] | None:
    """The parent's clock against the worker's. Nothing that the worker reports of a call can make
    the call's request shorter than it was."""
    us = median(record.samples_us)
    if hidden := max(
        surely_more(record.outside_us, witness.outside_us, allowed_us(us, witness.outside_us)),
        surely_more(record.unexplained_us, witness.unexplained_us, allowed_us(us, ())),
    ):
        text = f"a timed call reports {us:.0f} us, but its request takes {hidden:.0f} us more"
        return "clock", text + " beside it than a call of the reference"
    if early := surely_more(record.ahead_us, witness.ahead_us, allowed_us(us, witness.ahead_us)):
        text = f"a timed call reports {us:.0f} us, but laying its inputs ready takes {early:.0f} us"
        return "clock", text + " more than for a call of the reference"
    if least := least_cold(record, witness):
        hidden = excess(record.outside_us, witness.outside_us)
        fine = is_fine(record, witness) and hidden > max(_HIDDEN_US, _HIDDEN_SHARE * us)
        if fine or least.undisputed_us > us + max(_SURELY_US, _SURELY_SHARE * us):
            text = f"timed calls report {us:.0f} us, but by the parent's clock they take"
            return "clock", f"{text} {max(least.us, us + hidden):.0f} us"
    return _hidden_when_warm(us, record, witness)


def _hidden_when_warm(us: float, record: Record, witness: Record) -> tuple[str, str] | None:
    """The same of calls without flushing, and of these against cold ones, which take ``us``."""
    if len(record.warm_us) < FEWEST:
        return None
    if least := least_warm(record, witness):
        warm = min(record.warm_us)
        if least.undisputed_us > warm + max(_SURELY_US, _SURELY_SHARE * warm):
            text = f"warm calls report {warm:.0f} us, but by the parent's clock they take"
            return "clock", f"{text} {least.us:.0f} us"
        warm = max(warm, least.undisputed_us)
    else:
        warm = float(np.quantile(record.warm_us, 0.25))
        hidden = excess(record.warm_outside_us, witness.warm_outside_us)
        if hidden > max(_WARM_OUTSIDE_US, _OUTSIDE_SHARE * warm):
            text = f"a warm call reports {warm:.0f} us, but its request takes {hidden:.0f} us more"
            return "clock", text + " beside it than a call of the reference"
    if us < _COLD_SHARE * warm - _COLD_US:
        text = f"a call with cold caches reports {us:.0f} us, one with warm caches {warm:.0f}"
        return "clock", text
    return None


def _hidden_work(eager: Record, record: Record, witness: Record) -> tuple[str, str] | None:
    """Work after the clock has stopped."""
    us = median(record.samples_us)
    tail = excess(record.tails_us, eager.tails_us)
    if tail > max(_TAIL_US, _TAIL_SHARE * us):
        text = f"a timed call reports {us:.0f} us, and the device works on for {tail:.0f} us"
        return "clock", text + " after the clock has stopped"
    if record.fetch_us and witness.fetch_us:
        late = excess(record.fetch_us, witness.fetch_us)
        if late > max(_FETCH_US, _OUTSIDE_SHARE * us):
            text = f"a timed call reports {us:.0f} us, but reading its output takes {late:.0f} us"
            return "hidden_work", text + " longer than the reference's"
    if leaves_threads(record.threads_left) and not leaves_threads(eager.threads_left):
        return "extra_thread", "calls leave threads behind that run on after the clock has stopped"
    busy, usual_share = _least(record.idle_shares), _least(eager.idle_shares)
    if busy > usual_share + IDLE_SHARE:
        text = "after its calls, with nothing to do, the process still works"
        return "works_on", f"{text} ({100 * busy:.0f} % of one core)"
    return None


def _disturbed(eager: Record, witness: Record) -> tuple[str, str] | None:
    """The reference beside the candidate: against itself before, and against itself elsewhere."""
    usual, least = median(eager.before_us), min(eager.samples_us)
    if least > usual * (1 + _DISTURBED_SHARE) + _DISTURBED_US:
        text = f"the reference took {usual:.0f} us before the candidate was loaded"
        return "disturbs_reference", f"{text} and never less than {least:.0f} us after"
    beside, alone = excess(eager.samples_us, witness.samples_us), median(witness.samples_us)
    if beside > max(_BESIDE_US, _BESIDE_SHARE * alone):
        text = f"the reference takes {beside:.0f} us more in the candidate's process than the"
        return "disturbs_reference", f"{text} {alone:.0f} us that it takes alone"
    return None


def leaves_threads(left: Sequence[int]) -> bool:
    """Whether most calls end with more threads than they began with: a pool grows once."""
    return bool(left) and median([float(n) for n in left]) > 0


def _least(shares: Sequence[float]) -> float:
    """The quietest moment: another process may have been counted in, work that stays is not."""
    return min(shares, default=0.0)
