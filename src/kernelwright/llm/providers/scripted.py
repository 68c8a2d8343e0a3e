"""A model that says what a script tells it: for tests, demonstrations and dry runs, no network.

A script is a list of replies, in Python or in a YAML file (``options: {script: path}``)::

    - "a plain answer"
    - {text: "```python\\n...\\n```", usage: {input_tokens: 10, output_tokens: 20}}
    - {tool: verify, arguments: {code: "..."}}
    - {value: {tile: 64}}
    - {failure: rate_limit, message: slow down, retry_after_s: 2}
    - {match: "softmax", text: "only for a prompt with this word", repeat: true}

A reply with ``match`` (a regular expression) waits for a prompt that has it; ``repeat`` keeps it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kernelwright.errors import ConfigError
from kernelwright.llm import features
from kernelwright.llm.budget import prompt_tokens, tokens_of
from kernelwright.llm.chat import ChatRequest, ChatResult, Delta, OnDelta, ToolCall, Usage
from kernelwright.llm.failure import Failure
from kernelwright.llm.provider import Sending
from kernelwright.llm.settings import ModelSettings

Reply = str | Mapping[str, Any] | ChatResult | Failure | Callable[[ChatRequest], Any]
_KEYS = frozenset(
    {
        "text", "reasoning", "tool", "arguments", "calls", "value", "files", "finish", "usage",
        "failure", "message", "retry_after_s", "status", "match", "repeat",
    }
)  # fmt: skip


class Scripted:
    """Gives the replies in order; ``requests`` keeps what was asked. Thread-safe."""

    def __init__(
        self,
        replies: Sequence[Reply],
        *,
        name: str = "scripted",
        supported: frozenset[str] = frozenset(features.ALL),
    ) -> None:
        self.name, self.endpoint, self.account = name, "scripted", 0
        self.features = supported
        self.requests: list[ChatRequest] = []
        self._left = list(replies)
        for reply in self._left:
            _check(reply)
        self._lock = threading.Lock()

    def close(self) -> None:
        pass

    @property
    def left(self) -> int:
        """Replies that were not given yet."""
        with self._lock:
            return len(self._left)

    def send(self, request: ChatRequest, how: Sending, on_delta: OnDelta) -> ChatResult:
        with self._lock:
            self.requests.append(request)
            reply = self._take(request)
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Failure):
            raise reply
        result = reply if isinstance(reply, ChatResult) else _result(reply, request)
        if features.STREAM in how.features:
            for piece in re.findall(r"\S+\s*|\s+", result.text):
                on_delta(Delta("text", piece))
        return result

    def _take(self, request: ChatRequest) -> Any:
        prompt = "\n".join(message.text for message in request.messages)
        for index, reply in enumerate(self._left):
            options = reply if isinstance(reply, Mapping) else {}
            if "match" in options and not re.search(str(options["match"]), prompt):
                continue
            if not options.get("repeat"):
                del self._left[index]
            return reply
        raise Failure("script", "the scripted model has no reply left for this prompt")


def read_script(path: Path) -> list[Reply]:
    """The replies in a YAML file. Raises ConfigError."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the script {path} cannot be read: {error}") from error
    if not isinstance(tree, list):
        raise ConfigError(f"the script {path} must be a list of replies")
    return tree


def _check(reply: Any) -> None:
    if isinstance(reply, Mapping):
        strange = sorted(set(reply) - _KEYS)
        if strange:
            raise ConfigError(f"unknown keys {strange} in a scripted reply; known: {sorted(_KEYS)}")
    elif not isinstance(reply, str | ChatResult | Failure) and not callable(reply):
        raise ConfigError(f"a scripted reply must be a text or a mapping, found {reply!r}")


def _result(reply: Any, request: ChatRequest) -> ChatResult:
    if isinstance(reply, ChatResult):
        return reply
    told: dict[str, Any] = {"text": reply} if isinstance(reply, str) else dict(reply)
    if "failure" in told:
        raise Failure(
            str(told["failure"]),
            str(told.get("message", "scripted failure")),
            status=told.get("status"),
            retry_after_s=told.get("retry_after_s"),
        )
    calls = list(told.get("calls", ()))
    if "tool" in told:
        calls.append({"name": told["tool"], "arguments": told.get("arguments", {})})
    text = json.dumps(told["value"]) if "value" in told else str(told.get("text", ""))
    given = told.get("usage")
    usage = (
        Usage(**given)
        if given is not None
        else Usage(prompt_tokens(request), tokens_of(len(text)), estimated=True)
    )
    return ChatResult(
        text=text,
        reasoning=str(told.get("reasoning", "")),
        tool_calls=tuple(
            ToolCall(call["name"], id=f"call_{i}", raw=json.dumps(call.get("arguments", {})))
            for i, call in enumerate(calls)
        ),
        finish=told.get("finish", "tool_calls" if calls else "stop"),
        usage=usage,
        model="scripted",
        files=dict(told.get("files", {})),
    )


def _from_settings(settings: ModelSettings) -> Scripted:
    script = settings.options.get("script")
    if script is None:
        raise ConfigError("the scripted provider needs options: {script: <yaml file>}")
    replies = read_script(Path(script)) if isinstance(script, str | Path) else list(script)
    return Scripted(replies, name=settings.model or "scripted")


PROVIDER = _from_settings
