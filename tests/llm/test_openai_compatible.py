"""The OpenAI-compatible provider against a real HTTP server, faults and all."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kernelwright.errors import ModelError
from kernelwright.llm import (
    Budget,
    ChatRequest,
    Delta,
    Limits,
    Message,
    ModelSettings,
    RetryPolicy,
    Sampling,
    Secret,
    Tool,
    open_model,
    read_recording,
    secrets,
)
from kernelwright.testing.model_server import ModelServer, Refuse, Say

pytest.importorskip("openai")
pytest.importorskip("jsonschema")

QUICK = RetryPolicy(first_wait_s=0.001, tries=4)
CHECK = Tool(
    "check",
    "Checks a kernel.",
    {
        "type": "object",
        "properties": {"code": {"type": "string"}, "tile": {"type": "integer"}},
        "required": ["code", "tile"],
        "additionalProperties": False,
    },
)
CALL = '{"code": "x", "tile": 64}'
SCHEMA = {
    "type": "object",
    "properties": {"tile": {"type": "integer"}},
    "required": ["tile"],
    "additionalProperties": False,
}


def asking(text: str = "hello", **options: Any) -> ChatRequest:
    return ChatRequest((Message("system", "be brief"), Message("user", text)), **options)


def model_at(server: ModelServer, tmp_path: Path | None = None, **options: Any) -> Any:
    opening = {"retry": QUICK, "state_dir": tmp_path}
    for name in ("budget", "run_folder", "retry", "state_dir"):
        if name in options:
            opening[name] = options.pop(name)
    options.setdefault("model", "m")
    return open_model(ModelSettings(base_url=server.base_url, **options), **opening)


def test_streams_text_thinking_and_usage() -> None:
    say = Say(
        "The answer.", thinking="let me see", usage={"prompt_tokens": 5, "completion_tokens": 9}
    )
    deltas: list[Delta] = []
    with ModelServer([say]) as server:
        result = model_at(server).complete(asking(), deltas.append)
    assert (result.text, result.reasoning, result.finish) == ("The answer.", "let me see", "stop")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (5, 9)
    assert not result.usage.estimated
    assert "".join(d.text for d in deltas if d.kind == "text") == "The answer."
    assert len([d for d in deltas if d.kind == "text"]) == 3
    assert result.model == "served-model" and result.first_token_s is not None
    assert result.first_token_s <= result.latency_s


def test_headers_query_and_sampling_arrive() -> None:
    sampling = Sampling(0.25, 0.5, 7, 100, 0.1, 0.2, ("END",), {"top_k": 3})
    with ModelServer([Say("ok")], key="sk-a-long-enough-key") as server:
        model_at(
            server,
            api_key=Secret("sk-a-long-enough-key"),
            headers=secrets({"csb-token": "token-value"}),
            query=secrets({"api-version": "2026"}),
        ).complete(asking(sampling=sampling))
        asked = server.asked[0]
    assert asked.headers["csb-token"] == "token-value"
    assert asked.path.endswith("?api-version=2026")
    expected = {
        "temperature": 0.25, "top_p": 0.5, "seed": 7, "max_tokens": 100, "frequency_penalty": 0.1,
        "presence_penalty": 0.2, "stop": ["END"], "top_k": 3,
    }  # fmt: skip
    assert {name: asked.body[name] for name in expected} == expected


def test_native_tool_calls_are_put_together_and_checked() -> None:
    say = Say(calls=[("check", CALL), ("check", '{"code": 5}')], finish="tool_calls")
    with ModelServer([say]) as server:
        result = model_at(server).complete(asking(tools=(CHECK,)))
    first, second = result.tool_calls
    assert dict(first.arguments) == {"code": "x", "tile": 64} and first.problem == ""
    assert second.arguments == {} and "check" in second.problem
    assert result.mode == "native" and result.finish == "tool_calls"


def test_a_conversation_with_tools_goes_on() -> None:
    with ModelServer([Say(calls=[("check", CALL)]), Say("done")]) as server:
        model = model_at(server)
        request = asking(tools=(CHECK,))
        first = model.complete(request)
        turns = (
            *request.messages,
            first.message(),
            Message("tool", "passed", tool_call_id=first.tool_calls[0].id, name="check"),
        )
        assert model.complete(ChatRequest(turns, tools=(CHECK,))).text == "done"
        sent = server.asked[1].body["messages"]
    assert sent[2]["tool_calls"][0]["id"] == sent[3]["tool_call_id"]
    assert sent[3] == {"role": "tool", "content": "passed", "tool_call_id": "call_0"}


def test_waits_as_long_as_retry_after_says(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = Refuse(429, "slow down", {"retry-after-ms": "120"})
    with ModelServer([refuse, refuse, Say("ok")]) as server:
        result = model_at(server).complete(asking())
    assert result.text == "ok"
    assert [a.kind for a in result.attempts] == ["rate_limit", "rate_limit"]
    assert all(0.12 <= a.waited_s < 0.2 for a in result.attempts)


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    with ModelServer([Refuse(429, "later", {"Retry-After": "3600"})]) as server:
        with pytest.raises(ModelError, match="3600 s would exceed") as caught:
            model_at(server).complete(asking())
    assert caught.value.kind == "rate_limit" and caught.value.status == 429
    assert len(caught.value.attempts) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Refuse(500, "oops"), "server"),
        (Refuse(503, "busy"), "server"),
        (Refuse(200, "overloaded"), "server"),  # an error event within the stream
        (Say("half an answer", break_after=3), "broken_stream"),
        (Say("half an answer", unfinished=True), "broken_stream"),
        (Say(no_choices=True), "empty"),
        (Say(""), "empty"),
    ],
)
def test_passing_faults_are_tried_again_and_recorded(
    fault: Say | Refuse, kind: str, tmp_path: Path
) -> None:
    deltas: list[Delta] = []
    with ModelServer([fault, Say("whole answer")]) as server:
        model = model_at(server, run_folder=tmp_path)
        result = model.complete(asking(), deltas.append)
        model.close()
        assert len(server.asked) == 2
    assert result.text == "whole answer"
    assert [a.kind for a in result.attempts] == [kind]
    assert Delta("restart") in deltas
    (exchange,) = read_recording(tmp_path)
    assert exchange.requests == 2 and exchange.attempts[0].kind == kind
    if kind == "broken_stream":
        assert "half" in exchange.attempts[0].partial


def test_gives_up_after_its_tries() -> None:
    with ModelServer(forever=Refuse(503, "busy")) as server:
        with pytest.raises(ModelError, match="after 4 tries") as caught:
            model_at(server).complete(asking())
        assert len(server.asked) == 4
    assert isinstance(caught.value, RuntimeError) and caught.value.__cause__ is not None
    assert len(caught.value.attempts) == 4


@pytest.mark.parametrize(
    ("refusal", "kind", "hint"),
    [
        (Refuse(401, "who are you"), "auth", "Check the key"),
        (Refuse(404, "no such model"), "not_found", "base_url"),
        (Refuse(400, "maximum context length is 4096 tokens"), "context_length", "4096"),
        (Refuse(429, "insufficient_quota"), "quota", "insufficient_quota"),
        (Refuse(200, body="<html>hi</html>", content_type="text/html"), "not_a_model", "/v1"),
    ],
)
def test_lasting_faults_are_not_tried_again(refusal: Refuse, kind: str, hint: str) -> None:
    with ModelServer(forever=refusal) as server:
        with pytest.raises(ModelError, match=hint) as caught:
            model_at(server).complete(asking())
        assert len(server.asked) == 1
    assert caught.value.kind == kind


def test_nobody_listens() -> None:
    with ModelServer() as server:
        pass
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        model_at(server, retry=RetryPolicy(tries=2, first_wait_s=0.001)).complete(asking())
    assert caught.value.kind == "connection"


def test_silence_ends_in_a_timeout() -> None:
    with ModelServer([Say("late", hang_s=1.5)], forever=Say("ok")) as server:
        result = model_at(server, idle_s=0.6).complete(asking())
    assert result.text == "ok" and result.attempts[0].kind == "timeout"


def test_an_answer_that_is_cut_says_so_or_is_asked_for_with_more_room() -> None:
    cut = Say("```python\nx = ", finish="length")
    with ModelServer([cut, cut, Say("```python\nx = 1\n```")]) as server:
        request = asking(sampling=Sampling(max_tokens=10))
        assert model_at(server).complete(request).truncated
        grows = RetryPolicy(grow_max_tokens=4)
        result = model_at(server, retry=grows).complete(request)
        assert [a.body["max_tokens"] for a in server.asked] == [10, 10, 40]
    assert not result.truncated and result.attempts[0].kind == "truncated"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": -4, "completion_tokens": 3},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": "many", "completion_tokens": [1]},
        {"total_tokens": True},
        "none",
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_wrong_usage_is_estimated(usage: Any, stream: bool) -> None:
    with ModelServer([Say("a" * 300, usage=usage)]) as server:
        without = frozenset() if stream else frozenset({"stream"})
        result = model_at(server, without=without).complete(asking("b" * 600))
    assert result.usage.estimated
    assert result.usage.input_tokens > 200 and result.usage.output_tokens > 0


# ---- what endpoints may not know -------------------------------------------------------------


NO_TOOLS = Refuse(400, "this model does not support tools")
NO_SCHEMA = Refuse(400, "response_format of type json_schema is not supported")
NO_OBJECT = Refuse(400, "json_object is not supported")
ACTION = f'{{"call": {{"name": "check", "arguments": {CALL}}}}}'


@pytest.mark.parametrize(
    ("rejects", "mode"),
    [
        ({"tools": NO_TOOLS}, "json_schema"),
        ({"tools": NO_TOOLS, "json_schema": NO_SCHEMA}, "json_object"),
        ({"tools": NO_TOOLS, "json_schema": NO_SCHEMA, "json_object": NO_OBJECT}, "text"),
        ({"tools": Refuse(400, "bad request")}, "json_schema"),  # which does not say why
        ({"tools": Refuse(500, "crash: tools")}, "json_schema"),
    ],
)
def test_tools_become_json_actions_where_there_are_none(
    rejects: dict[str, Refuse], mode: str, tmp_path: Path
) -> None:
    request = asking(tools=(CHECK,), tool_choice="required")
    with ModelServer(forever=Say(ACTION), rejects=rejects) as server:
        result = model_at(server, tmp_path).complete(request)
        assert result.mode == mode
        assert dict(result.tool_calls[0].arguments) == {"code": "x", "tile": 64}
        tries = len(server.asked)
        again = model_at(server, tmp_path).complete(request)  # another process, as it were
        assert len(server.asked) == tries + 1, "what the endpoint lacks was not remembered"
        assert again.mode == mode and again.attempts == ()
        told = str(server.asked[-1].body["messages"])
        assert "Checks a kernel." in told and "tools" not in server.asked[-1].body


def test_an_endpoint_that_refuses_everything_is_not_asked_for_ever() -> None:
    with ModelServer(forever=Refuse(400, "no")) as server:
        with pytest.raises(ModelError) as caught:
            model_at(server).complete(asking(tools=(CHECK,), sampling=Sampling(seed=1)))
        assert caught.value.kind == "bad_request"
        assert len(server.asked) < 15


@pytest.mark.parametrize(
    ("feature", "message", "gone"),
    [
        ("stream_options", "unknown field stream_options", "stream_options"),
        ("stream", "streaming is not supported", "stream"),
        ("seed", "seed is not supported", "seed"),
        (
            "max_tokens",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.",
            "max_tokens",
        ),
        ("temperature", "temperature must be 1 for this model", "temperature"),
    ],
)
def test_other_features_are_left_out_where_they_are_refused(
    feature: str, message: str, gone: str, tmp_path: Path
) -> None:
    sampling = Sampling(seed=3, max_tokens=50, temperature=0.5)
    with ModelServer(forever=Say("ok"), rejects={feature: Refuse(400, message)}) as server:
        model = model_at(server, tmp_path)
        assert model.complete(asking(sampling=sampling)).text == "ok"
        assert model.complete(asking(sampling=sampling)).attempts == ()
        last = server.asked[-1].body
    assert not last.get(gone)
    others = {"stream", "seed", "temperature"} - {gone}
    assert all(last.get(name) for name in others)
    if feature == "max_tokens":
        assert last["max_completion_tokens"] == 50


def test_a_template_without_system_role() -> None:
    reject = {"system": Refuse(500, "Jinja Exception: System role not supported")}
    with ModelServer(forever=Say("ok"), rejects=reject) as server:
        assert model_at(server).complete(asking()).text == "ok"
        assert server.asked[-1].body["messages"] == [
            {"role": "user", "content": "be brief\n\nhello"}
        ]


def test_an_endpoint_that_never_says_where_it_ends_is_asked_without_a_stream() -> None:
    def reply(body: Any) -> Say:
        return Say("fine", unfinished=bool(body.get("stream")))

    with ModelServer(forever=reply) as server:
        assert model_at(server).complete(asking()).text == "fine"
        assert [bool(a.body.get("stream")) for a in server.asked] == [True, True, False]


@pytest.mark.parametrize(
    "printed",
    [
        f'I will check.\n```json\n{{"name": "check", "arguments": {CALL}}}\n```',
        f'<tool_call>\n{{"name": "check", "arguments": {CALL}}}\n</tool_call>',
        f"check({CALL})".replace(f"({CALL})", '(code="x", tile=64)'),
    ],
)
def test_tool_calls_printed_as_text_are_found(printed: str) -> None:
    with ModelServer([Say(printed)]) as server:
        result = model_at(server).complete(asking(tools=(CHECK,), tool_choice="required"))
    assert result.salvaged and dict(result.tool_calls[0].arguments) == {"code": "x", "tile": 64}


def test_tools_that_are_ignored_in_silence() -> None:
    """The server takes tools and drops them; the model chats. After two answers without a call the
    request becomes a JSON action."""

    def reply(body: Any) -> Say:
        return Say(ACTION if "response_format" in body else "Hello! How can I help?")

    with ModelServer(forever=reply) as server:
        model = model_at(server)
        request = asking(tools=(CHECK,), tool_choice="required")
        result = model.complete(request)
        assert result.mode == "json_schema" and result.tool_calls[0].name == "check"
        assert [a.kind for a in result.attempts] == ["malformed", "malformed"]
        corrected = server.asked[1].body["messages"][-1]["content"]
        assert "one of the tools must be called" in corrected
        assert model.complete(request).attempts == ()


def test_an_answer_under_a_schema() -> None:
    with ModelServer([Say('{"tile": 32}'), Say("tile is 32"), Say('{"tile": 64}')]) as server:
        model = model_at(server)
        first = model.complete(asking(schema=SCHEMA))
        assert first.value == {"tile": 32} and first.mode == "json_schema"
        assert server.asked[0].body["response_format"]["json_schema"]["strict"] is True
        second = model.complete(asking(schema=SCHEMA))
    assert second.value == {"tile": 64} and second.attempts[0].kind == "malformed"


def test_a_schema_that_is_never_kept_ends_in_an_error() -> None:
    with ModelServer(forever=Say('{"tile": "big"}')) as server:
        with pytest.raises(ModelError, match="does not follow the JSON schema") as caught:
            model_at(server).complete(asking(schema=SCHEMA))
        assert caught.value.kind == "malformed" and len(server.asked) <= 6


def test_json_that_is_cut_is_an_error_unless_there_is_more_room() -> None:
    cut = Say('{"tile": 1', finish="length")
    request = asking(schema=SCHEMA, sampling=Sampling(max_tokens=8))
    with ModelServer([cut, cut, Say('{"tile": 12}')]) as server:
        with pytest.raises(ModelError, match="max_tokens") as caught:
            model_at(server).complete(request)
        assert caught.value.kind == "truncated"
        grows = RetryPolicy(grow_max_tokens=2)
        assert model_at(server, retry=grows).complete(request).value == {"tile": 12}


# ---- many at once ----------------------------------------------------------------------------


def test_parallel_requests_share_one_limit_and_one_budget() -> None:
    budget = Budget(Limits(requests=6))
    results: list[str] = []
    with ModelServer(forever=Say("ok", hang_s=0.02)) as server:
        model = model_at(server, budget=budget, at_once=2)

        def ask() -> None:
            try:
                results.append(model.complete(asking()).text)
            except ModelError as error:
                results.append(error.kind)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.most_at_once <= 2
        assert len(server.asked) == 6
    assert sorted(results) == ["budget"] * 4 + ["ok"] * 6
    assert budget.spent.requests == 6 and budget.spent.input_tokens == 66


def test_closing_ends_what_waits_in_other_threads() -> None:
    outcomes: list[tuple[str, float]] = []
    deltas: list[Delta] = []
    with ModelServer(
        [Say("late", hang_s=40.0), Refuse(429, "later", {"retry-after": "60"})]
    ) as server:
        model = model_at(server)

        def ask() -> None:
            began = time.monotonic()
            try:
                model.complete(asking(), deltas.append)
            except ModelError as error:
                outcomes.append((error.kind, time.monotonic() - began))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
            time.sleep(0.3)
        model.close()
        for thread in threads:
            thread.join()
        assert [kind for kind, _ in outcomes] == ["closed", "closed"]
        assert max(seconds for _, seconds in outcomes) < 20
        with pytest.raises(ModelError, match="was closed"):
            model.complete(asking())
    assert not [delta for delta in deltas if delta.text]


# ---- what is secret --------------------------------------------------------------------------


KEY, TOKEN, QUERY = "sk-9f8e7d6c5b4a-key", "csb-1a2b3c4d5e-token", "query-0123456789"


def test_keys_and_headers_reach_no_log_record_or_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = Refuse(500, f"bad header csb-token: {TOKEN}")
    settings: dict[str, Any] = {
        "api_key": Secret(KEY),
        "headers": secrets({"csb-token": TOKEN}),
        "query": secrets({"api-key": QUERY}),
    }
    with ModelServer([echo, Say(f"your key is {KEY}")], key=KEY) as server:
        model = model_at(server, tmp_path / "state", run_folder=tmp_path / "run", **settings)
        assert model.complete(asking(f"my key is {KEY}")).text
        sent = server.asked[0]
        model.close()
    assert TOKEN in sent.headers.values() and KEY in sent.headers["authorization"]
    with ModelServer(key="another") as server:  # echoes what it was given, as some servers do
        model = model_at(server, tmp_path / "state", run_folder=tmp_path / "run2", **settings)
        with pytest.raises(ModelError) as caught:
            model.complete(asking())
        model.close()
    import traceback

    texts = [
        *[record.getMessage() for record in caplog.records],
        *[str(vars(record)) for record in caplog.records],
        "".join(traceback.format_exception(caught.value)),
        repr(ModelSettings(**settings)),
        repr(caught.value.attempts),
        *capfd.readouterr(),
        *[p.read_text() for p in tmp_path.rglob("*") if p.is_file()],
        *[str(p) for p in tmp_path.rglob("*")],
    ]
    assert len(texts) > 12 and any("127.0.0.1" in text for text in texts)
    for secret in (KEY, TOKEN, QUERY):
        assert not [text for text in texts if secret in text]
