"""A provider made dependable: modes that its endpoint understands, retries, one limiter, a budget.

``Client.complete`` goes round until there is an answer of the asked form, or a reason to give up.
Each failed try is kept (``ChatResult.attempts``), also when giving up (``ModelError`` has
``attempts``).
"""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kernelwright.errors import BudgetExhausted, ModelError
from kernelwright.llm import asking, features
from kernelwright.llm.asking import Asked
from kernelwright.llm.budget import Budget
from kernelwright.llm.calls import Calls
from kernelwright.llm.chat import Attempt, ChatRequest, ChatResult, Delta, OnDelta, Sampling
from kernelwright.llm.failure import Failure
from kernelwright.llm.limiter import Limiter
from kernelwright.llm.memory import EndpointMemory
from kernelwright.llm.provider import Provider, Sending
from kernelwright.llm.retry import RetryPolicy
from kernelwright.llm.secret import masked

log = logging.getLogger(__name__)


@dataclass
class _Exchange:
    """What happened to one request so far."""

    request: ChatRequest
    attempts: list[Attempt] = field(default_factory=list)
    without: list[str] = field(default_factory=list)  # left out here, in the order of suspicion
    blamed: list[str] = field(default_factory=list)  # those of them that the endpoint named
    failures: int = 0  # transient ones in a row
    malformed: int = 0
    silent_ends: int = 0  # streams that ended without saying so
    waited_s: float = 0.0
    grown: bool = False


