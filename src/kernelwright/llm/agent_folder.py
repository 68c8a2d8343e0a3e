"""What a coding agent may do: read and write within its folder, and call the tools it was given.

The other side of the Agent Client Protocol, for one session. The agent's word is not believed:
what counts is what lies in the folder when it has finished, or came through a tool of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kernelwright.llm.chat import Delta, OnDelta

# What an agent may ask leave for by its kind, when all places it names lie in the folder.
_WITHIN = frozenset({"read", "edit", "delete", "move", "search"})
MAX_FILES, MAX_FILE_BYTES = 200, 2 << 20


class AgentSession:
    """The client's half of a session (an ``acp.Client``). ``allow_tools``: patterns of tool titles
    that may be used without a place ("*verify_kernel*"). ``most_tool_calls``: 0 for no limit."""

    def __init__(
        self,
        folder: Path,
        on_delta: OnDelta,
        *,
        allow_tools: Sequence[str] = (),
        most_tool_calls: int = 0,
    ) -> None:
        self.folder, self._on_delta = folder.resolve(), on_delta
        self._allow_tools, self.most_tool_calls = tuple(allow_tools), most_tool_calls
        self.said: list[str] = []
        self.thought: list[str] = []
        self.refused: list[str] = []
        self.tool_calls = 0
        self.over: Any = None  # an asyncio.Event, set when there were too many tool calls

    # ---- what the protocol calls ---------------------------------------------------------------

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        kind = getattr(update, "session_update", "")
        text = getattr(getattr(update, "content", None), "text", None)
        if kind == "agent_message_chunk" and isinstance(text, str):
            self.said.append(text)
            self._on_delta(Delta("text", text))
        elif kind == "agent_thought_chunk" and isinstance(text, str):
            self.thought.append(text)
            self._on_delta(Delta("reasoning", text))
        elif kind == "tool_call":
            self.tool_calls += 1
            self._on_delta(Delta("tool", str(getattr(update, "title", ""))))
            if self.most_tool_calls and self.tool_calls > self.most_tool_calls and self.over:
                self.over.set()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Sequence[Any], **_: Any
    ) -> Any:
        from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

        allowed = self.permits(tool_call)
        if not allowed:
            self.refused.append(str(getattr(tool_call, "title", None) or tool_call.tool_call_id))
        wanted = ("allow_once",) if allowed else ("reject_once", "reject_always")
        for kind in wanted:
            for option in options:
                if option.kind == kind:
                    chosen = AllowedOutcome(outcome="selected", option_id=option.option_id)
                    return RequestPermissionResponse(outcome=chosen)
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **_: Any,
    ) -> Any:
        from acp import ReadTextFileResponse, RequestError

        try:
            lines = self._inside(path).read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError):
            raise RequestError.resource_not_found(path) from None
        start = max((line or 1) - 1, 0)
        end = None if limit is None else start + limit
        return ReadTextFileResponse(content="".join(lines[start:end]))

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> Any:
        from acp import RequestError, WriteTextFileResponse

        target = self._inside(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        except OSError as error:
            raise RequestError.invalid_params({"path": path, "error": str(error)}) from None
        return WriteTextFileResponse()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        from acp import RequestError

        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        pass

    def on_connect(self, conn: Any) -> None:
        pass

    # ---- what is allowed, and what came out ----------------------------------------------------

    def permits(self, tool_call: Any) -> bool:
        """Whether the agent may do what it asks leave for."""
        title = str(getattr(tool_call, "title", None) or "")
        if any(fnmatchcase(title, pattern) for pattern in self._allow_tools):
            return True
        places = [place.path for place in getattr(tool_call, "locations", None) or ()]
        kind = getattr(tool_call, "kind", None)
        return kind in _WITHIN and bool(places) and all(self._holds(place) for place in places)

    def files(self) -> dict[str, str]:
        """The text files in the folder, by their paths in it. Links, hidden folders and what is no
        text or too large are left out."""
        found: dict[str, str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if hidden or path.is_symlink() or not path.is_file() or len(found) >= MAX_FILES:
                continue
            try:
                within = path.resolve().is_relative_to(self.folder)
                if within and path.stat().st_size <= MAX_FILE_BYTES:
                    found[str(name)] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def _holds(self, path: str) -> bool:
        place = Path(path)
        place = place if place.is_absolute() else self.folder / place
        return place.resolve().is_relative_to(self.folder)

    def _inside(self, path: str) -> Path:
        from acp import RequestError

        if not self._holds(path):
            self.refused.append(path)
            raise RequestError.invalid_params({"path": path, "error": "outside of the folder"})
        place = Path(path)
        return (place if place.is_absolute() else self.folder / place).resolve()
