"""``llm.jsonl``: every exchange of a run, one JSON object a line, written when it has happened.

A line holds the request without secrets, the reply or the error, the failed tries, usage, latency
and the prompt's hash. The file is enough to repeat the run without a model (llm/replaying.py).
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelwright.errors import ModelError, StoreError
from kernelwright.llm.budget import Spent
from kernelwright.llm.chat import (
    Attempt,
    ChatModel,
    ChatRequest,
    ChatResult,
    OnDelta,
    ToolCall,
    Usage,
)
from kernelwright.llm.prompt_hash import prompt_hash, request_tree
from kernelwright.llm.secret import masked, masked_tree

log = logging.getLogger(__name__)
FILE_NAME = "llm.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Exchange:
    """One recorded line. ``result`` is None when there was no answer, and ``error`` says why
    ({kind, message, status, limit})."""

    step: str
    prompt_hash: str
    model: str
    request: Mapping[str, Any]
    result: ChatResult | None
    error: Mapping[str, Any] | None
    attempts: tuple[Attempt, ...]
    latency_s: float
    started_at: str
    line: int

    @property
    def usage(self) -> Usage:
        """Tokens of all its tries."""
        tries = sum((attempt.usage for attempt in self.attempts), Usage())
        return tries if self.result is None else tries + self.result.usage

    @property
    def requests(self) -> int:
        """How many requests it took."""
        unsent = self.error is not None and self.error.get("kind") == "budget"
        given_up = self.error is not None and not unsent
        # The try that ended the exchange stands among the failed ones when it failed.
        return len(self.attempts) + (0 if given_up or unsent else 1)


class Recorder:
    """Appends to one file; safe for threads, and for processes that write whole lines.

    What a killed process left unfinished at the end is cut off. Raises StoreError when the file
    cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            with _locked(self._file):
                _cut_torn_line(path)
        except OSError as error:
            raise StoreError(f"the record {path} cannot be opened: {error}") from error

    def close(self) -> None:
        self._file.close()

    def add(self, entry: Mapping[str, Any]) -> None:
        """Writes one line, which outlives this process from then on. Secrets are masked."""
        line = json.dumps(masked_tree(entry), ensure_ascii=False, default=str).encode() + b"\n"
        with self._lock:
            try:
                with _locked(self._file):
                    self._file.write(line)
                    self._file.flush()
            except (OSError, ValueError) as error:
                raise StoreError(f"the record {self.path} cannot be written: {error}") from error