class Client:
    """A ChatModel over a provider. Thread-safe. ``sampling`` fills what a request leaves open,
    ``never`` are features not to be used, ``timeout_s`` bounds one reply."""

    def __init__(
        self,
        provider: Provider,
        *,
        budget: Budget | None = None,
        limiter: Limiter | None = None,
        retry: RetryPolicy | None = None,
        memory: EndpointMemory | None = None,
        sampling: Sampling | None = None,
        never: frozenset[str] = frozenset(),
        timeout_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.provider, self.retry = provider, retry or RetryPolicy()
        self._calls = Calls()
        sleep = sleep or self._calls.sleep
        self.budget = budget or Budget()
        self.limiter = limiter or Limiter(clock=clock, sleep=sleep)
        self.memory = memory or EndpointMemory(provider.endpoint, provider.name)
        self.sampling, self.never, self.timeout_s = sampling or Sampling(), never, timeout_s
        self._clock, self._sleep, self._draw = clock, sleep, draw

    @property
    def name(self) -> str:
        return self.provider.name

    def close(self) -> None:
        """Ends what is under way in other threads too: it raises ModelError("closed")."""
        self._calls.close()
        self.provider.close()

    def complete(self, request: ChatRequest, on_delta: OnDelta | None = None) -> ChatResult:
        """The answer to ``request``. Raises ModelError (with ``attempts``), BudgetExhausted."""
        filled = dataclasses.replace(request, sampling=_filled(request.sampling, self.sampling))
        exchange = _Exchange(filled)
        try:
            while True:
                asked = asking.ask(exchange.request, self._usable(exchange))
                try:
                    result = self._try(asked, exchange, on_delta)
                except Failure as failure:
                    self._go_on(asked, exchange, failure)
                    if on_delta is not None:
                        on_delta(Delta("restart"))
                    continue
                if self._wants_more_room(exchange, result):
                    if on_delta is not None:
                        on_delta(Delta("restart"))
                    continue
                self._learn_from(asked, exchange, result)
                return dataclasses.replace(result, attempts=tuple(exchange.attempts))
        except ModelError as error:
            error.attempts = tuple(exchange.attempts)
            raise

    # ---- one try -----------------------------------------------------------------------------

    def _usable(self, exchange: _Exchange) -> frozenset[str]:
        usable = self.memory.usable() & self.provider.features
        return usable - self.never - frozenset(exchange.without)

    def _try(self, asked: Asked, exchange: _Exchange, on_delta: OnDelta | None) -> ChatResult:
        """Raises Failure, also for an answer that breaks the asked form."""
        self._calls.check()
        self.budget.check(evaluations=False)
        longest = max(self.retry.total_wait_s - exchange.waited_s, 0.0)
        if (wall := self.budget.left()["wall_s"]) is not None:
            longest = min(longest, wall)
        try:
            with (
                self.limiter.turn(longest, self._sleep) as rested,
                self.budget.request(asked.sent, self.name) as ticket,
            ):
                exchange.waited_s += rested
                wall = self.budget.left()["wall_s"]
                timeout = self.timeout_s if wall is None else min(self.timeout_s, wall)
                sampling = dataclasses.replace(asked.sent.sampling, max_tokens=ticket.max_tokens)
                sent = dataclasses.replace(asked.sent, sampling=sampling)
                how = Sending(self._usable(exchange), asked.json_object, max(timeout, 0.001))
                began = self._clock()
                try:
                    result = self._calls.run(self.provider, sent, how, on_delta)
                except Failure as failure:
                    ticket.usage = failure.usage
                    raise
                ticket.usage = result.usage
                result = dataclasses.replace(result, latency_s=self._clock() - began)
        except TimeoutError as error:
            self.budget.check(evaluations=False)
            raise ModelError(f"{self.provider.endpoint}: {error}", "rate_limit") from error
        if not result.text.strip() and not result.tool_calls and not result.files:
            if result.finish == "content_filter":
                raise Failure("filtered", "the provider withheld the answer", usage=result.usage)
            if result.truncated:
                return result
            raise Failure("empty", "the answer is empty", usage=result.usage)
        return asking.read(asked, result)

    def _wants_more_room(self, exchange: _Exchange, result: ChatResult) -> bool:
        """Whether a cut answer is asked for again with more tokens."""
        sampling, retry = exchange.request.sampling, self.retry
        if not result.truncated or not sampling.max_tokens or exchange.grown:
            return False
        more = min(int(sampling.max_tokens * retry.grow_max_tokens), retry.most_max_tokens)
        if more <= sampling.max_tokens:
            return False
        exchange.grown = True
        exchange.request = _with_sampling(exchange.request, max_tokens=more)
        said = f"the answer was cut at {sampling.max_tokens} tokens; asked again with {more}"
        exchange.attempts.append(
            Attempt("truncated", said, partial=result.text, usage=result.usage)
        )
        return True

    # ---- after a failure ---------------------------------------------------------------------

    def _go_on(self, asked: Asked, exchange: _Exchange, failure: Failure) -> None:
        """Prepares the next try, or raises what ends the exchange."""
        if failure.kind == "malformed":
            wait = self._after_malformed(asked, exchange, failure)
        elif feature := self._suspect(asked, exchange, failure):
            exchange.without.append(feature)
            if feature in failure.named:
                exchange.blamed.append(feature)
            self._note(exchange, failure, 0.0, (feature,))
            return
        elif failure.kind == "truncated" and self._grow(exchange):
            wait = 0.0
        elif failure.transient:
            wait = self._after_transient(exchange, failure)
        else:
            self._note(exchange, failure, 0.0)
            raise failure
        self._note(exchange, failure, wait)
        if wait > 0:
            # The whole endpoint rests when it asked for it; only this request does otherwise.
            if failure.kind == "rate_limit" or failure.retry_after_s is not None:
                self.limiter.pause(wait)
            else:
                self._sleep(wait)
                exchange.waited_s += wait

    def _suspect(self, asked: Asked, exchange: _Exchange, failure: Failure) -> str | None:
        """The feature to leave out because of ``failure``, if that may be why."""
        in_use = features.used(
            asked.sent,
            json_object=asked.json_object,
            stream=features.STREAM in self._usable(exchange),
        ) & self._usable(exchange)
        if failure.kind == "broken_stream" and failure.named:
            exchange.silent_ends += 1  # it may be an endpoint that never says where it ends
            return (
                features.STREAM if exchange.silent_ends > 1 and features.STREAM in in_use else None
            )
        if failure.kind == "server" and failure.status == 500:
            # Some servers fail where they should refuse; but a 500 may also pass.
            if not failure.named & in_use and exchange.failures < 2:
                return None
        elif failure.kind != "bad_request":
            return None
        return features.first_suspect(in_use, failure.named, self.memory.confirmed())

    def _after_transient(self, exchange: _Exchange, failure: Failure) -> float:
        exchange.failures += 1
        wait = self.retry.wait_s(exchange.failures, failure, self._draw)
        why = ""
        if exchange.failures >= self.retry.tries:
            why = f"after {exchange.failures} tries"
        elif exchange.waited_s + wait > self.retry.total_wait_s:
            why = (
                f"the next wait of {wait:.0f} s would exceed {self.retry.total_wait_s:.0f} s in all"
            )
        wall = self.budget.left()["wall_s"]
        if not why and wall is not None and wait >= wall:
            self._note(exchange, failure, 0.0)
            raise BudgetExhausted(
                f"{wall:.0f} s of wall time left, less than the {wait:.0f} s to wait: {failure}",
                "wall_s",
            )
        if why:
            self._note(exchange, failure, 0.0)
            raise ModelError(f"{failure} ({why})", failure.kind, failure.status) from failure
        if failure.kind == "empty" and exchange.request.sampling.seed is not None:
            # The same seed would give the same nothing.
            seed = exchange.request.sampling.seed + 1
            exchange.request = _with_sampling(exchange.request, seed=seed)
        return wait

    def _after_malformed(self, asked: Asked, exchange: _Exchange, failure: Failure) -> float:
        """Asks again with what was wrong, then in the next mode, then gives up."""
        exchange.malformed += 1
        lacking = asked.lacking
        if exchange.malformed < self.retry.malformed_tries:
            exchange.request = asking.corrected(exchange.request, failure)
        elif lacking is not None and lacking not in exchange.without:
            exchange.malformed = 0
            exchange.without.append(lacking)
        else:
            self._note(exchange, failure, 0.0)
            raise ModelError(f"the model's answer: {failure}", "malformed") from failure
        return 0.0

    def _grow(self, exchange: _Exchange) -> bool:
        now = exchange.request.sampling.max_tokens
        if not now or exchange.grown:
            return False
        more = min(int(now * self.retry.grow_max_tokens), self.retry.most_max_tokens)
        exchange.grown = True
        exchange.request = _with_sampling(exchange.request, max_tokens=max(more, now))
        return more > now

    def _note(
        self, exchange: _Exchange, failure: Failure, wait: float, without: tuple[str, ...] = ()
    ) -> None:
        message = masked(str(failure))
        exchange.attempts.append(
            Attempt(
                failure.kind, message, failure.status, wait, without, failure.partial, failure.usage
            )
        )
        then = f"; waiting {wait:.1f} s" if wait else ""
        then += f"; again without {', '.join(without)}" if without else ""
        log.info("%s: %s: %s%s", self.provider.endpoint, failure.kind, message, then)

    def _learn_from(self, asked: Asked, exchange: _Exchange, result: ChatResult) -> None:
        """After an answer: what was named was at fault, and so was what was left out last; what
        was used is understood."""
        for at_fault in dict.fromkeys([*exchange.blamed, *exchange.without[-1:]]):
            last = exchange.attempts[-1] if exchange.attempts else None
            why = next((a for a in reversed(exchange.attempts) if at_fault in a.without), last)
            slip = why is not None and why.kind == "malformed"
            # A model that was seen to use a feature may still slip now and then.
            if not (slip and at_fault in self.memory.confirmed()):
                self.memory.learn(at_fault, False, "" if why is None else why.message)
        usable = self._usable(exchange)
        in_use = features.used(
            asked.sent, json_object=asked.json_object, stream=features.STREAM in usable
        )
        if not result.tool_calls or result.salvaged:
            in_use -= {features.TOOLS, features.TOOL_CHOICE}  # they may have been ignored
        for feature in in_use & usable:
            self.memory.learn(feature, True)


def _filled(given: Sampling, defaults: Sampling) -> Sampling:
    values = {
        name: value
        if (value := getattr(given, name)) not in (None, ())
        else getattr(defaults, name)
        for name in (f.name for f in dataclasses.fields(Sampling))
        if name != "extra"
    }
    return Sampling(**values, extra={**defaults.extra, **given.extra})


def _with_sampling(request: ChatRequest, **changes: Any) -> ChatRequest:
    return dataclasses.replace(request, sampling=dataclasses.replace(request.sampling, **changes))
