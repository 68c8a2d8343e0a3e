"""What the parent's clock says of times that a worker reports.

A request cannot have taken less than the work in it. What a candidate's requests take beside the
samples that its process reports is compared with what the witness's take, where no candidate is,
in two ways:

* *Usually*: by quantiles over the same rounds. Some ten microseconds fine on a quiet machine; on a
  busy one, where most requests are delayed by whole scheduler slices, it says little.
* *At the least*: a candidate's least request, less the least that the witness's take beside theirs,
  bounds the time of a call from above, whatever the candidate's process says. This holds on a busy
  machine too, for some requests are not delayed. A candidate can make its requests longer, which
  only tells against it, but none shorter, unless it leaves the work out: the output of the very
  call whose request was the shortest is therefore judged (``Record.fastest``).

Calls with flushed caches are requests of their own (inputs are laid ready, and caches flushed, in
an earlier one); warm calls come in volleys, several in one request. Where the worker cannot take
apart what comes before a call (``Record.ahead_us`` is empty), the first way is left, and sees some
hundred microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelwright.verify.timing.records import Record
from kernelwright.verify.timing.statistics import median, median_interval

FEWEST, _RESAMPLES = 6, 1000
# Cold calls of honest kernels take this share of their warm time at the least: the same work, from
# memory instead of caches, timed some seconds earlier. Measured: 1.03 and more.
_COLD_OF_WARM = 0.9
# How much larger a gain may seem by medians than by the least times.
_LEAST_SPREAD = 1.05
# Known so well or better, a difference says what is hidden in a call.
_FINE_US, _FINE_SHARE = 100.0, 0.1
_LONGEST_REST_US = 1000.0
# What a request takes besides the call is that steady at the best: most of it is memory traffic.
_STEADY = 0.03


# A candidate's requests may take so much longer by the parent's clock than those of "eager" do, the
# samples themselves left out, where flushing the caches is among what they do: the larger of
# microseconds, a share of the sample, a share of what "eager" takes besides.
_OUTSIDE_US, _OUTSIDE_SHARE = 300.0, 0.2


def allowed_us(us: float, outside_us: Sequence[float]) -> float:
    """What requests that also flush the caches may take more than those of "eager", which take
    ``outside_us`` beside the call, before a sample of ``us`` is doubted."""
    usual = median(outside_us) if len(outside_us) else 0.0
    return max(_OUTSIDE_US, _OUTSIDE_SHARE * us, _STEADY * usual)


@dataclass(frozen=True)
class Least:
    """The least time of a call by the parent's clock, in microseconds: ``us`` if no request takes
    less besides its call than the least of the witness's does, ``most_us`` as far as that is not
    known. ``noise_us`` is how far others of the witness's requests were from their least,
    ``own_noise_us`` how far the candidate's were."""

    us: float
    most_us: float
    noise_us: float
    own_noise_us: float

    @property
    def sure_us(self) -> float:
        """What remains when the machine's noise is taken off."""
        return max(0.0, self.us - self.noise_us)

    @property
    def undisputed_us(self) -> float:
        """What remains when the candidate's own noise is taken off too."""
        return max(0.0, self.us - self.noise_us - self.own_noise_us)


def least_cold(record: Record, witness: Record) -> Least | None:
    """Of calls with flushed caches; None where calls are no requests of their own."""
    if not record.ahead_us:
        return None
    return _least(record.samples_us, record.outside_us, witness.samples_us, witness.outside_us)


def least_warm(record: Record, witness: Record) -> Least | None:
    """Of a call in a volley; None where there were none."""
    if not record.ahead_us:
        return None
    return _least(record.warm_us, record.warm_outside_us, witness.warm_us, witness.warm_outside_us)


