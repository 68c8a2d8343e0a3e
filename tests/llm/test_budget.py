"""Limits hold before a request is sent, also when many are sent at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from kernelwright.errors import BudgetExhausted, ConfigError, UsageError
from kernelwright.llm import (
    Budget,
    ChatRequest,
    Limits,
    Message,
    Price,
    PriceTable,
    Sampling,
    Spent,
    Usage,
    estimate,
    read_prices,
)
from kernelwright.llm.client import Client
from kernelwright.llm.failure import Failure
from kernelwright.llm.limiter import Limiter, limiter_for
from kernelwright.llm.providers.scripted import Scripted
from kernelwright.llm.retry import RetryPolicy, retry_after_s

ASK = ChatRequest((Message("user", "x" * 284),))  # about 100 tokens
PRICES = PriceTable({"paid": Price(1.0, 10.0, 0.1), "local-*": Price(0, 0)})


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(replies: list[object], budget: Budget, clock: Clock | None = None) -> Client:
    clock = clock or Clock()
    provider = Scripted(replies, name="paid")  # type: ignore[arg-type]
    return Client(provider, budget=budget, clock=clock, sleep=clock.sleep, draw=lambda: 0.5)


def test_requests_are_counted_failed_ones_too() -> None:
    budget = Budget(Limits(requests=3))
    replies = [Failure("server", "busy"), {"text": "ok", "usage": {"input_tokens": 5}}, "ok", "no"]
    model = client(replies, budget)
    model.complete(ASK)
    model.complete(ASK)
    with pytest.raises(BudgetExhausted, match="3 requests is used up") as caught:
        model.complete(ASK)
    assert caught.value.limit == "requests" == budget.exhausted()
    assert budget.spent.requests == 3 and model.provider.left == 1  # type: ignore[attr-defined]


def test_tokens_bound_the_answer_and_then_stop() -> None:
    budget = Budget(Limits(tokens=1000))
    usage = {"input_tokens": 100, "output_tokens": 400}
    model = client([{"text": "a", "usage": usage}, {"text": "b", "usage": usage}], budget)
    model.complete(ASK)
    assert model.provider.requests[0].sampling.max_tokens == 900  # type: ignore[attr-defined]
    model.complete(ChatRequest(ASK.messages, sampling=Sampling(max_tokens=4000)))
    assert model.provider.requests[1].sampling.max_tokens == 400  # type: ignore[attr-defined]
    with pytest.raises(BudgetExhausted, match="1000 tokens"):
        model.complete(ASK)
    assert budget.spent.tokens == 1000


def test_a_prompt_that_does_not_fit_is_not_sent() -> None:
    model = client(["never"], Budget(Limits(tokens=200)))
    with pytest.raises(BudgetExhausted, match="the next request needs about 100 tokens"):
        model.complete(ASK)
    assert model.provider.left == 1  # type: ignore[attr-defined]


def test_money_is_counted_with_the_price_table() -> None:
    budget = Budget(Limits(cost=0.01), PRICES)
    usage = {"input_tokens": 1000, "cached_tokens": 500, "output_tokens": 600}
    model = client([{"text": "a", "usage": usage}] * 2, budget)
    model.complete(ASK)
    assert budget.spent.cost == pytest.approx((500 * 1.0 + 500 * 0.1 + 600 * 10.0) / 1e6)
    model.complete(ASK)
    with pytest.raises(BudgetExhausted, match="0.01 USD"):
        model.complete(ASK)


def test_a_cost_limit_needs_a_price() -> None:
    budget = Budget(Limits(cost=1.0), PRICES)
    budget.check_model("local-llama")
    with pytest.raises(UsageError, match="no entry for the model 'other'"):
        budget.check_model("other")


def test_wall_time_ends_waiting_too() -> None:
    clock = Clock()
    budget = Budget(Limits(wall_s=10), clock=clock)
    model = client([Failure("rate_limit", "later", retry_after_s=30), "ok"], budget, clock)
    with pytest.raises(BudgetExhausted) as caught:
        model.complete(ASK)
    assert caught.value.limit == "wall_s" and clock.now < 10
    assert [a.kind for a in caught.value.attempts] == ["rate_limit"]  # type: ignore[attr-defined]
    clock.now = 11
    with pytest.raises(BudgetExhausted):
        budget.check()


def test_evaluations_have_a_limit_of_their_own() -> None:
    budget = Budget(Limits(evaluations=2))
    for _ in range(2):
        with budget.evaluation():
            pass
    with pytest.raises(BudgetExhausted) as caught, budget.evaluation():
        pass
    assert caught.value.limit == "evaluations"
    assert client(["a last word"], budget).complete(ASK).text == "a last word"


def test_parallel_requests_cannot_overshoot_together() -> None:
    budget = Budget(Limits(tokens=1000))
    together = threading.Barrier(8)
    outcomes: list[str] = []

    def ask() -> None:
        together.wait()
        request = ChatRequest(ASK.messages, sampling=Sampling(max_tokens=150))
        try:
            with budget.request(request, "m") as ticket:
                outcomes.append("sent")
                held.wait(2)
                ticket.usage = Usage(100, 150)
        except BudgetExhausted:
            outcomes.append("refused")
            held.set()

    held = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 4 + ["sent"] * 4
    assert budget.spent.tokens == 1000


def test_a_resumed_run_starts_with_what_was_spent() -> None:
    clock = Clock()
    clock.now = 500.0
    budget = Budget(Limits(requests=5, wall_s=100), spent=Spent(4, 10, 20, wall_s=60), clock=clock)
    assert budget.left()["requests"] == 1 and budget.left()["wall_s"] == 40


def test_an_estimate_says_what_will_be_reached() -> None:
    budget = Budget(Limits(requests=10, cost=0.05), PRICES)
    guess = estimate(budget, "paid", prompt_chars=3000, steps=3, fixes=4, answer_tokens=1000)
    assert (guess.low.requests, guess.high.requests) == (3, 15)
    assert guess.low.tokens < guess.high.tokens
    text = guess.text()
    assert "3 to 15 requests" in text and "USD" in text
    assert "may stop early at: requests 10 (may need 15)" in text
    unknown = estimate(Budget(), "else", prompt_chars=10, steps=1).text()
    assert "cost unknown" in unknown and "limits: none" in unknown


def test_prices_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(
        "currency: CNY\nmodels:\n  a: {input: 1, output: 2}\n  'a*': {input: 3, output: 4, "
        "cached_input: 1}\n  local-*: free\n"
    )
    table = read_prices(path)
    assert table.currency == "CNY" and table.find("a") == Price(1, 2)
    assert table.find("abc") == Price(3, 4, 1) and table.find("b") is None
    assert table.find("local-x") == Price(0, 0, 0)
    for broken in ("models: {a: {input: -1, output: 2}}", "models: {a: {input: 1}}", "[]", "{"):
        path.write_text(broken)
        with pytest.raises(ConfigError, match="prices.yaml"):
            read_prices(path)


# ---- waiting ---------------------------------------------------------------------------------


def test_waits_double_and_are_drawn() -> None:
    policy, failure = RetryPolicy(first_wait_s=1, longest_wait_s=8), Failure("server", "busy")
    assert [policy.wait_s(n, failure, lambda: 1.0) for n in (1, 2, 3, 4, 5, 500)] == [
        1,
        2,
        4,
        8,
        8,
        8,
    ]
    assert policy.wait_s(3, failure, lambda: 0.0) == 2
    asked = Failure("rate_limit", "later", retry_after_s=20)
    assert 20 <= policy.wait_s(1, asked, lambda: 1.0) < 21


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, clock=lambda: 1445412480.0) == seconds


def test_a_pause_holds_for_all_and_a_minute_has_its_number() -> None:
    clock = Clock()
    limiter = Limiter(per_minute=2, clock=clock, sleep=clock.sleep)
    limiter.pause(5)
    waits = []
    for _ in range(5):
        with limiter.turn() as waited:
            waits.append(waited)
    assert waits == [5, 0, 60, 0, 60]
    limiter.pause(100)
    with pytest.raises(TimeoutError), limiter.turn(longest_wait_s=50):
        pass


def test_one_limiter_an_endpoint_and_account() -> None:
    one = limiter_for("http://limited", 1, at_once=4)
    assert limiter_for("http://limited", 1, at_once=2) is one and one.at_once == 2
    assert limiter_for("http://limited", 1) is one and one.at_once == 2
    assert limiter_for("http://limited", 2) is not one
