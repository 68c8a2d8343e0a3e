"""What a run may spend on a model, held before each request and after each reply.

A request first *reserves* what it may cost at most, so that parallel requests cannot overshoot
together; its reply replaces the reservation by what it did cost.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kernelwright.errors import BudgetExhausted, UsageError
from kernelwright.llm.chat import ChatRequest, Usage
from kernelwright.llm.prices import PriceTable

# Cutting an answer shorter than this to fit what is left would buy a useless stump.
MIN_ANSWER_TOKENS = 256
# What an answer is taken to be when neither the request nor experience says.
ANSWER_TOKENS = 2048
# A request without max_tokens is given one only when less than this is left: servers refuse numbers
# beyond their context.
UNASKED_CAP_TOKENS = 8 * ANSWER_TOKENS


@dataclass(frozen=True)
class Limits:
    """None is "no limit". ``tokens``: in and out together. ``cost``: in the price table's currency.
    ``wall_s``: seconds since the Budget was made."""

    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None
    wall_s: float | None = None
    evaluations: int | None = None

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value >= 0:
                raise UsageError(f"the limit {name} must not be negative, found {value!r}")


@dataclass(frozen=True)
class Spent:
    """What has been used so far; adds up. ``cost`` is None while no price is known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    wall_s: float = 0.0
    evaluations: int = 0
    estimated: bool = False  # some tokens are counted from lengths of texts

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def text(self, currency: str = "USD") -> str:
        """One line for people."""
        about = "about " if self.estimated else ""
        cost = "" if self.cost is None else f", {self.cost:.4f} {currency}"
        return (
            f"{self.requests} requests, {about}{self.tokens} tokens "
            f"({self.input_tokens} in, {self.output_tokens} out){cost}, "
            f"{self.evaluations} evaluations, {self.wall_s:.0f} s"
        )


@dataclass
class Ticket:
    """One request in flight. ``max_tokens``: what its answer may hold at most, or None."""

    tokens: int
    cost: float
    max_tokens: int | None
    usage: Usage = field(default_factory=Usage)


