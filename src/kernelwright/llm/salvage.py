"""Tool calls that a model printed as text, because its server or its template knows no tools.

Models print what they were trained on: a JSON object bare or in a fence, tags around it, pairs of
tags, or a Python call. A call counts only when it names a tool that was offered; what merely looks
like JSON stays text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernelwright.llm.chat import Tool, ToolCall
from kernelwright.llm.code import code_blocks
from kernelwright.llm.lenient_json import values_in
from kernelwright.llm.schema_check import problem_with

# Under which keys a call's name and arguments stand in the wild.
_NAME_KEYS = ("name", "tool", "tool_name", "action", "function")
_ARGUMENT_KEYS = (
    "arguments",
    "parameters",
    "args",
    "input",
    "tool_input",
    "action_input",
    "kwargs",
)
_MAX_DEPTH = 5
# A name right before its JSON: <function=f>{..}, [TOOL_CALLS]f[ARGS]{..}, f<sep>{..}, Action: f
# then Action Input: {..}, and the markers of DeepSeek, which put a fence between.
_NAMED = re.compile(
    r"(?:<function=|\[TOOL_CALLS\]\s*|tool▁sep｜>|Action:[ \t]*)(?P<name>[\w.-]+)"
    r"(?:>|\[ARGS\]|\s*\n+\s*Action Input:|\s*\n\s*```(?:json)?)?\s*(?=\{)"
)
_TAGGED = re.compile(r"<function=(?P<name>[\w.-]+)>(?P<body>.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(?P<name>[\w.-]+)>\n?(?P<value>.*?)\n?</parameter>", re.DOTALL)


def salvage(text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
    """The calls of ``tools`` that are printed in ``text``, in order, none twice. Empty when there
    are none."""
    if not tools or not text.strip():
        return ()
    known = {tool.name: tool for tool in tools}
    for reader in (_tagged, _named, _json_calls, _python_calls):
        found: dict[str, ToolCall] = {}
        for name, arguments in reader(text, known):
            call = checked_call(known, name, arguments, call_id=f"salvaged_{len(found)}")
            found.setdefault(
                json.dumps([name, call.raw or dict(call.arguments)], default=str), call
            )
        if found:
            return tuple(found.values())
    return ()


def checked_call(
    known: Mapping[str, Tool], name: str, arguments: Any, call_id: str = ""
) -> ToolCall:
    """A ToolCall for ``arguments`` (a mapping or JSON text); ``problem`` says what is wrong."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
    if name not in known:
        problem = f"there is no tool {name!r}; there are: {', '.join(known)}"
        return ToolCall(name, id=call_id, problem=problem, raw=raw)
    value = arguments
    if isinstance(arguments, str):
        try:
            value = json.loads(arguments.strip() or "{}", strict=False)
        except (ValueError, RecursionError):
            whole = [v for start, _, v in values_in(arguments) if not arguments[:start].strip()]
            value = whole[0] if whole else None
    if not isinstance(value, Mapping):
        problem = f"the arguments of {name} are no JSON object"
        return ToolCall(name, id=call_id, problem=problem, raw=raw)
    if wrong := problem_with(value, known[name].parameters):
        return ToolCall(name, id=call_id, problem=f"the arguments of {name}: {wrong}", raw=raw)
    return ToolCall(name, dict(value), call_id)


def _tagged(text: str, known: Mapping[str, Tool]) -> Iterator[tuple[str, Any]]:
    for match in _TAGGED.finditer(text):
        pairs = _PARAMETER.findall(match["body"])
        if match["name"] in known and pairs:
            types = known[match["name"]].parameters.get("properties", {})
            yield match["name"], {k: _typed(v, types.get(k, {})) for k, v in pairs}


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A parameter between tags is a text; where the tool wants no text it is JSON."""
    if schema.get("type") in (None, "string"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _named(text: str, known: Mapping[str, Tool]) -> Iterator[tuple[str, Any]]:
    for match in _NAMED.finditer(text):
        if match["name"] not in known:
            continue
        first = next(values_in(text[match.end() :]), None)
        if first is not None and first[0] == 0 and isinstance(first[2], Mapping):
            yield match["name"], first[2]


def _json_calls(text: str, known: Mapping[str, Tool]) -> Iterator[tuple[str, Any]]:
    for _, _, value in values_in(text):
        yield from _calls_in(value, known, 0)


def _calls_in(value: Any, known: Mapping[str, Tool], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from _calls_in(item, known, depth + 1)
        return
    if not isinstance(value, Mapping):
        return
    call = _call_of(value, known)
    if call is not None:
        yield call
        return
    for item in value.values():
        yield from _calls_in(item, known, depth + 1)


def _call_of(value: Mapping[str, Any], known: Mapping[str, Tool]) -> tuple[str, Any] | None:
    for key in _NAME_KEYS:
        name = value.get(key)
        if not isinstance(name, str) or name not in known:
            continue
        for other in _ARGUMENT_KEYS:
            if other in value and other != key:
                return name, value[other]
        rest = {k: v for k, v in value.items() if k not in (key, "id", "type")}
        return name, rest
    if len(value) == 1:
        (name, arguments), *_ = value.items()
        if name in known and isinstance(arguments, Mapping):
            return name, arguments
    return None


def _python_calls(text: str, known: Mapping[str, Tool]) -> Iterator[tuple[str, Any]]:
    """``verify(code="...")``, alone in a fenced block or as the whole answer."""
    blocks = [block.text for block in code_blocks(text) if block.closed]
    for source in [*blocks, text]:
        try:
            tree = ast.parse(source.strip())
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        calls = [_literal_call(node, known) for node in tree.body]
        if calls and all(calls):
            yield from (call for call in calls if call)
            return


def _literal_call(node: ast.stmt, known: Mapping[str, Tool]) -> tuple[str, Any] | None:
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return None
    names = (
        list(known[call.func.id].parameters.get("properties", {})) if call.func.id in known else []
    )
    if len(call.args) > len(names):
        return None
    pairs: list[tuple[str | None, ast.expr]] = [*zip(names, call.args, strict=False)]
    pairs += [(keyword.arg, keyword.value) for keyword in call.keywords]
    try:
        return call.func.id, {str(name): ast.literal_eval(value) for name, value in pairs}
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None
