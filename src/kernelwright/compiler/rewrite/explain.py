"""Which rules made two terms equal: the shortest chain of reasons, and what those rested on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from kernelwright.compiler.rewrite.terms import Reason, Terms


def rules_between(terms: Terms, pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Names of the rules by which each pair of terms is equal, in order of need, each once."""
    waiting = deque(pairs)
    done: set[tuple[int, int]] = set()
    found: dict[str, None] = {}
    while waiting:
        pair = waiting.popleft()
        if pair in done:
            continue
        done.add(pair)
        for reason in _chain(terms, *pair):
            if reason.rule:
                found.setdefault(reason.rule)
            waiting.extend(reason.pairs)
    return list(found)


def _chain(terms: Terms, start: int, end: int) -> list[Reason]:
    """Reasons along the shortest way from one term to the other; [] where there is none."""
    if start == end:
        return []
    came: dict[int, tuple[int, Reason]] = {}
    waiting = deque([start])
    while waiting:
        term = waiting.popleft()
        for other, reason in terms.reasons.get(term, ()):
            if other in came or other == start:
                continue
            came[other] = (term, reason)
            if other == end:
                chain = []
                while other != start:
                    other, reason = came[other]
                    chain.append(reason)
                return chain[::-1]
            waiting.append(other)
    return []