class Budget:
    """Limits and what is used of them. Thread-safe. ``spent``: what an interrupted run had used."""

    def __init__(
        self,
        limits: Limits | None = None,
        prices: PriceTable | None = None,
        *,
        spent: Spent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.prices = limits or Limits(), prices or PriceTable()
        self._spent, self._clock = spent or Spent(), clock
        self._started = clock() - self._spent.wall_s
        self._flying: list[Ticket] = []
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spent:
        with self._lock:
            return self._now()

    def left(self) -> Mapping[str, float | None]:
        """What remains of each limit, never below zero; None where there is no limit."""
        with self._lock:
            return self._left()

    def exhausted(self) -> str | None:
        """Which limit leaves room for nothing more ("tokens"), or None."""
        return next((name for name, left in self.left().items() if left == 0), None)

    def check(self, *, evaluations: bool = True) -> None:
        """Raises BudgetExhausted when a limit is reached; ``evaluations`` False leaves that out."""
        with self._lock:
            self._check(self._left(), but="" if evaluations else "evaluations")

    def check_model(self, model: str) -> None:
        """Raises UsageError when money is limited and nobody knows what ``model`` costs."""
        if self.limits.cost is not None and self.prices.find(model) is None:
            raise UsageError(
                f"there is a limit on cost, and the price table has no entry for the model "
                f"{model!r}. Add it (per million tokens), or 'free'; known: "
                f"{', '.join(self.prices.models) or 'none'}."
            )

    @contextmanager
    def request(self, request: ChatRequest, model: str) -> Iterator[Ticket]:
        """Reserves what ``request`` may use; set ``ticket.usage`` when the reply is in. Raises
        BudgetExhausted when it may not be sent."""
        self.check_model(model)
        ticket = self._reserve(request, model)
        try:
            yield ticket
        finally:
            with self._lock:
                self._flying.remove(ticket)
                self._charge(1, ticket.usage, model)

    def charge_replayed(self, usage: Usage, requests: int, model: str) -> None:
        """Counts what a recorded exchange had used."""
        with self._lock:
            self._charge(requests, usage, model)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Around judging one candidate. Raises BudgetExhausted when none may be judged."""
        with self._lock:
            self._check(self._left())
            spent = self._spent
            self._spent = dataclasses.replace(spent, evaluations=spent.evaluations + 1)
        yield

    # ---- under the lock ----------------------------------------------------------------------

    def _now(self) -> Spent:
        return dataclasses.replace(self._spent, wall_s=self._clock() - self._started)

    def _left(self) -> dict[str, float | None]:
        spent, limits = self._now(), self.limits
        used: dict[str, float] = {
            "requests": spent.requests + len(self._flying),
            "tokens": spent.tokens + sum(t.tokens for t in self._flying),
            "cost": (spent.cost or 0.0) + sum(t.cost for t in self._flying),
            "wall_s": spent.wall_s,
            "evaluations": spent.evaluations,
        }
        return {
            name: None if (limit := getattr(limits, name)) is None else max(limit - value, 0)
            for name, value in used.items()
        }

    def _check(self, left: Mapping[str, float | None], but: str = "") -> None:
        for name, value in left.items():
            if value == 0 and name != but:
                raise self._over(name)

    def _over(self, name: str, why: str = "") -> BudgetExhausted:
        unit = {"wall_s": " s of wall time", "cost": f" {self.prices.currency}"}
        limit = getattr(self.limits, name)
        said = f"{limit}{unit.get(name, ' ' + name)}"
        used = self._now().text(self.prices.currency)
        return BudgetExhausted(f"the budget of {said} is used up{why} (used: {used})", name)

    def _reserve(self, request: ChatRequest, model: str) -> Ticket:
        prompt, price = prompt_tokens(request), self.prices.find(model)
        with self._lock:
            left = self._left()
            # All evaluations used means no more candidates, but a last word may still be said.
            self._check(left, but="evaluations")
            room: list[tuple[float, str]] = []
            if (tokens := left["tokens"]) is not None:
                room.append((tokens - prompt, "tokens"))
            if (money := left["cost"]) is not None and price is not None and price.output > 0:
                for_answer = money * 1e6 - prompt * price.input
                room.append((for_answer / price.output, "cost"))
            asked = request.sampling.max_tokens
            allowed, answer = asked, asked or ANSWER_TOKENS
            if room:
                most, name = min(room)
                if most < min(MIN_ANSWER_TOKENS, asked or MIN_ANSWER_TOKENS):
                    raise self._over(name, f": the next request needs about {prompt} tokens")
                answer = min(answer, int(most))
                if asked or most < UNASKED_CAP_TOKENS:
                    allowed = min(asked or int(most), int(most))
            reserved = Usage(prompt, answer)
            cost = price.cost(reserved) if price is not None else 0.0
            ticket = Ticket(reserved.total_tokens, cost, allowed)
            self._flying.append(ticket)
            return ticket

    def _charge(self, requests: int, usage: Usage, model: str) -> None:
        spent, price = self._spent, self.prices.find(model)
        cost = spent.cost
        if price is not None:
            cost = (cost or 0.0) + price.cost(usage)
        self._spent = dataclasses.replace(
            spent,
            requests=spent.requests + requests,
            input_tokens=spent.input_tokens + usage.input_tokens,
            output_tokens=spent.output_tokens + usage.output_tokens,
            cost=cost,
            estimated=spent.estimated or usage.estimated,
        )


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to use (``low`` to ``high``), said before it starts."""

    low: Spent
    high: Spent
    limits: Limits
    currency: str

    def text(self) -> str:
        """Two or three lines for people, the limits that would be reached first among them."""
        lines = [
            f"expected: {self.low.requests} to {self.high.requests} requests, "
            f"{self.low.tokens} to {self.high.tokens} tokens" + self._cost()
        ]
        over = [
            f"{name} {limit:g} (may need {needed:g})"
            for name in ("requests", "tokens", "cost", "evaluations")
            if (limit := getattr(self.limits, name)) is not None
            and (needed := getattr(self.high, name) or 0) > limit
        ]
        set_limits = [f"{k} {v:g}" for k, v in _given(self.limits).items()]
        lines.append("limits: " + (", ".join(set_limits) or "none"))
        if over:
            lines.append("may stop early at: " + ", ".join(over))
        return "\n".join(lines)

    def _cost(self) -> str:
        if self.low.cost is None or self.high.cost is None:
            return "; cost unknown (no price for this model)"
        return f", {self.low.cost:.4f} to {self.high.cost:.4f} {self.currency}"


def estimate(
    budget: Budget,
    model: str,
    *,
    prompt_chars: int,
    steps: int,
    fixes: int = 0,
    answer_tokens: int = ANSWER_TOKENS,
    grows: bool = True,
) -> Estimate:
    """What ``steps`` requests with a prompt of ``prompt_chars`` characters will use, at best once
    each, at worst with ``fixes`` more of each. ``grows``: each fix sends the conversation so far.
    Answers are taken to be a quarter of ``answer_tokens`` at best, all of it at worst."""
    prompt = tokens_of(prompt_chars)
    low = _expected(budget, model, steps, steps * prompt, steps * answer_tokens // 4)
    turns = 1 + fixes
    growth = answer_tokens * fixes * turns // 2 if grows else 0
    high_input = steps * (prompt * turns + growth)
    high = _expected(budget, model, steps * turns, high_input, steps * turns * answer_tokens)
    return Estimate(low, high, budget.limits, budget.prices.currency)


def tokens_of(characters: int) -> int:
    """A careful guess: code and English have 3 to 4 characters a token."""
    return -(-characters // 3)


def prompt_tokens(request: ChatRequest) -> int:
    """About how many tokens the prompt of ``request`` has."""
    characters = sum(
        len(m.text) + 16 + sum(len(str(c)) for c in m.tool_calls) for m in request.messages
    )
    characters += sum(len(t.description) + len(str(t.parameters)) for t in request.tools)
    return tokens_of(characters + len(str(request.schema or "")))


def _expected(budget: Budget, model: str, requests: int, given: int, answered: int) -> Spent:
    price = budget.prices.find(model)
    usage = Usage(given, answered)
    cost = None if price is None else price.cost(usage)
    return Spent(requests, given, answered, cost, evaluations=requests, estimated=True)


def _given(limits: Limits) -> dict[str, Any]:
    return {k: v for k, v in dataclasses.asdict(limits).items() if v is not None}
