"""What is said to a language model and what it answers, whoever serves it.

Plain frozen records: a ``ChatModel`` takes a ``ChatRequest`` and gives a ``ChatResult``. Nothing
here knows a vendor, a wire format or a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]
ToolChoice = Literal["auto", "required", "none"]
# "length": cut by a token limit. "content_filter": withheld by the provider.
Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model wants called.

    ``problem`` is empty, or says why the call cannot be carried out (an unknown tool, arguments
    that are no JSON or break the tool's schema); ``arguments`` is empty then and ``raw`` holds
    what the model wrote.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    problem: str = ""
    raw: str = ""


@dataclass(frozen=True)
class Message:
    """One turn. A "tool" message answers the call ``tool_call_id`` of the tool ``name``."""

    role: Role
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""


@dataclass(frozen=True)
class Tool:
    """``parameters`` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Sampling:
    """How the answer is drawn; None leaves a setting to the server. ``max_tokens`` bounds the
    answer, thinking included. ``extra`` goes into the request's body as it is."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChatRequest:
    """One question. ``schema``: the answer is JSON of this schema (``ChatResult.value``); not
    together with ``tools``. ``step`` names the place in the run ("S03/coder"): a replay goes by it.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    schema: Mapping[str, Any] | None = None
    sampling: Sampling = Sampling()
    step: str = ""

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("a ChatRequest needs at least one message")
        if self.tools and self.schema is not None:
            raise ValueError("a ChatRequest has tools or a schema for its answer, not both")
        if self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice 'required' needs tools")


@dataclass(frozen=True)
class Usage:
    """Tokens of one or more replies. ``reasoning_tokens`` are part of ``output_tokens``,
    ``cached_tokens`` of ``input_tokens``. ``estimated``: from lengths of texts, because the server
    gave no (or impossible) numbers."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cached_tokens + other.cached_tokens,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True)
class Attempt:
    """A try that gave no usable answer, on the way to one that did. ``without``: what the next try
    leaves out because the endpoint may not know it. ``partial``: the text that had arrived."""

    kind: str
    message: str
    status: int | None = None
    waited_s: float = 0.0
    without: tuple[str, ...] = ()
    partial: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True)
class ChatResult:
    """An answer. ``value``: the parsed answer to a request with a schema. ``mode``: how tools or a
    schema were asked for ("native", "json_schema", "json_object", "text"; "" for neither).
    ``salvaged``: the tool calls were found in the text. ``files``: what a coding agent left in its
    folder, path to text. ``latency_s`` is of the last try, ``first_token_s`` None when it was not
    streamed. ``usage`` counts the last try alone; ``attempts`` hold their own."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    finish: Finish = "stop"
    usage: Usage = Usage()
    model: str = ""
    value: Any = None
    mode: str = ""
    salvaged: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    latency_s: float = 0.0
    first_token_s: float | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def truncated(self) -> bool:
        return self.finish == "length"

    def message(self) -> Message:
        """This answer as the turn that a next request carries on from."""
        return Message("assistant", self.text, self.tool_calls)


@dataclass(frozen=True)
class Delta:
    """A piece of an answer as it arrives. ``kind`` "restart": what came before is void, because the
    answer is asked for again."""

    kind: Literal["text", "reasoning", "tool", "restart"]
    text: str = ""


OnDelta = Callable[[Delta], None]


class ChatModel(Protocol):
    """Anything that answers. Blocking; several threads may call it at once."""

    @property
    def name(self) -> str:
        """The model's name, for people and for the record."""
        ...

    def complete(self, request: ChatRequest, on_delta: OnDelta | None = None) -> ChatResult:
        """The answer; pieces of it go to ``on_delta`` as they arrive, where the provider can
        stream. Raises ModelError when there is none, BudgetExhausted when none may be asked for."""
        ...

    def close(self) -> None: ...
