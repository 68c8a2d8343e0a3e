"""How tools and schemas are asked for: natively, as JSON of a schema, or in words; and how the
answers are read back.

An endpoint without native tools is given *JSON actions*: the answer is one JSON object that names
a tool and its arguments, under a schema where the endpoint knows schemas and by request otherwise.
What a caller sees is the same in all modes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.llm import features
from kernelwright.llm.chat import ChatRequest, ChatResult, Message, Tool, ToolCall
from kernelwright.llm.failure import Failure
from kernelwright.llm.lenient_json import parse
from kernelwright.llm.salvage import checked_call, salvage
from kernelwright.llm.schema_check import problem_with

NATIVE, TEXT = "native", "text"


@dataclass(frozen=True)
class Asked:
    """``sent`` is what a provider gets; ``mode`` is "" for a plain question."""

    original: ChatRequest
    sent: ChatRequest
    mode: str
    answer_tool: str = ""  # the name that stands for "no tool, this is my answer"

    @property
    def json_object(self) -> bool:
        return self.mode == features.JSON_OBJECT

    @property
    def lacking(self) -> str | None:
        """The feature at fault when an answer in this mode breaks the form."""
        if self.mode == NATIVE:
            return features.TOOLS
        return self.mode if self.mode in (features.JSON_SCHEMA, features.JSON_OBJECT) else None


def ask(request: ChatRequest, usable: frozenset[str]) -> Asked:
    """``request`` in the best mode that ``usable`` features allow."""
    sent, mode, answer = request, "", ""
    if request.tools and request.tool_choice == "none":
        sent = dataclasses.replace(request, tools=(), tool_choice="auto")
        sent = dataclasses.replace(sent, messages=_flat(request.messages))
    elif request.tools and features.TOOLS in usable:
        mode = NATIVE
        if request.tool_choice == "required" and features.TOOL_CHOICE not in usable:
            sent = dataclasses.replace(request, tool_choice="auto")
    elif request.tools:
        mode = _json_mode(usable)
        answer = "" if request.tool_choice == "required" else _free_name(request.tools)
        sent = _as_action(request, mode, answer)
    elif request.schema is not None:
        mode = _json_mode(usable)
        if mode != features.JSON_SCHEMA:
            said = "Answer with one JSON value of this JSON schema and nothing else:\n"
            sent = _with_system(request, said + json.dumps(request.schema))
            if mode == TEXT:
                sent = dataclasses.replace(sent, schema=None)
    if features.SYSTEM not in usable:
        sent = dataclasses.replace(sent, messages=_without_system(sent.messages))
    return Asked(request, sent, mode, answer)


def read(asked: Asked, result: ChatResult) -> ChatResult:
    """``result`` as an answer to the original request. Raises Failure("malformed") when it breaks
    the asked form, Failure("truncated") when a JSON value was cut."""
    request = asked.original
    result = dataclasses.replace(result, mode=asked.mode)
    if request.schema is not None:
        return _read_value(request.schema, result)
    if asked.mode == "":
        return result
    known = {tool.name: tool for tool in request.tools}
    if asked.mode == NATIVE:
        calls = tuple(_rechecked(known, call) for call in result.tool_calls)
        if calls:
            return dataclasses.replace(result, tool_calls=calls)
        return _salvaged(asked, result)
    return _read_action(asked, known, result)


def corrected(request: ChatRequest, failure: Failure) -> ChatRequest:
    """``request`` with the bad answer and what was wrong with it, to be asked again."""
    said = f"That answer cannot be used: {failure}. Answer again, in the form that was asked for."
    turns = [Message("assistant", failure.partial)] if failure.partial else []
    messages = (*request.messages, *turns, Message("user", said))
    return dataclasses.replace(request, messages=messages)


# ---- reading ---------------------------------------------------------------------------------


def _read_value(schema: Mapping[str, Any], result: ChatResult) -> ChatResult:
    try:
        value = parse(result.text)
        problem = problem_with(value, schema)
    except ValueError as error:
        value, problem = None, str(error)
    if problem and result.truncated:
        raise Failure(
            "truncated",
            "the answer was cut by its token limit before its JSON was complete; "
            "give a larger max_tokens",
            partial=result.text,
            usage=result.usage,
        )
    if problem:
        raise _malformed(f"it does not follow the JSON schema: {problem}", result)
    return dataclasses.replace(result, value=value)


def _read_action(asked: Asked, known: Mapping[str, Tool], result: ChatResult) -> ChatResult:
    try:
        value = parse(result.text)
    except ValueError:
        value = None
    action = value.get("call", value) if isinstance(value, Mapping) else None
    name = action.get("name") if isinstance(action, Mapping) else None
    if isinstance(action, Mapping) and asked.answer_tool and name == asked.answer_tool:
        said = action.get("arguments")
        text = said.get("text", "") if isinstance(said, Mapping) else said
        if isinstance(text, str) and text:
            return dataclasses.replace(result, text=text)
    if isinstance(action, Mapping) and name in known:
        call = checked_call(known, str(name), action.get("arguments", {}), "action_0")
        return dataclasses.replace(result, tool_calls=(call,), finish="tool_calls", text="")
    return _salvaged(asked, result)


def _salvaged(asked: Asked, result: ChatResult) -> ChatResult:
    calls = salvage(result.text, asked.original.tools)
    if calls:
        return dataclasses.replace(result, tool_calls=calls, salvaged=True)
    if result.truncated or result.finish == "content_filter":
        return result  # the caller sees why; the same question would be cut again
    if asked.original.tool_choice == "required":
        raise _malformed("it calls no tool, and one of the tools must be called", result)
    if asked.mode in (features.JSON_SCHEMA, features.JSON_OBJECT):
        raise _malformed("it is neither a tool call nor an answer in the asked JSON form", result)
    return result


def _malformed(message: str, result: ChatResult) -> Failure:
    return Failure("malformed", message, partial=result.text, usage=result.usage)


def _rechecked(known: Mapping[str, Tool], call: ToolCall) -> ToolCall:
    return checked_call(known, call.name, call.raw or dict(call.arguments), call.id)


# ---- asking ----------------------------------------------------------------------------------


def _json_mode(usable: frozenset[str]) -> str:
    ladder = (features.JSON_SCHEMA, features.JSON_OBJECT)
    return next((mode for mode in ladder if mode in usable), TEXT)


def _free_name(tools: Sequence[Tool]) -> str:
    names = {tool.name for tool in tools}
    return next(n for n in ("answer", "final_answer", "answer_in_words") if n not in names)


def _as_action(request: ChatRequest, mode: str, answer: str) -> ChatRequest:
    tools = list(request.tools)
    if answer:
        text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        schema = {**text, "additionalProperties": False}
        tools.append(Tool(answer, "Answer in words, without calling anything else.", schema))
    listed = "\n".join(
        f"- {tool.name}: {tool.description}\n  arguments: {json.dumps(tool.parameters)}"
        for tool in tools
    )
    said = (
        "You act by calling one tool at a time. The tools:\n"
        f"{listed}\n"
        "Answer with one JSON object and nothing else, of the form\n"
        '{"call": {"name": "<tool>", "arguments": {...}}}'
    )
    plain = dataclasses.replace(request, messages=_flat(request.messages))
    sent = dataclasses.replace(
        _with_system(plain, said),
        tools=(),
        tool_choice="auto",
        schema=None if mode == TEXT else _action_schema(tools),
    )
    return sent


def _action_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """One object with one call; the choice stands below the root, where strict servers allow it."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": [tool.name]},
                "arguments": dict(tool.parameters),
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    return {
        "type": "object",
        "properties": {"call": calls[0] if len(calls) == 1 else {"anyOf": calls}},
        "required": ["call"],
        "additionalProperties": False,
    }


