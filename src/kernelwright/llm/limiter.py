"""One limiter an endpoint: how many requests at once, how many a minute, and the pause that a
server asked for, which holds for all threads that talk to it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MINUTE_S = 60.0


class Limiter:
    """Thread-safe. ``at_once`` and ``per_minute``: 0 is "no limit"."""

    def __init__(
        self,
        at_once: int = 0,
        per_minute: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.at_once, self.per_minute = at_once, per_minute
        self._clock, self._sleep = clock, sleep
        self._starts: deque[float] = deque()
        self._free_at = 0.0
        self._flying = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(
        self,
        longest_wait_s: float = float("inf"),
        sleep: Callable[[float], object] | None = None,
    ) -> Iterator[float]:
        """Waits until a request may be sent; gives the seconds that the endpoint had to rest.
        Raises TimeoutError when those would be more than ``longest_wait_s``. Waiting for one's own
        other requests has no limit and does not count. ``sleep`` may raise to give up."""
        waited = self._enter(longest_wait_s, sleep or self._sleep)
        try:
            yield waited
        finally:
            with self._changed:
                self._flying -= 1
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """No request of anybody starts before ``seconds`` from now."""
        with self._changed:
            self._free_at = max(self._free_at, self._clock() + seconds)

    def _enter(self, longest_wait_s: float, sleep: Callable[[float], object]) -> float:
        rested = 0.0
        while True:
            with self._changed:
                wait = self._wait_s()
                if wait == 0:
                    if not self.at_once or self._flying < self.at_once:
                        self._flying += 1
                        self._starts.append(self._clock())
                        return rested
                    self._changed.wait(timeout=0.5)
            if wait > 0 and rested + wait > longest_wait_s:
                raise TimeoutError(f"the endpoint rests for another {wait:.0f} s")
            sleep(wait)
            rested += wait

    def _wait_s(self) -> float:
        now = self._clock()
        wait = self._free_at - now
        if self.per_minute:
            while self._starts and self._starts[0] <= now - _MINUTE_S:
                self._starts.popleft()
            if len(self._starts) >= self.per_minute:
                wait = max(wait, self._starts[-self.per_minute] + _MINUTE_S - now)
        else:
            self._starts.clear()
        return max(wait, 0.0)


_limiters: dict[tuple[str, int], Limiter] = {}
_lock = threading.Lock()


def limiter_for(
    endpoint: str, account: int = 0, *, at_once: int = 0, per_minute: int = 0
) -> Limiter:
    """This process's limiter for an endpoint and account (a hash of the key). The strictest limits
    that were asked for hold."""
    with _lock:
        limiter = _limiters.setdefault((endpoint, account), Limiter())
        limiter.at_once = _stricter(limiter.at_once, at_once)
        limiter.per_minute = _stricter(limiter.per_minute, per_minute)
        return limiter


def _stricter(one: int, other: int) -> int:
    return min(filter(None, (one, other)), default=0)