class Recorded:
    """A ChatModel that also writes down what it is asked and answers."""

    def __init__(
        self, model: ChatModel, recorder: Recorder, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.model, self.recorder, self._clock = model, recorder, clock

    @property
    def name(self) -> str:
        return self.model.name

    def close(self) -> None:
        self.model.close()
        self.recorder.close()

    def complete(self, request: ChatRequest, on_delta: OnDelta | None = None) -> ChatResult:
        """As the model within. A failure is recorded too, then raised."""
        tree = masked_tree(request_tree(request))  # as a replay will hash it
        started, began = datetime.now(UTC).isoformat(timespec="milliseconds"), self._clock()
        entry: dict[str, Any] = {
            "v": FORMAT,
            "step": request.step,
            "prompt_hash": prompt_hash(tree),
            "model": self.name,
            "started_at": started,
            "request": tree,
        }
        try:
            result = self.model.complete(request, on_delta)
        except ModelError as error:
            entry["error"] = _error_tree(error)
            entry["attempts"] = [_attempt_tree(a) for a in error.attempts]
            self.recorder.add({**entry, "latency_s": round(self._clock() - began, 6)})
            raise
        entry["result"] = result_tree(result)
        entry["attempts"] = [_attempt_tree(a) for a in result.attempts]
        self.recorder.add({**entry, "latency_s": round(self._clock() - began, 6)})
        return result


def read_recording(path: Path) -> list[Exchange]:
    """The exchanges of a run, from its llm.jsonl or the folder that holds it. A line that cannot be
    read is left out and warned about. Raises StoreError when there is no such file."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise StoreError(
            f"there is no readable record of conversations at {file}: {error}"
        ) from error
    found: list[Exchange] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(_exchange(json.loads(line), number))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s line %d cannot be read and is left out: %r", file, number, error)
    return found


def spent_in(exchanges: list[Exchange]) -> Spent:
    """What a recorded run used: where a resumed run's Budget starts. Cost is left to its prices."""
    requests, usage, wall = 0, Usage(), 0.0
    for exchange in exchanges:
        requests += exchange.requests
        usage = usage + exchange.usage
        wall += exchange.latency_s
    return Spent(requests, usage.input_tokens, usage.output_tokens, None, wall, 0, usage.estimated)


def result_tree(result: ChatResult) -> dict[str, Any]:
    """An answer as JSON; what is empty is left out, and ``attempts`` are not in it."""
    tree: dict[str, Any] = {"finish": result.finish, "model": result.model}
    for name in ("text", "reasoning", "mode", "salvaged", "first_token_s"):
        if value := getattr(result, name):
            tree[name] = value
    if result.value is not None:
        tree["value"] = result.value
    if result.files:
        tree["files"] = dict(result.files)
    if result.tool_calls:
        tree["calls"] = [_set(dataclasses.asdict(call)) for call in result.tool_calls]
    tree["usage"] = _set(dataclasses.asdict(result.usage))
    tree["latency_s"] = result.latency_s
    return tree


def _exchange(tree: Mapping[str, Any], line: int) -> Exchange:
    if tree["v"] != FORMAT:
        raise ValueError(f"format {tree['v']!r} is not {FORMAT}")
    attempts = tuple(_attempt(a) for a in tree.get("attempts", ()))
    told = tree.get("result")
    return Exchange(
        step=str(tree["step"]),
        prompt_hash=str(tree["prompt_hash"]),
        model=str(tree["model"]),
        request=dict(tree["request"]),
        result=None if told is None else _result(told, attempts),
        error=None if told is not None else dict(tree["error"]),
        attempts=attempts,
        latency_s=float(tree.get("latency_s", 0.0)),
        started_at=str(tree.get("started_at", "")),
        line=line,
    )


def _result(tree: Mapping[str, Any], attempts: tuple[Attempt, ...]) -> ChatResult:
    told = dict(tree)
    calls = tuple(ToolCall(**call) for call in told.pop("calls", ()))
    usage = Usage(**told.pop("usage", {}))
    return ChatResult(**told, tool_calls=calls, usage=usage, attempts=attempts)


def _attempt(tree: Mapping[str, Any]) -> Attempt:
    told = dict(tree)
    usage = Usage(**told.pop("usage", {}))
    return Attempt(**{**told, "without": tuple(told.get("without", ()))}, usage=usage)


def _attempt_tree(attempt: Any) -> dict[str, Any]:
    tree = _set(dataclasses.asdict(attempt))
    if usage := _set(tree.get("usage", {})):
        tree["usage"] = usage
    else:
        tree.pop("usage", None)
    return {"kind": attempt.kind, "message": attempt.message, **tree}


def _error_tree(error: ModelError) -> dict[str, Any]:
    tree = {
        "kind": error.kind,
        "message": masked(str(error)),
        "status": error.status,
        "limit": getattr(error, "limit", None),
    }
    return {name: value for name, value in tree.items() if value is not None}


def _set(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if value not in (None, "", (), 0, False)}


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end, step = size, 64 << 10
        while end > 0:
            start = max(end - step, 0)
            file.seek(start)
            block = file.read(end - start)
            at = block.rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end < size:
            log.warning("%s: %d bytes of an unfinished line were cut off", path, size - end)
            file.truncate(end)


class _locked:
    """The file for one process at a time."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
