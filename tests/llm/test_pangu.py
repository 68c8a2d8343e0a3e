"""Pangu: thinking between its markers, and none when it is asked not to think."""

from __future__ import annotations

from typing import Any

import pytest

from kernelwright.llm import ChatRequest, Delta, Message, ModelSettings, open_model
from kernelwright.testing.model_server import ModelServer, Say

pytest.importorskip("openai")
ASK = ChatRequest((Message("user", "first"), Message("assistant", "yes"), Message("user", "now")))


@pytest.mark.parametrize("without", [frozenset(), frozenset({"stream"})])
def test_thinking_is_no_part_of_the_answer(without: frozenset[str]) -> None:
    say = Say("[unused16]let me see[unused17]\nthe answer", pieces=11)
    deltas: list[Delta] = []
    with ModelServer([say]) as server:
        settings = ModelSettings("PanguClient", "pangu", server.base_url, without=without)
        result = open_model(settings).complete(ASK, deltas.append)
    assert (result.text, result.reasoning) == ("the answer", "let me see")
    said = {
        kind: "".join(d.text for d in deltas if d.kind == kind) for kind in ("text", "reasoning")
    }
    assert said["text"].strip() == "the answer" and said["reasoning"] == "let me see"


@pytest.mark.parametrize(
    ("think", "ending"), [(None, "now"), (True, "now"), (False, "now /no_think")]
)
def test_thinking_is_switched_off_in_the_last_question(think: bool | None, ending: str) -> None:
    with ModelServer([Say("ok")]) as server:
        settings = ModelSettings("pangu", "pangu", server.base_url, enable_think=think)
        open_model(settings).complete(ASK)
        messages: list[Any] = server.asked[0].body["messages"]
    assert messages[-1]["content"] == ending and messages[0]["content"] == "first"


def test_other_models_have_a_switch_in_their_template() -> None:
    with ModelServer([Say("ok")]) as server:
        open_model(ModelSettings(model="q", base_url=server.base_url, enable_think=False)).complete(
            ASK
        )
        assert server.asked[0].body["chat_template_kwargs"] == {"enable_thinking": False}
