"""Re-running a recorded run without a model: the same questions get the same answers.

An exchange is found by its step and the hash of its normalised prompt; equal questions get their
answers in the recorded order. A question that was not recorded is a mismatch: it is shown as a diff
against the nearest recorded one, or, with a live model at hand, the run *forks* there and goes on
with that model.
"""

from __future__ import annotations

import difflib
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelwright.errors import BudgetExhausted, ModelError, ReplayMismatch
from kernelwright.llm.budget import Budget
from kernelwright.llm.chat import ChatModel, ChatRequest, ChatResult, Delta, OnDelta
from kernelwright.llm.prompt_hash import prompt_hash, request_tree, shown
from kernelwright.llm.recording import Exchange, read_recording
from kernelwright.llm.secret import masked_tree

MAX_DIFF_LINES = 200


class Replay:
    """A ChatModel that answers from a recording. Thread-safe.

    ``live`` answers what is not on record when ``fork_on_mismatch``, and everything from the first
    request whose step is ``fork_at`` on (a step name, or the number of an exchange, 1 the first).
    Without ``live`` a mismatch raises ReplayMismatch. ``budget`` is charged as the recorded run
    was.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        *,
        live: ChatModel | None = None,
        fork_at: str | int | None = None,
        fork_on_mismatch: bool = False,
        budget: Budget | None = None,
        source: str = "the recording",
    ) -> None:
        if live is None and (fork_on_mismatch or fork_at is not None):
            raise ValueError("to fork a replay a live model is needed")
        self.exchanges, self.live, self.budget, self.source = list(exchanges), live, budget, source
        self.fork_at, self.fork_on_mismatch = fork_at, fork_on_mismatch
        self.forked_at: str | None = None  # the step where the live model took over
        self._open: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        for index, exchange in enumerate(self.exchanges):
            self._open[exchange.step, exchange.prompt_hash].append(index)
        self._used: set[int] = set()
        self._asked = 0
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: Path, **options: Any) -> Replay:
        """The replay of a run's folder (or its llm.jsonl). Raises StoreError when there is none."""
        return cls(read_recording(path), source=str(path), **options)

    @property
    def name(self) -> str:
        return self.exchanges[0].model if self.exchanges else "replay"

    def close(self) -> None:
        if self.live is not None:
            self.live.close()

    def unused(self) -> list[Exchange]:
        """What was recorded and has not been asked for: a finished replay leaves none."""
        with self._lock:
            return [e for i, e in enumerate(self.exchanges) if i not in self._used]

    def complete(self, request: ChatRequest, on_delta: OnDelta | None = None) -> ChatResult:
        """The recorded answer; raises the recorded error where there was none."""
        tree = masked_tree(request_tree(request))
        with self._lock:
            self._asked += 1
            exchange = None if self._forks(request.step) else self._take(request.step, tree)
        if exchange is None:
            return self._beyond(request, tree, on_delta)
        if self.budget is not None:
            self.budget.charge_replayed(exchange.usage, exchange.requests, exchange.model)
        if exchange.result is None:
            raise _recorded_error(exchange)
        if on_delta is not None and exchange.result.text:
            on_delta(Delta("text", exchange.result.text))
        return exchange.result

    def _forks(self, step: str) -> bool:
        if self.forked_at is None and self.fork_at is not None:
            here = (
                self._asked >= self.fork_at
                if isinstance(self.fork_at, int)
                else (step == self.fork_at)
            )
            if here:
                self.forked_at = step
        return self.forked_at is not None

    def _take(self, step: str, tree: Mapping[str, Any]) -> Exchange | None:
        waiting = self._open.get((step, prompt_hash(tree)))
        if not waiting:
            return None
        index = waiting.popleft()
        self._used.add(index)
        return self.exchanges[index]

    def _beyond(
        self, request: ChatRequest, tree: Mapping[str, Any], on_delta: OnDelta | None
    ) -> ChatResult:
        if self.live is None or (self.forked_at is None and not self.fork_on_mismatch):
            raise self._mismatch(request.step, tree)
        with self._lock:
            self.forked_at = self.forked_at if self.forked_at is not None else request.step
        return self.live.complete(request, on_delta)

    def _mismatch(self, step: str, tree: Mapping[str, Any]) -> ReplayMismatch:
        now = shown(tree)
        where = f"step {step!r}" if step else f"request {self._asked}"
        near = _nearest(self.unused(), step, now)
        if near is None:
            return ReplayMismatch(f"{self.source} has no exchange left for {where}", "")
        lines = difflib.unified_diff(
            shown(near.request).splitlines(),
            now.splitlines(),
            f"recorded: step {near.step!r}, line {near.line}",
            f"asked now: {where}",
            lineterm="",
        )
        said = f"{self.source} does not hold what is asked at {where}; the nearest that it holds:"
        return ReplayMismatch(said, "\n".join([*lines][:MAX_DIFF_LINES]))


def replay(
    path: Path,
    run: Callable[[ChatModel], Any],
    **options: Any,
) -> tuple[Any, Replay]:
    """Calls ``run`` with the replay of the run in ``path``; gives what it returns and the Replay,
    whose ``unused`` says what was not asked again. Options as of ``Replay``."""
    model = Replay.of(path, **options)
    try:
        return run(model), model
    finally:
        model.close()


def _nearest(left: Sequence[Exchange], step: str, now: str) -> Exchange | None:
    """The recorded exchange that is most alike: of the same step if there is one."""
    same = [exchange for exchange in left if exchange.step == step] or list(left)
    lines = now.splitlines()

    def likeness(exchange: Exchange) -> float:
        other = shown(exchange.request).splitlines()
        return difflib.SequenceMatcher(None, other[:2000], lines[:2000]).quick_ratio()

    return max(same[:50], key=likeness, default=None)


def _recorded_error(exchange: Exchange) -> ModelError:
    told = dict(exchange.error or {})
    message, kind = str(told.get("message", "")), str(told.get("kind", "model"))
    error: ModelError
    if kind == "budget":
        error = BudgetExhausted(message, str(told.get("limit", "")))
    else:
        error = ModelError(message, kind, told.get("status"))
    error.attempts = exchange.attempts
    return error
