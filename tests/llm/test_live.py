"""A model that the user names (``make test-llm``): does it answer in every form that is asked
of it, and what does its endpoint lack?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kernelwright.llm import (
    Budget,
    ChatModel,
    ChatRequest,
    Limits,
    Message,
    ModelSettings,
    Sampling,
    Secret,
    Tool,
    open_model,
    read_recording,
)
from kernelwright.llm.memory import EndpointMemory

pytestmark = pytest.mark.live

SHORT = Sampling(temperature=0.0, seed=1, max_tokens=400)
TILE = {
    "type": "object",
    "properties": {"tile": {"type": "integer", "enum": [32, 64]}},
    "required": ["tile"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def settings() -> ModelSettings:
    if not os.environ.get("LLM_BASE_URL") or not os.environ.get("LLM_MODEL"):
        pytest.skip("set LLM_BASE_URL and LLM_MODEL")
    return ModelSettings(
        os.environ.get("LLM_PROVIDER", "openai_compatible"),
        os.environ["LLM_MODEL"],
        os.environ["LLM_BASE_URL"],
        Secret(os.environ.get("LLM_API_KEY", "")),
    )


@pytest.fixture
def model(settings: ModelSettings, tmp_path: Path) -> ChatModel:
    budget = Budget(Limits(requests=20))
    return open_model(settings, budget=budget, run_folder=tmp_path, state_dir=tmp_path)


def asking(text: str) -> tuple[Message, ...]:
    return (Message("system", "You answer briefly."), Message("user", text))


def test_it_streams_an_answer(model: ChatModel, tmp_path: Path) -> None:
    pieces: list[str] = []
    ask = ChatRequest(asking("Say hello."), sampling=SHORT)
    result = model.complete(ask, lambda delta: pieces.append(delta.text))
    print(f"\n{result.model}: {result.text!r}, {result.usage}, {len(pieces)} pieces")
    assert result.text or result.truncated
    assert result.usage.output_tokens > 0
    assert read_recording(tmp_path)[0].result == result


def test_it_answers_under_a_schema(model: ChatModel) -> None:
    ask = ChatRequest(asking("Choose tile 64."), schema=TILE, sampling=SHORT)
    result = model.complete(ask)
    print(f"\nschema: {result.mode}, {result.value}")
    assert result.value["tile"] in (32, 64)


def test_it_calls_a_tool(model: ChatModel, settings: ModelSettings, tmp_path: Path) -> None:
    tool = Tool("set_tile", "Sets the tile size.", TILE)
    ask = ChatRequest(
        asking("Set the tile size to 64."), (tool,), tool_choice="required", sampling=SHORT
    )
    result = model.complete(ask)
    lacks = [
        feature
        for feature, known in EndpointMemory(settings.endpoint, settings.model, tmp_path)
        .known()
        .items()
        if not known
    ]
    print(f"\ntools: {result.mode}, salvaged: {result.salvaged}; the endpoint lacks: {lacks}")
    assert [call.name for call in result.tool_calls] == ["set_tile"]
    assert result.tool_calls[0].problem == ""
