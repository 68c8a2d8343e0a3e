"""What a timing run's records say about honesty: work outside the clock, a disturbed reference.

Every rule compares a candidate with "eager" in the same rounds, so that a busy machine accuses
nobody, and what is found is a suspicion: the candidate is timed again, alone, before it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelwright.verify.statistics import median, median_interval
from kernelwright.verify.timing_records import Record
from kernelwright.verify.timing_session import IDLE_SHARE

# A candidate's requests may take so much longer by the parent's clock than the baselines' do.
_UNEXPLAINED_US, _UNEXPLAINED_SHARE = 300.0, 0.2
_TAIL_US, _TAIL_SHARE = 20.0, 0.1
# "eager" may be slower beside candidates than before they were loaded, all its samples, by so much.
_DISTURBED_US, _DISTURBED_SHARE = 50.0, 0.25


def suspicion(eager: Record, record: Record) -> tuple[str, str] | None:
    """The check that a candidate seems to break, and why; None when all is well."""
    us = median(record.samples_us)
    hidden = _excess(record.unexplained_us, eager.unexplained_us)
    if hidden > max(_UNEXPLAINED_US, _UNEXPLAINED_SHARE * us):
        text = f"a timed call reports {us:.0f} us, but its requests take {hidden:.0f} us longer"
        return "clock", text + " than its process admits"
    tail = _excess(record.tails_us, eager.tails_us)
    if tail > max(_TAIL_US, _TAIL_SHARE * us):
        text = f"a timed call reports {us:.0f} us, and the device works on for {tail:.0f} us"
        return "clock", text + " after the clock has stopped"
    if leaves_threads(record.threads_left) and not leaves_threads(eager.threads_left):
        return "extra_thread", "calls leave threads behind that run on after the clock has stopped"
    busy, usual_share = _least(record.idle_shares), _least(eager.idle_shares)
    if busy > usual_share + IDLE_SHARE:
        text = "after its calls, with nothing to do, the process still works"
        return "hidden_work", f"{text} ({100 * busy:.0f} % of one core)"
    usual, least = median(eager.before_us), min(eager.samples_us)
    if least > usual * (1 + _DISTURBED_SHARE) + _DISTURBED_US:
        text = f"the reference took {usual:.0f} us before the candidate was loaded"
        return "disturbs_reference", f"{text} and never less than {least:.0f} us after"
    return None


def leaves_threads(left: Sequence[int]) -> bool:
    """Whether most calls end with more threads than they began with: a pool grows once."""
    return bool(left) and median([float(n) for n in left]) > 0


def _least(shares: Sequence[float]) -> float:
    """The quietest moment: another process may have been counted in, work that stays is not."""
    return min(shares, default=0.0)


def _excess(candidate: Sequence[float], eager: Sequence[float]) -> float:
    """By how much the candidate's calls exceed those of "eager" in the same rounds: the lower end
    of the median's interval."""
    return median_interval(np.subtract(candidate, eager).tolist()).low
