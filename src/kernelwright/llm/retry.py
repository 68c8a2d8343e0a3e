"""How often and how long after a failure to ask again."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernelwright.llm.failure import Failure


@dataclass(frozen=True)
class RetryPolicy:
    """``tries``: of one request, the first included. Waits double from ``first_wait_s``, each drawn
    between half and all of it so that parallel runs do not come back together; a server's
    Retry-After is kept where it is longer. A wait that would make the sum of waits exceed
    ``total_wait_s`` is not begun. ``grow_max_tokens``: a cut answer is asked for again with this
    many times the tokens, up to ``most_max_tokens``; 1 leaves it cut."""

    tries: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    total_wait_s: float = 300.0
    malformed_tries: int = 2
    grow_max_tokens: float = 1.0
    most_max_tokens: int = 32_768

    def wait_s(
        self, failures: int, failure: Failure, draw: Callable[[], float] = random.random
    ) -> float:
        """Seconds to wait after the ``failures``-th failure in a row (1 is the first)."""
        if failure.kind in ("empty", "malformed"):
            return 0.0  # the server is well; it was the answer that was not
        backoff = min(self.first_wait_s * 2 ** min(failures - 1, 30), self.longest_wait_s)
        wait = backoff * (0.5 + 0.5 * draw())
        if failure.retry_after_s is None:
            return wait
        return max(failure.retry_after_s + 0.1 * backoff * draw(), wait)


def retry_after_s(
    headers: Mapping[str, str], clock: Callable[[], float] = time.time
) -> float | None:
    """What ``Retry-After`` (seconds, or a date) or ``retry-after-ms`` asks for; None when neither
    is there or can be read."""
    lower = {key.lower(): value for key, value in headers.items()}
    try:
        if "retry-after-ms" in lower:
            return max(float(lower["retry-after-ms"]) / 1000.0, 0.0)
        text = lower.get("retry-after")
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - clock()
    except (ValueError, TypeError, IndexError):
        return None
    return max(seconds, 0.0) if seconds == seconds and seconds != float("inf") else None
