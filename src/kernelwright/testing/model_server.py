"""A real HTTP server that speaks OpenAI's chat completions and says what a script tells it.

It also fails as real servers do: refusals, broken streams, empty and cut replies, wrong usage, and
features that it does not know. For tests of agents and providers, on 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass(frozen=True)
class Say:
    """One answer. ``usage``: what is reported, None for nothing. ``calls``: (name, JSON text).
    ``pieces``: how many events the text is cut into. ``break_after``: the connection is cut within
    the event after that many; ``unfinished``: the stream ends in order, but never says that the
    answer did. ``hang_s``: silence before the first event."""

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    thinking: str = ""
    finish: str | None = "stop"
    usage: Any = field(default_factory=lambda: {"prompt_tokens": 11, "completion_tokens": 7})
    pieces: int = 3
    break_after: int | None = None
    unfinished: bool = False
    no_choices: bool = False
    hang_s: float = 0.0


@dataclass(frozen=True)
class Refuse:
    """An HTTP error, or (``status`` 200) an error event within a stream."""

    status: int
    message: str = "refused"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"


Reply = Say | Refuse | Callable[[Mapping[str, Any]], "Say | Refuse"]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ModelServer:
    """Use as a context manager; ``base_url`` is its address.

    ``replies`` are given in order (a callable makes one from the request's body), then ``forever``.
    ``rejects`` maps a feature ("tools", "tool_choice", "json_schema", "json_object", "stream",
    "stream_options", "seed", "max_tokens", "system") to how a request with it is refused; such a
    request takes no reply off the list. ``key``: the one bearer token that is let in.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        forever: Reply | None = None,
        rejects: Mapping[str, Refuse] | None = None,
        key: str | None = None,
    ) -> None:
        self._replies, self._forever = list(replies), forever
        self.rejects, self.key = dict(rejects or {}), key
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        serve = {"poll_interval": 0.01}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def left(self) -> int:
        """Replies that were not given yet."""
        with self._lock:
            return len(self._replies)

    def reply_to(self, asked: Asked) -> Say | Refuse:
        """What a request gets."""
        with self._lock:
            self.asked.append(asked)
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            shown = asked.headers.get("authorization", "")
            return Refuse(401, f"Incorrect API key provided: {shown}")
        used = _used(asked.body)
        refused = next((how for what, how in self.rejects.items() if what in used), None)
        if refused is not None:
            return refused
        with self._lock:
            reply = self._replies.pop(0) if self._replies else self._forever
        if reply is None:
            return Refuse(418, "the script has no reply left")
        return reply if isinstance(reply, Say | Refuse) else reply(asked.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Handler(_Handler):
            owner = self

        return Handler

    def enter(self) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[ModelServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # a client that gave up
            super().handle()

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.enter()
        try:
            self._answer(self.owner.reply_to(Asked(self.path, headers, body)), body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.owner.leave()

    def _answer(self, reply: Say | Refuse, body: Mapping[str, Any]) -> None:
        streams = bool(body.get("stream"))
        if isinstance(reply, Refuse):
            if reply.status == 200 and streams and reply.body is None:
                self._head(200, "text/event-stream", chunked=True)
                self._event({"error": {"message": reply.message}})
                self._last()
                return
            text = reply.body
            if text is None:
                text = json.dumps({"error": {"message": reply.message, "type": "error"}})
            self._whole(reply.status, text, reply.content_type, reply.headers)
            return
        time.sleep(reply.hang_s)
        if streams:
            self._stream(reply, body)
        else:
            self._whole(200, json.dumps(_completion(reply)), "application/json", {})

    def _whole(self, status: int, text: str, kind: str, headers: Mapping[str, str]) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, reply: Say, body: Mapping[str, Any]) -> None:
        self._head(200, "text/event-stream", chunked=True)
        for number, event in enumerate(_events(reply)):
            if reply.break_after is not None and number >= reply.break_after:
                half = f"data: {json.dumps(event)}"[:20].encode()
                self.wfile.write(f"{len(half) + 50:x}\r\n".encode() + half)  # less than promised
                self.wfile.flush()
                self.close_connection = True
                return
            self._event(event)
        if reply.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
            self._event({**_frame("chat.completion.chunk"), "choices": [], "usage": reply.usage})
        if not reply.unfinished:
            self._chunk(b"data: [DONE]\n\n")
        self._last()

    def _head(self, status: int, kind: str, *, chunked: bool) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        if chunked:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, event: Mapping[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(event)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _last(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


def _used(body: Mapping[str, Any]) -> set[str]:
    found = {name for name in body if body[name] not in (None, False)}
    found.add(str((body.get("response_format") or {}).get("type", "")))
    if any(message["role"] == "system" for message in body.get("messages", ())):
        found.add("system")
    return found


def _frame(kind: str) -> dict[str, Any]:
    return {"id": "reply-1", "object": kind, "created": 0, "model": "served-model"}


def _calls(reply: Say) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": text}}
        for i, (name, text) in enumerate(reply.calls)
    ]


def _completion(reply: Say) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.calls:
        message["tool_calls"] = _calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    found = {**_frame("chat.completion"), "choices": [] if reply.no_choices else [choice]}
    return found if reply.usage is None else {**found, "usage": reply.usage}


def _events(reply: Say) -> list[dict[str, Any]]:
    if reply.no_choices:
        return [{**_frame("chat.completion.chunk"), "choices": []}]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if reply.thinking:
        deltas.append({"reasoning_content": reply.thinking})
    size = max(-(-len(reply.text) // reply.pieces), 1)
    starts = range(0, len(reply.text), size)
    deltas += [{"content": reply.text[start : start + size]} for start in starts]
    for index, call in enumerate(_calls(reply)):
        name, text = call["function"]["name"], call["function"]["arguments"]
        head = {"index": index, "id": call["id"], "type": "function"}
        deltas.append({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    events: list[tuple[dict[str, Any], str | None]] = [(delta, None) for delta in deltas]
    if not reply.unfinished:
        events.append(({}, reply.finish))
    return [
        {
            **_frame("chat.completion.chunk"),
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        for delta, finish in events
    ]
