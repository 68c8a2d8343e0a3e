"""One request, named by what it asks: equal for runs that differ only in clocks, paths and ids."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from kernelwright.llm.chat import ChatRequest, Sampling

# Measured times and ratios, temporary paths, ids, addresses, dates. Nothing that might be a shape
# ("128x64", "3 x 3"): a replay must tell those apart.
_UNITS = r"\s*(?:ns|us|µs|ms|s|sec|seconds)\b"
_RATES = r"(?:x|%|\s*(?:[GT]i?B/s|[GT]FLOPS?(?:/s)?))(?!\w)"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
# The digit comes before the look behind it, so that the engine can skip to digits.
_MEASURED = re.compile(rf"\d(?<![\w.]\d)\d*(?:\.\d+)?(?:(?P<time>(?:e[+-]?\d+)?{_UNITS})|{_RATES})")
_TEMPORARY = re.compile(r"(?:/[\w.+-]+){0,12}/(?:tmp|T|temp)/[\w./+-]+")
# With a text that must occur, which is much faster to look for.
_RARE = (
    (("/tmp/", "/T/", "/temp/"), _TEMPORARY, "<path>"),
    (("0x", "0X"), re.compile(r"\b0[xX][0-9a-fA-F]{6,}\b"), "<address>"),
    (("Task_",), re.compile(r"\bTask_[0-9a-z]{8}\b"), "<task>"),
    (("pid",), re.compile(r"\bpid[ =]\d+\b"), "<pid>"),
    (
        ("-",),
        re.compile(
            r"[0-9a-fA-F](?<!\w[0-9a-fA-F])[0-9a-fA-F]{7}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
        ),
        "<id>",
    ),
    (
        ("-",),
        re.compile(rf"\d(?<!\w\d)\d{{3}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"),
        "<when>",
    ),
)


def normal_text(text: str) -> str:
    """``text`` with times, rates, temporary paths, ids, addresses and dates replaced by names."""
    for needles, pattern, name in _RARE:
        if any(needle in text for needle in needles):
            text = pattern.sub(name, text)
    return _MEASURED.sub(lambda found: "<time>" if found["time"] else "<rate>", text)


def request_tree(request: ChatRequest) -> dict[str, Any]:
    """A request as JSON; what is empty or unset is left out."""
    tree: dict[str, Any] = {"messages": [_message(m) for m in request.messages]}
    if request.tools:
        tree["tools"] = [
            {"name": t.name, "description": t.description, "parameters": dict(t.parameters)}
            for t in request.tools
        ]
    if request.tool_choice != "auto":
        tree["tool_choice"] = request.tool_choice
    if request.schema is not None:
        tree["schema"] = dict(request.schema)
    if sampling := sampling_tree(request.sampling):
        tree["sampling"] = sampling
    return tree


def sampling_tree(sampling: Sampling) -> dict[str, Any]:
    """What ``sampling`` sets."""
    values = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "max_tokens": sampling.max_tokens,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "stop": list(sampling.stop) or None,
        "extra": dict(sampling.extra) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def shown(tree: Any) -> str:
    """A recorded request as lines for people and for diffs, normalised."""
    lines: list[str] = []
    for message in tree.get("messages", ()):
        lines.append(f"[{message['role']}]")
        lines.extend(str(message.get("text", "")).splitlines())
        lines.extend(
            f"calls {json.dumps(call, sort_keys=True)}" for call in message.get("calls", ())
        )
    for key in ("tools", "tool_choice", "schema", "sampling"):
        if key in tree:
            lines.append(f"[{key}] {json.dumps(tree[key], sort_keys=True)}")
    return normal_text("\n".join(lines))


def prompt_hash(tree: Any) -> str:
    """16 hex digits that name a request (as of ``request_tree``) after normalisation."""
    return hashlib.sha256(shown(tree).encode()).hexdigest()[:16]


def _message(message: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {"role": message.role, "text": message.text}
    if message.tool_calls:
        tree["calls"] = [
            {"name": c.name, "arguments": dict(c.arguments)} | ({"raw": c.raw} if c.raw else {})
            for c in message.tool_calls
        ]
    if message.role == "tool":
        tree["name"] = message.name
    return tree
