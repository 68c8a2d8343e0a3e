"""What a timing run's records say about honesty: work outside the clock, a disturbed reference.

Every rule compares with "eager" in the same rounds, so that a busy machine accuses
nobody, and what is found is a suspicion: the candidate is timed again, alone, before it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelwright.verify.timing.records import Record
from kernelwright.verify.timing.session import IDLE_SHARE
from kernelwright.verify.timing.statistics import median, median_interval

# A candidate's requests may take so much longer by the parent's clock than those of "eager" do,
# the samples themselves left out: the larger of microseconds, a share of the sample, a share of
# what "eager" takes besides (most of that is flushing the caches, which varies by some per cent).
_OUTSIDE_US, _OUTSIDE_SHARE, _OUTSIDE_NOISE = 300.0, 0.2, 0.03
_WARM_OUTSIDE_US = 100.0  # without flushing
_FETCH_US = 150.0
_COLD_SHARE, _COLD_US = 0.7, 30.0  # of the warm time: less is impossible from flushed caches
_TAIL_US, _TAIL_SHARE = 20.0, 0.1
# "eager" may be slower beside candidates than before they were loaded, all its samples, by so much,
_DISTURBED_US, _DISTURBED_SHARE = 50.0, 0.25
# and by so much slower than in a worker without candidates.
_BESIDE_US, _BESIDE_SHARE = 30.0, 0.1
_FEWEST, _RESAMPLES = 6, 1000


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
    usual = median(witness.outside_us)
    allowed = max(_OUTSIDE_US, _OUTSIDE_SHARE * us, _OUTSIDE_NOISE * usual)
    hidden = _excess(record.outside_us, witness.outside_us)
    denied = _excess(record.unexplained_us, witness.unexplained_us)
    if hidden > allowed or denied > max(_OUTSIDE_US, _OUTSIDE_SHARE * us):
        hidden = max(hidden, denied)
        text = f"a timed call reports {us:.0f} us, but its request takes {hidden:.0f} us more"
        return "clock", text + " beside it than a call of the reference"
    if len(record.warm_us) >= _FEWEST:
        warm = float(np.quantile(record.warm_us, 0.25))
        hidden = _excess(record.warm_outside_us, witness.warm_outside_us)
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
    tail = _excess(record.tails_us, eager.tails_us)
    if tail > max(_TAIL_US, _TAIL_SHARE * us):
        text = f"a timed call reports {us:.0f} us, and the device works on for {tail:.0f} us"
        return "clock", text + " after the clock has stopped"
    if record.fetch_us and witness.fetch_us:
        late = _excess(record.fetch_us, witness.fetch_us)
        if late > max(_FETCH_US, _OUTSIDE_SHARE * us):
            text = f"a timed call reports {us:.0f} us, but reading its output takes {late:.0f} us"
            return "hidden_work", text + " longer than the reference's"
    if leaves_threads(record.threads_left) and not leaves_threads(eager.threads_left):
        return "extra_thread", "calls leave threads behind that run on after the clock has stopped"
    busy, usual_share = _least(record.idle_shares), _least(eager.idle_shares)
    if busy > usual_share + IDLE_SHARE:
        text = "after its calls, with nothing to do, the process still works"
        return "hidden_work", f"{text} ({100 * busy:.0f} % of one core)"
    return None


def _disturbed(eager: Record, witness: Record) -> tuple[str, str] | None:
    """The reference beside the candidate: against itself before, and against itself elsewhere."""
    usual, least = median(eager.before_us), min(eager.samples_us)
    if least > usual * (1 + _DISTURBED_SHARE) + _DISTURBED_US:
        text = f"the reference took {usual:.0f} us before the candidate was loaded"
        return "disturbs_reference", f"{text} and never less than {least:.0f} us after"
    beside, alone = _excess(eager.samples_us, witness.samples_us), median(witness.samples_us)
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


def confirmed_share(record: Record, witness: Record) -> float:
    """How much of the candidate's speed the parent's clock confirms: 1.0 where it would see what
    may be hidden, less on a machine too busy for it to see that."""
    us = median(record.samples_us)
    usual = median(witness.outside_us)
    allowed = max(_OUTSIDE_US, _OUTSIDE_SHARE * us, _OUTSIDE_NOISE * usual)
    hidden = max(0.0, _range(record.outside_us, witness.outside_us)[1] - allowed)
    return us / (us + hidden)


def _excess(ones: Sequence[float], others: Sequence[float]) -> float:
    """By how much the first exceed the second at the least; 0 for fewer than ``_FEWEST`` rounds.
    A busy machine, which delays either now and then, accuses nobody."""
    if min(len(ones), len(others)) < _FEWEST:
        return 0.0
    return max(0.0, _range(ones, others)[0])


def _range(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """By how much the first exceed the second in the same rounds, at least and at most.

    The tighter ends of two intervals: of the pairs' median (by order statistics), and of the
    distance between the lower quartiles (by a bootstrap over rounds), which are still when single
    calls are delayed by much.
    """
    count = min(len(ones), len(others))
    a = np.asarray(ones[:count], dtype=np.float64)
    b = np.asarray(others[:count], dtype=np.float64)
    pairs = median_interval((a - b).tolist())
    if count < _FEWEST:
        return pairs.low, pairs.high
    chosen = np.random.default_rng(0).integers(0, count, size=(_RESAMPLES, count))
    apart = np.quantile(a[chosen], 0.25, axis=1) - np.quantile(b[chosen], 0.25, axis=1)
    low, high = np.quantile(apart, (0.005, 0.995))
    return max(pairs.low, float(low)), min(pairs.high, float(high))
