"""A coding agent for tests: speaks the Agent Client Protocol and does what its script says.

    python scripted_agent.py '<JSON list of actions>'

Actions: say, think, write [path, text], read path, ask {title, kind, paths}, env NAME, spawn
seconds, sleep seconds, tools n, die status, usage [in, out], stop reason, auth.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import acp
from acp.schema import (
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    ToolCallLocation,
    ToolCallUpdate,
    Usage,
)


class ScriptedAgent:
    def __init__(self, actions: list[Any]) -> None:
        self.actions = actions
        self.usage: Usage | None = None
        self.reason = "end_turn"
        self.servers: list[str] = []

    def on_connect(self, conn: Any) -> None:
        self.conn = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, mcp_servers: Any = None, **_: Any) -> NewSessionResponse:
        if ["auth"] in self.actions:
            raise acp.RequestError.auth_required()
        self.cwd = cwd
        self.servers = [server.name for server in mcp_servers or ()]
        return NewSessionResponse(session_id="s1")

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.reason = "cancelled"

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        self.prompted = prompt[0].text
        for name, *arguments in self.actions:
            if self.reason == "cancelled":
                break
            await getattr(self, f"do_{name}")(session_id, *arguments)
        return PromptResponse(stop_reason=self.reason, usage=self.usage)  # type: ignore[arg-type]

    async def do_say(self, session: str, text: str) -> None:
        text = text.replace("<prompt>", self.prompted).replace("<cwd>", self.cwd)
        text = text.replace("<servers>", ",".join(self.servers))
        await self.conn.session_update(session, acp.update_agent_message_text(text))

    async def do_think(self, session: str, text: str) -> None:
        await self.conn.session_update(session, acp.update_agent_thought_text(text))

    async def do_write(self, session: str, path: str, text: str) -> None:
        try:
            await self.conn.write_text_file(session_id=session, path=path, content=text)
        except acp.RequestError as error:
            await self.do_say(session, f"[not written: {error}]")

    async def do_read(self, session: str, path: str) -> None:
        try:
            found = await self.conn.read_text_file(session_id=session, path=path)
            await self.do_say(session, found.content)
        except acp.RequestError as error:
            await self.do_say(session, f"[not read: {error}]")

    async def do_ask(self, session: str, what: dict[str, Any]) -> None:
        places = [ToolCallLocation(path=path) for path in what.get("paths", ())]
        call = ToolCallUpdate(
            tool_call_id="t", title=what["title"], kind=what.get("kind"), locations=places
        )
        options = [
            PermissionOption(option_id="always", name="Always", kind="allow_always"),
            PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
            PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        answer = await self.conn.request_permission(
            session_id=session, tool_call=call, options=options
        )
        await self.do_say(session, f"[{what['title']}: {answer.outcome.option_id}]")

    async def do_env(self, session: str, name: str) -> None:
        await self.do_say(session, f"[{name}={os.environ.get(name)}]")

    async def do_tools(self, session: str, count: int) -> None:
        for number in range(count):
            await self.conn.session_update(session, acp.start_tool_call(f"t{number}", "working"))
            await asyncio.sleep(0.01)
            if self.reason == "cancelled":
                return

    async def do_spawn(self, session: str, seconds: int) -> None:
        child = subprocess.Popen(["sleep", str(seconds)])
        await self.do_say(session, f"[child {child.pid}]")

    async def do_sleep(self, session: str, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def do_die(self, session: str, status: int) -> None:
        print("something went wrong", os.environ.get("AGENT_KEY", ""), file=sys.stderr, flush=True)
        os._exit(status)

    async def do_usage(self, session: str, given: int, answered: int) -> None:
        self.usage = Usage(
            total_tokens=given + answered, input_tokens=given, output_tokens=answered
        )

    async def do_stop(self, session: str, reason: str) -> None:
        self.reason = reason


if __name__ == "__main__":
    asyncio.run(acp.run_agent(ScriptedAgent(json.loads(sys.argv[1]))))  # type: ignore[arg-type]
