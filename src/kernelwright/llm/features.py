"""What an endpoint may or may not understand, and which of it a request uses.

A feature that an endpoint lacks has a replacement: tools become JSON actions, a schema becomes a
sentence in the prompt, a stream becomes one reply, and sampling settings are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernelwright.llm.chat import ChatRequest

TOOLS = "tools"
TOOL_CHOICE = "tool_choice"  # "required"
JSON_SCHEMA = "json_schema"
JSON_OBJECT = "json_object"
STREAM = "stream"
STREAM_USAGE = "stream_usage"
SYSTEM = "system"  # the role
MAX_TOKENS = "max_tokens"  # else the body says max_completion_tokens
SEED, TEMPERATURE, TOP_P, PENALTIES, STOP = "seed", "temperature", "top_p", "penalties", "stop"

# In the order in which they are suspected when a server refuses a request without saying why.
ALL = (
    JSON_SCHEMA, JSON_OBJECT, TOOL_CHOICE, TOOLS, STREAM_USAGE, PENALTIES, SEED, STOP, MAX_TOKENS,
    TEMPERATURE, TOP_P, SYSTEM, STREAM,
)  # fmt: skip

# Words of error messages that name a feature.
_WORDS = {
    JSON_SCHEMA: ("json_schema", "response_format", "structured output", "guided", "grammar"),
    JSON_OBJECT: ("json_object", "response_format", "json mode"),
    TOOL_CHOICE: ("tool_choice", "tool choice"),
    TOOLS: ("tools", "tool use", "tool call", "function call", "functions", "--jinja"),
    STREAM_USAGE: ("stream_options", "include_usage"),
    SYSTEM: ("system role", "system message", "role 'system'", 'role "system"', "must alternate"),
    MAX_TOKENS: ("max_completion_tokens", "'max_tokens'", "unsupported parameter: max_tokens"),
    SEED: ("seed",),
    TEMPERATURE: ("temperature",),
    TOP_P: ("top_p",),
    PENALTIES: ("penalty",),
    STOP: ("'stop'", "stop sequences", "param: stop"),
    STREAM: ("streaming", "'stream'", "stream=true"),
}


def used(request: ChatRequest, *, json_object: bool = False, stream: bool = True) -> frozenset[str]:
    """The features that sending ``request`` as it stands makes use of."""
    sampling = request.sampling
    found = {
        TOOLS: bool(request.tools),
        TOOL_CHOICE: request.tool_choice == "required",
        JSON_SCHEMA: request.schema is not None and not json_object,
        JSON_OBJECT: request.schema is not None and json_object,
        STREAM: stream,
        STREAM_USAGE: stream,
        SYSTEM: any(message.role == "system" for message in request.messages),
        MAX_TOKENS: sampling.max_tokens is not None,
        SEED: sampling.seed is not None,
        TEMPERATURE: sampling.temperature is not None,
        TOP_P: sampling.top_p is not None,
        PENALTIES: sampling.frequency_penalty is not None or sampling.presence_penalty is not None,
        STOP: bool(sampling.stop),
    }
    return frozenset(name for name, is_used in found.items() if is_used)


def named_in(message: str) -> frozenset[str]:
    """The features that a server's error message speaks of."""
    text = message.lower()
    return frozenset(f for f, words in _WORDS.items() if any(word in text for word in words))


def first_suspect(
    candidates: Iterable[str], named: Iterable[str], confirmed: Iterable[str]
) -> str | None:
    """Which feature to leave out next: one that the message names; else, when it names none that
    is in use, one that this endpoint has not been seen to understand."""
    usable, by_name, proven = set(candidates), set(named), set(confirmed)
    for feature in ALL:
        if feature in usable and feature in by_name:
            return feature
    return next((f for f in ALL if f in usable and f not in proven), None)