def _with_system(request: ChatRequest, text: str) -> ChatRequest:
    first, *rest = request.messages
    if first.role == "system":
        first = dataclasses.replace(first, text=f"{first.text}\n\n{text}")
        return dataclasses.replace(request, messages=(first, *rest))
    return dataclasses.replace(request, messages=(Message("system", text), *request.messages))


def _without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System text in front of the first user message, for templates that know no such role."""
    told = "\n\n".join(m.text for m in messages if m.role == "system")
    rest = [m for m in messages if m.role != "system"]
    if not told:
        return tuple(rest)
    if rest and rest[0].role == "user":
        return (dataclasses.replace(rest[0], text=f"{told}\n\n{rest[0].text}"), *rest[1:])
    return (Message("user", told), *rest)


def _flat(messages: Sequence[Message]) -> tuple[Message, ...]:
    """A history without native tool calls: what was called and what came back, in words."""
    found: list[Message] = []
    for message in messages:
        if message.role == "tool":
            name = message.name or "the tool"
            message = Message("user", f"Result of {name}:\n{message.text}")
        elif message.tool_calls:
            calls = [
                json.dumps({"call": {"name": call.name, "arguments": dict(call.arguments)}})
                for call in message.tool_calls
            ]
            message = Message("assistant", "\n".join([message.text, *calls]).strip())
        if found and found[-1].role == message.role == "user":
            joined = f"{found[-1].text}\n\n{message.text}"
            found[-1] = Message("user", joined)
        else:
            found.append(message)
    return tuple(found)
