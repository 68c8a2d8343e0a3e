"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """``stages_s`` maps each stage's name to its seconds so far, in the order of their start."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.stages_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        self.stages_s.setdefault(name, 0.0)
        try:
            yield
        finally:
            self.stages_s[name] += time.monotonic() - began

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def rounded(self) -> dict[str, float]:
        return {name: round(seconds, 3) for name, seconds in self.stages_s.items()}
