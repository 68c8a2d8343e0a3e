"""Whatever goes wrong, in whatever order: an answer or an error, and books that balance."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.errors import BudgetExhausted, ModelError
from kernelwright.llm import (
    Budget,
    ChatRequest,
    Delta,
    Limits,
    Message,
    Recorded,
    Recorder,
    Replay,
    RetryPolicy,
    Sampling,
    Tool,
    Usage,
    read_recording,
)
from kernelwright.llm import features as f
from kernelwright.llm.client import Client
from kernelwright.llm.failure import LASTING, TRANSIENT, Failure
from kernelwright.llm.memory import EndpointMemory
from kernelwright.llm.providers.scripted import Scripted
from kernelwright.llm.recording import spent_in

pytest.importorskip("jsonschema")

CHECK = Tool(
    "check",
    "Checks.",
    {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
USAGE = {"input_tokens": 10, "output_tokens": 5}

REPLIES = st.one_of(
    st.sampled_from(
        [
            {"text": "words", "usage": USAGE},
            {"text": "", "usage": USAGE},
            {"text": '{"n": 3}', "usage": USAGE},
            {"text": '{"n": "x"}', "usage": USAGE},
            {"text": '{"call": {"name": "check", "arguments": {"n": 1}}}', "usage": USAGE},
            {"text": "cut", "finish": "length", "usage": USAGE},
            {"text": "", "finish": "content_filter", "usage": USAGE},
            {"tool": "check", "arguments": {"n": 2}, "usage": USAGE},
            {"tool": "nothing", "arguments": {}, "usage": USAGE},
        ]
    ),
    st.builds(
        lambda kind, status, named, after: Failure(
            kind,
            f"{kind} {sorted(named)}",
            status=status,
            named=named,
            retry_after_s=after,
            usage=Usage(3, 1),
        ),
        st.sampled_from(sorted(TRANSIENT | (LASTING - {"script"}))),
        st.sampled_from([None, 400, 429, 500, 503]),
        st.sets(st.sampled_from(f.ALL), max_size=2),
        st.sampled_from([None, None, 0.5, 40]),
    ),
)
ASKS = st.sampled_from(
    [
        ChatRequest((Message("user", "x"),), step="S"),
        ChatRequest((Message("system", "s"), Message("user", "x")), (CHECK,), step="S"),
        ChatRequest((Message("user", "x"),), (CHECK,), tool_choice="required", step="S"),
        ChatRequest((Message("user", "x"),), schema=SCHEMA, sampling=Sampling(seed=1), step="S"),
        ChatRequest((Message("user", "x"),), sampling=Sampling(max_tokens=300), step="S"),
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(REPLIES, min_size=4, max_size=12),
    st.lists(ASKS, min_size=1, max_size=3),
    st.integers(0, 20),
)
def test_every_exchange_ends_and_is_accounted_for(
    replies: list[Any], asks: list[ChatRequest], most: int
) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    script = Scripted(replies)
    budget = Budget(Limits(requests=most), clock=lambda: clock[0])
    retry = RetryPolicy(tries=3, grow_max_tokens=2, total_wait_s=60)
    client = Client(script, budget=budget, retry=retry, clock=lambda: clock[0], sleep=sleep)
    with tempfile.TemporaryDirectory() as folder:
        model = Recorded(client, Recorder(Path(folder) / "llm.jsonl"))
        outcomes = [_outcome(model, ask) for ask in asks]
        model.close()
        exchanges = read_recording(Path(folder))
        replayed = Replay.of(Path(folder))
        assert [_outcome(replayed, ask) for ask in asks] == outcomes
    assert clock[0] <= 60 * len(asks) + 1
    assert len(exchanges) == len(asks)
    assert budget.spent.requests == len(script.requests) <= most
    assert spent_in(exchanges).requests == len(script.requests)
    assert spent_in(exchanges).tokens == budget.spent.tokens
    for ask, outcome in zip(asks, outcomes):
        if ask.schema is not None and not isinstance(outcome, tuple):
            assert isinstance(outcome.value["n"], int)
        if ask.tool_choice == "required" and not isinstance(outcome, tuple):
            assert outcome.tool_calls or outcome.finish in ("length", "content_filter")


def _outcome(model: Any, ask: ChatRequest) -> Any:
    try:
        return model.complete(ask)
    except ModelError as error:
        return (type(error) is BudgetExhausted, error.kind, str(error))


def test_waits_have_a_limit_in_all() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    later = Failure("rate_limit", "later", status=429, retry_after_s=25)
    client = Client(
        Scripted([later] * 9),
        retry=RetryPolicy(total_wait_s=60),
        clock=lambda: clock[0],
        sleep=sleep,
    )
    with pytest.raises(ModelError, match="would exceed 60 s in all") as caught:
        client.complete(ChatRequest((Message("user", "x"),)))
    assert len(caught.value.attempts) == 3 and 50 <= clock[0] <= 60


def test_what_has_arrived_is_void_when_it_is_asked_again() -> None:
    deltas: list[Delta] = []
    script = Scripted([{"text": "bad one"}, {"text": '{"n": 3}'}])
    result = Client(script).complete(
        ChatRequest((Message("user", "x"),), schema=SCHEMA), deltas.append
    )
    assert result.value == {"n": 3}
    at = deltas.index(Delta("restart"))
    assert "".join(d.text for d in deltas[:at]) == "bad one"
    assert "".join(d.text for d in deltas[at:]) == '{"n": 3}'
    corrected = script.requests[1].messages
    assert [m.role for m in corrected[-2:]] == ["assistant", "user"]
    assert "no JSON was found" in corrected[-1].text


def test_one_slip_does_not_make_an_endpoint_forget_its_tools() -> None:
    ask = ChatRequest((Message("user", "x"),), (CHECK,), tool_choice="required")
    good = {"tool": "check", "arguments": {"n": 1}}
    action = '{"call": {"name": "check", "arguments": {"n": 2}}}'
    client = Client(Scripted([good, "chat", "chat", {"text": action}, good]))
    assert client.complete(ask).mode == "native"
    assert client.complete(ask).mode == "json_schema"
    assert client.complete(ask).mode == "native"


def test_a_feature_that_was_suspected_in_vain_is_not_held_against_the_endpoint() -> None:
    """The server refuses "seed" without saying so; tools are left out before that is found."""

    def reply(request: ChatRequest) -> Any:
        if request.sampling.seed is not None:
            return Failure("bad_request", "no", status=400)
        return {"tool": "check", "arguments": {"n": 1}}

    class Endpoint(Scripted):
        def send(self, request: ChatRequest, how: Any, on_delta: Any) -> Any:
            if f.SEED not in how.features:
                request = ChatRequest(request.messages, request.tools, step=request.step)
            return super().send(request, how, on_delta)

    memory = EndpointMemory("somewhere", "m")
    client = Client(Endpoint([reply] * 20), memory=memory)
    ask = ChatRequest((Message("user", "x"),), (CHECK,), sampling=Sampling(seed=1))
    client.complete(ask)
    assert memory.known()[f.SEED] is False
    assert f.TOOLS in memory.usable() and f.TEMPERATURE in memory.usable()
    again = client.complete(ask)
    assert again.mode == "native" and again.attempts == ()
