"""ChatRequest to the body of an OpenAI-style chat completion, and such replies back.

Reads replies by attribute and believes nothing: many servers speak only something like it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kernelwright.llm import features
from kernelwright.llm.chat import (
    ChatRequest,
    ChatResult,
    Delta,
    Finish,
    Message,
    OnDelta,
    ToolCall,
)
from kernelwright.llm.failure import Failure
from kernelwright.llm.provider import Sending
from kernelwright.llm.schema_check import is_strict
from kernelwright.llm.thinking import Markers, ThinkingSplitter, split
from kernelwright.llm.usage import read_usage

_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def body(request: ChatRequest, how: Sending, model: str) -> dict[str, Any]:
    """The arguments of ``chat.completions.create``. What ``how.features`` lacks is left out."""
    found: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        **_sampling(request, how.features),
    }
    if request.tools and features.TOOLS in how.features:
        found["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ]
        if request.tool_choice == "required" and features.TOOL_CHOICE in how.features:
            found["tool_choice"] = "required"
    if request.schema is not None:
        found["response_format"] = _response_format(request, how)
    if features.STREAM in how.features:
        found["stream"] = True
        if features.STREAM_USAGE in how.features:
            found["stream_options"] = {"include_usage": True}
    if request.sampling.extra:
        found["extra_body"] = dict(request.sampling.extra)
    return found


def _sampling(request: ChatRequest, usable: frozenset[str]) -> dict[str, Any]:
    sampling = request.sampling
    long_name = "max_tokens" if features.MAX_TOKENS in usable else "max_completion_tokens"
    wanted: list[tuple[str, str | None, Any]] = [
        (long_name, None, sampling.max_tokens),
        ("temperature", features.TEMPERATURE, sampling.temperature),
        ("top_p", features.TOP_P, sampling.top_p),
        ("seed", features.SEED, sampling.seed),
        ("frequency_penalty", features.PENALTIES, sampling.frequency_penalty),
        ("presence_penalty", features.PENALTIES, sampling.presence_penalty),
        ("stop", features.STOP, list(sampling.stop) or None),
    ]
    return {
        name: value
        for name, feature, value in wanted
        if value is not None and (feature is None or feature in usable)
    }


def _response_format(request: ChatRequest, how: Sending) -> dict[str, Any]:
    if how.json_object:
        return {"type": "json_object"}
    schema = dict(request.schema or {})
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": is_strict(schema), "schema": schema},
    }


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.role == "tool":
        found["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    # Always JSON, also where the model's own was broken: servers parse it.
                    "arguments": json.dumps(dict(call.arguments)),
                },
            }
            for call in message.tool_calls
        ]
    return found


@dataclass
class _PartialCall:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Reply:
    """A reply being put together, from one piece or from many."""

    request: ChatRequest
    model: str
    markers: Markers
    on_delta: OnDelta
    clock: Callable[[], float]
    began: float = 0.0
    first_token_s: float | None = None
    finish: str | None = None
    usage: Any = None
    choices: int = 0
    content: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: dict[int, _PartialCall] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._splitter = ThinkingSplitter(self.markers)

    @property
    def partial(self) -> str:
        return "".join(self.content)

    def add_chunk(self, chunk: Any) -> None:
        """One event of a stream."""
        self.usage = getattr(chunk, "usage", None) or self.usage
        self.model = _text(getattr(chunk, "model", None)) or self.model
        for choice in _items(getattr(chunk, "choices", None))[:1]:
            self.choices += 1
            self.finish = _text(getattr(choice, "finish_reason", None)) or self.finish
            self._add(getattr(choice, "delta", None))

    def add_whole(self, completion: Any) -> None:
        """A reply that came in one piece."""
        self.usage = getattr(completion, "usage", None)
        self.model = _text(getattr(completion, "model", None)) or self.model
        for choice in _items(getattr(completion, "choices", None))[:1]:
            self.choices += 1
            self.finish = _text(getattr(choice, "finish_reason", None)) or "stop"
            self._add(getattr(choice, "message", None))
        self.first_token_s = None

    def _add(self, part: Any) -> None:
        if part is None:
            return
        thought = _text(getattr(part, "reasoning_content", None))
        if thought := thought or _text(getattr(part, "reasoning", None)):
            self.thinking.append(thought)
            self._say("reasoning", thought)
        if text := _content(getattr(part, "content", None)):
            self.content.append(text)
            for kind, piece in self._splitter.feed(text):
                self._say("reasoning" if kind == "reasoning" else "text", piece)
        for place, call in enumerate(_items(getattr(part, "tool_calls", None))):
            self._add_call(place, call)

    def _add_call(self, place: int, call: Any) -> None:
        index = getattr(call, "index", None)
        index = index if isinstance(index, int) else place
        found = self.calls.setdefault(index, _PartialCall())
        found.id = _text(getattr(call, "id", None)) or found.id
        function = getattr(call, "function", None)
        found.name += _text(getattr(function, "name", None))
        arguments = getattr(function, "arguments", None)
        piece = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
        found.arguments += piece
        self._say("tool", piece)

    def _say(self, kind: Any, text: str) -> None:
        if self.first_token_s is None:
            self.first_token_s = self.clock() - self.began
        self.on_delta(Delta(kind, text))

    def result(self) -> ChatResult:
        """The finished reply. Raises Failure("empty") when it had no choice at all."""
        for kind, piece in self._splitter.close():
            self._say("reasoning" if kind == "reasoning" else "text", piece)
        whole = "".join(self.content)
        answer, thought = split(whole, self.markers)
        written = len(whole) + len("".join(self.thinking))
        written += sum(len(c.arguments) + len(c.name) for c in self.calls.values())
        usage = read_usage(self.usage, self.request, written)
        if not self.choices:
            raise Failure("empty", "the reply has no choices", usage=usage)
        calls = tuple(
            ToolCall(call.name, id=call.id or f"call_{index}", raw=call.arguments)
            for index, call in sorted(self.calls.items())
        )
        finish = _FINISH.get(self.finish or "stop", "stop")
        return ChatResult(
            text=answer,
            tool_calls=calls,
            reasoning="".join(self.thinking) + thought,
            finish="tool_calls" if calls and finish == "stop" else finish,
            usage=usage,
            model=self.model,
            first_token_s=self.first_token_s,
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _content(value: Any) -> str:
    """Text, or the texts of a list of parts."""
    if isinstance(value, str):
        return value
    parts = [
        p.get("text") if isinstance(p, dict) else getattr(p, "text", None) for p in _items(value)
    ]
    return "".join(part for part in parts if isinstance(part, str))
