"""A coding agent as a model: any program that speaks the Agent Client Protocol over its stdio.

Each request starts the agent anew in an empty folder, hands it the conversation as one prompt, and
gives back what it said and the files that it left. Options::

    command: [qwen, --acp]          # the program
    env: [OPENAI_API_KEY]           # variables that it is given beside PATH, HOME and the like
    mcp_servers: [{name: kernelwright, command: kernelwright, args: [mcp]}]
    allow_tools: ["*verify_kernel*"]  # titles of tools that it may use without asking a person
    tool_calls: 50                  # most tool calls in one request
    files: {task.py: "..."}         # what lies in the folder at the start

The agent is a program that the user chose; it is not sandboxed. It gets no key of ours, only the
variables named in ``env``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kernelwright.config import environment_of
from kernelwright.errors import MissingDependencyError, UsageError
from kernelwright.llm import features
from kernelwright.llm.agent_folder import AgentSession
from kernelwright.llm.budget import tokens_of
from kernelwright.llm.chat import ChatRequest, ChatResult, Finish, OnDelta, Usage
from kernelwright.llm.failure import Failure
from kernelwright.llm.provider import Sending
from kernelwright.llm.secret import Secret, masked
from kernelwright.llm.settings import ModelSettings

_ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "USER", "LOGNAME", "SHELL", "TMPDIR")
_OPTIONS = frozenset({"command", "env", "mcp_servers", "allow_tools", "tool_calls", "files"})
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "max_turn_requests": "length",
    "refusal": "content_filter",
    "cancelled": "length",
}
_LINE_BYTES = 50 << 20
_GRACE_S = 2.0


class CodingAgent:
    """``settings.options`` as in the module's text. Thread-safe: one process a request."""

    features = frozenset({features.SYSTEM, features.STREAM})

    def __init__(self, settings: ModelSettings) -> None:
        options = settings.options
        strange = sorted(set(options) - _OPTIONS)
        if strange:
            raise UsageError(
                f"unknown options {strange} of a coding agent; known: {sorted(_OPTIONS)}"
            )
        command = options.get("command", "")
        self._command = shlex.split(command) if isinstance(command, str) else list(command)
        if not self._command:
            raise UsageError("a coding agent needs its command (options: {command: [...]})")
        try:
            import acp  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                "a coding agent", "agent-client-protocol", "acp"
            ) from error
        self.name = settings.model or Path(self._command[0]).name
        self.endpoint, self.account = f"acp:{Path(self._command[0]).name}", 0
        self._options = options
        own = environment_of(tuple(options.get("env", ())))
        for value in own.values():
            Secret(value)  # so that it is masked wherever it turns up
        self._env = {**environment_of(_ALWAYS), **own}
        self._running: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends the agents that are at work."""
        with self._lock:
            for loop, task in self._running:
                with contextlib.suppress(RuntimeError):  # its loop has just ended
                    loop.call_soon_threadsafe(task.cancel)

    def send(self, request: ChatRequest, how: Sending, on_delta: OnDelta) -> ChatResult:
        folder = Path(tempfile.mkdtemp(prefix="kernelwright-agent-"))
        try:
            for name, text in dict(self._options.get("files", {})).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            return _in_own_loop(self._converse(folder, request, how, on_delta))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _converse(
        self, folder: Path, request: ChatRequest, how: Sending, on_delta: OnDelta
    ) -> ChatResult:
        session = AgentSession(
            folder,
            on_delta,
            allow_tools=self._options.get("allow_tools", ()),
            most_tool_calls=int(self._options.get("tool_calls", 0)),
        )
        session.over = asyncio.Event()
        process, stderr = await self._start(folder)
        work = asyncio.ensure_future(self._talk(process, session, request))
        ended = asyncio.ensure_future(process.wait())
        try:
            with self._cancellable():
                await asyncio.wait(
                    {work, ended}, timeout=how.timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
                if ended.done():  # its last words may still be on the way
                    await asyncio.wait({work}, timeout=_GRACE_S)
            said = "".join(session.said)
            if not work.done() and ended.done():
                raise self._died(process.returncode, stderr, said)
            if not work.done():
                text = f"the agent did not finish within {how.timeout_s:.0f} s"
                raise Failure("timeout", text, partial=said)
            reason, usage = await self._outcome(work, process, stderr, session)
        finally:
            work.cancel()
            ended.cancel()
            await _end(process)
            await asyncio.wait({work}, timeout=_GRACE_S)
        answer = "".join(session.said)
        prompt = _prompt(request)
        return ChatResult(
            text=answer,
            reasoning="".join(session.thought),
            finish=_FINISH.get(reason, "stop"),
            usage=usage or Usage(tokens_of(len(prompt)), tokens_of(len(answer)), estimated=True),
            model=self.name,
            files=session.files(),
        )

    @contextlib.contextmanager
    def _cancellable(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        entry = (asyncio.get_running_loop(), task)
        with self._lock:
            self._running.add(entry)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(entry)

    async def _outcome(
        self, work: Any, process: Any, stderr: _Tail, session: AgentSession
    ) -> tuple[str, Usage | None]:
        from acp import RequestError

        try:
            outcome: tuple[str, Usage | None] = await work
            return outcome
        except RequestError as error:
            kind = "auth" if error.code == -32000 else "agent"
            said = f"the agent {self.name} refused: {error} {error.data or ''}".strip()
            raise Failure(kind, masked(said)[:1000], partial="".join(session.said)) from None
        except (ConnectionError, EOFError, ValueError) as error:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE_S)
            failure = self._died(process.returncode, stderr, "".join(session.said))
            raise failure from error

    async def _talk(
        self, process: Any, session: AgentSession, request: ChatRequest
    ) -> tuple[str, Usage | None]:
        import acp
        from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation

        conn = acp.connect_to_agent(session, process.stdin, process.stdout)
        try:
            able = FileSystemCapabilities(read_text_file=True, write_text_file=True)
            await conn.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(fs=able, terminal=False),
                client_info=Implementation(name="kernelwright", version="1"),
            )
            opened = await conn.new_session(cwd=str(session.folder), mcp_servers=self._servers())
            prompt = asyncio.ensure_future(
                conn.prompt(session_id=opened.session_id, prompt=[acp.text_block(_prompt(request))])
            )
            over = asyncio.ensure_future(session.over.wait())
            await asyncio.wait({prompt, over}, return_when=asyncio.FIRST_COMPLETED)
            if not prompt.done():
                await conn.cancel(session_id=opened.session_id)
                await asyncio.wait({prompt}, timeout=_GRACE_S)
            over.cancel()
            if not prompt.done():
                prompt.cancel()
                return "cancelled", None
            answer = prompt.result()
            return str(answer.stop_reason), _usage(answer.usage)
        finally:
            await conn.close()

    def _servers(self) -> list[Any]:
        from acp.schema import EnvVariable, McpServerStdio

        return [
            McpServerStdio(
                name=str(server["name"]),
                command=str(server["command"]),
                args=[str(a) for a in server.get("args", ())],
                env=[EnvVariable(name=k, value=v) for k, v in dict(server.get("env", {})).items()],
            )
            for server in self._options.get("mcp_servers", ())
        ]

    async def _start(self, folder: Path) -> tuple[Any, _Tail]:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=folder,
                env=self._env,
                limit=_LINE_BYTES,
                start_new_session=True,  # so that all that it starts can be ended
            )
        except OSError as error:
            raise Failure("agent", f"{self._command[0]} cannot be started: {error}") from error
        return process, _Tail(process.stderr)

    def _died(self, returncode: int | None, stderr: _Tail, said: str) -> Failure:
        text = f"the agent {self.name} ended with status {returncode} before it had answered"
        return Failure("agent", masked(f"{text}\n{stderr.text()}").strip(), partial=said)


class _Tail:
    """The last of what a process writes to its standard error, read so that it never blocks."""

    def __init__(self, stream: asyncio.StreamReader | None) -> None:
        self._kept = b""
        self._task = asyncio.ensure_future(self._read(stream))

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None and (block := await stream.read(4096)):
            self._kept = (self._kept + block)[-4000:]

    def text(self) -> str:
        return self._kept.decode(errors="replace").strip()


async def _end(process: Any) -> None:
    """Ends the agent and all that it started."""
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE_S)
    # Also after it has ended itself: what it started may be left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    # The pipes are closed here, for the loop ends right after; asyncio has no public way.
    process._transport.close()
    await asyncio.sleep(0)


def _prompt(request: ChatRequest) -> str:
    """The conversation as one text."""
    if len(request.messages) == 1:
        return request.messages[0].text
    titles = {"system": "Instructions", "user": "Request", "assistant": "Your earlier answer"}
    parts = [f"# {titles.get(m.role, 'Result')}\n\n{m.text}" for m in request.messages]
    return "\n\n".join(parts)


def _usage(told: Any) -> Usage | None:
    if told is None:
        return None
    thinking, cached = told.thought_tokens or 0, told.cached_read_tokens or 0
    return Usage(told.input_tokens, told.output_tokens, thinking, cached)


def _in_own_loop(work: Any) -> Any:
    """Runs a coroutine to its end, in a thread of its own where the caller's has a loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="kernelwright-agent") as pool:
        return pool.submit(asyncio.run, work).result()


PROVIDER = CodingAgent