def hidden_us(record: Record, witness: Record) -> float:
    """How much longer than it reports a cold call of the candidate may take for all that the
    parent's clock knows; 0 where that does not contradict it."""
    us = median(record.samples_us)
    low, high = difference(record.outside_us, witness.outside_us)
    if not record.ahead_us:
        return max(0.0, high - allowed_us(us, witness.outside_us))
    cold, warm = least_cold(record, witness), least_warm(record, witness)
    found = _COLD_OF_WARM * warm.sure_us - us if warm else 0.0
    if is_fine(record, witness):
        return max(0.0, found, high)
    return max(0.0, found, low, cold.most_us - min(record.samples_us) if cold else high)


def confirmed_share(record: Record, witness: Record) -> float:
    """How much of the candidate's speed the parent's clock does not contradict, 1.0 for all."""
    us = median(record.samples_us)
    return us / (us + hidden_us(record, witness))


def most_gain(record: Record, witness: Record) -> float:
    """On a machine too busy for the usual requests to say much: the largest ratio of "eager" to the
    candidate that the least times of both allow; infinity elsewhere."""
    if is_fine(record, witness):
        return math.inf
    cold = least_cold(record, witness)
    return _LEAST_SPREAD * min(witness.samples_us) / cold.most_us if cold else math.inf


def is_fine(record: Record, witness: Record) -> bool:
    """Whether the difference of usual requests is known well enough to tell of hidden time."""
    low, high = difference(record.outside_us, witness.outside_us)
    return high - low < max(_FINE_US, _FINE_SHARE * median(record.samples_us))


def difference(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """By how much the first exceed the second in the same rounds, at least and at most.

    The tighter ends of two intervals: of the pairs' median (by order statistics), and of the
    distance between the lower quartiles (by a bootstrap over rounds), which are still when single
    calls are delayed by much.
    """
    count = min(len(ones), len(others))
    a = np.asarray(ones[:count], dtype=np.float64)
    b = np.asarray(others[:count], dtype=np.float64)
    pairs = median_interval((a - b).tolist())
    if count < FEWEST:
        return pairs.low, pairs.high
    chosen = np.random.default_rng(0).integers(0, count, size=(_RESAMPLES, count))
    apart = np.quantile(a[chosen], 0.25, axis=1) - np.quantile(b[chosen], 0.25, axis=1)
    low, high = np.quantile(apart, (0.005, 0.995))
    return max(pairs.low, float(low)), min(pairs.high, float(high))


def excess(ones: Sequence[float], others: Sequence[float]) -> float:
    """By how much the first exceed the second at the least; 0 for fewer than ``FEWEST`` rounds.
    A busy machine, which delays either now and then, accuses nobody."""
    if min(len(ones), len(others)) < FEWEST:
        return 0.0
    return max(0.0, difference(ones, others)[0])


def surely_more(ones: Sequence[float], others: Sequence[float], allowed: float) -> float:
    """``excess`` where it is above ``allowed`` and no chance, else 0: where a busy machine
    leaves it unknown to within ``allowed``, even the least of the first must be above what is usual
    for the second."""
    found = excess(ones, others)
    if found <= allowed:
        return 0.0
    low, high = difference(ones, others)
    surely = min(ones) > float(np.quantile(others, 0.25)) + allowed / 2
    return found if high - low < allowed or surely else 0.0


def _least(
    inside: Sequence[float],
    outside: Sequence[float],
    usual_inside: Sequence[float],
    usual_outside: Sequence[float],
) -> Least | None:
    walls = sorted(a + b for a, b in zip(inside, outside))
    usual = sorted(a + b for a, b in zip(usual_inside, usual_outside))
    rest = sorted(usual_outside)
    if min(len(walls), len(usual)) < FEWEST:
        return None
    noise_us = max(usual[2] - usual[0], rest[2] - rest[0], _STEADY * rest[0])
    # Three that agree, and no scheduler's slice: this is what a request takes.
    known = rest[2] - rest[0] < _FINE_US and rest[0] < _LONGEST_REST_US
    return Least(
        max(0.0, walls[0] - rest[0]),
        max(1e-3, walls[0] - rest[0] if known else walls[0]),
        noise_us,
        walls[2] - walls[0],
    )
