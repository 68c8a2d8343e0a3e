"""A coding agent over the Agent Client Protocol: what it says, leaves behind, and may not do."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from kernelwright.errors import MissingDependencyError, ModelError, UsageError
from kernelwright.llm import (
    ChatRequest,
    ChatResult,
    Delta,
    Message,
    ModelSettings,
    RetryPolicy,
    open_model,
)

pytest.importorskip("acp")

AGENT = Path(__file__).with_name("scripted_agent.py")
ASK = ChatRequest((Message("system", "be good"), Message("user", "make a kernel")))


def converse(*actions: list[Any], timeout_s: float = 30.0, **options: Any) -> ChatResult:
    command = [sys.executable, str(AGENT), json.dumps(list(actions))]
    settings = ModelSettings("acp", timeout_s=timeout_s, options={"command": command, **options})
    return open_model(settings, retry=RetryPolicy(tries=1)).complete(ASK)


def test_an_agent_answers_and_leaves_files() -> None:
    result = converse(
        ["think", "hm"],
        ["say", "Done: <prompt> in <cwd> with <servers>"],
        ["read", "task.py"],
        ["write", "out/kernel.py", "x = 1\n"],
        ["usage", 100, 20],
        files={"task.py": "the task"},
        mcp_servers=[{"name": "judge", "command": "true"}],
    )
    assert "make a kernel" in result.text and "be good" in result.text
    assert "with judge" in result.text and result.text.endswith("the task")
    assert result.reasoning == "hm" and result.finish == "stop"
    assert result.files == {"task.py": "the task", "out/kernel.py": "x = 1\n"}
    assert (result.usage.input_tokens, result.usage.output_tokens) == (100, 20)
    folder = re.search(r" in (/\S+) with", result.text)
    assert folder is not None and not Path(folder[1]).exists(), "the folder is still there"


def test_an_agent_is_kept_within_its_folder_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-agent")
    monkeypatch.setenv("AGENT_KEY", "sk-for-this-agent")
    outside = tmp_path / "outside.txt"
    outside.write_text("private")
    result = converse(
        ["write", str(outside), "overwritten"],
        ["write", "../../outside.txt", "overwritten"],
        ["read", str(outside)],
        ["ask", {"title": "edit outside", "kind": "edit", "paths": [str(outside)]}],
        ["ask", {"title": "edit inside", "kind": "edit", "paths": ["kernel.py"]}],
        ["ask", {"title": "edit somewhere", "kind": "edit"}],
        ["ask", {"title": "run rm", "kind": "execute", "paths": ["kernel.py"]}],
        ["ask", {"title": "judge: verify_kernel", "kind": "other"}],
        ["env", "OPENAI_API_KEY"],
        ["env", "AGENT_KEY"],
        allow_tools=["*verify_kernel*"],
        env=["AGENT_KEY"],
    )
    assert result.text.endswith("[OPENAI_API_KEY=None][AGENT_KEY=sk-for-this-agent]")
    assert outside.read_text() == "private" and "private" not in result.text
    assert result.text.count("[not written") == 2 and result.text.count("[not read") == 1
    assert re.findall(r"\[([\w :]+): (\w+)\]", result.text) == [
        ("edit outside", "no"),
        ("edit inside", "yes"),
        ("edit somewhere", "no"),
        ("run rm", "no"),
        ("judge: verify_kernel", "yes"),
    ]


def test_an_agent_that_dies_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_KEY", "sk-for-this-agent")
    with pytest.raises(ModelError, match="status 3") as caught:
        converse(["say", "so far"], ["die", 3], env=["AGENT_KEY"])
    assert caught.value.kind == "agent"
    assert "something went wrong ***" in str(caught.value)


def test_an_agent_that_wants_a_login() -> None:
    with pytest.raises(ModelError, match="Authentication required") as caught:
        converse(["auth"])
    assert caught.value.kind == "auth"


def test_a_slow_agent_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match="did not finish within 1 s") as caught:
        converse(["sleep", 60], timeout_s=1)
    assert caught.value.kind == "timeout" and time.monotonic() - began < 30


def test_too_many_tool_calls_end_the_turn_and_all_that_was_started() -> None:
    """This agent does not stop when it is told to, and it has started a program."""
    result = converse(["spawn", 600], ["tools", 6], ["sleep", 600], ["say", "end"], tool_calls=5)
    assert result.finish == "length" and "end" not in result.text
    (child,) = re.findall(r"child (\d+)", result.text)
    assert_gone(int(child))


def test_closing_ends_the_agent() -> None:
    said = threading.Event()
    children: list[str] = []

    def hear(delta: Delta) -> None:
        children.extend(re.findall(r"child (\d+)", delta.text))
        said.set()

    command = [sys.executable, str(AGENT), json.dumps([["spawn", 600], ["sleep", 600]])]
    model = open_model(ModelSettings("acp", options={"command": command}))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(model.complete, ASK, hear)
        assert said.wait(60)
        model.close()
        with pytest.raises(ModelError, match="was closed"):
            asked.result(60)
    assert_gone(int(children[0]))


def assert_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.01)
    pytest.fail("what the agent had started is still running")


def test_what_cannot_be_started() -> None:
    settings = ModelSettings("acp", options={"command": "/no/such/agent --acp"})
    with pytest.raises(ModelError, match="/no/such/agent cannot be started"):
        open_model(settings).complete(ASK)
    with pytest.raises(UsageError, match="command"):
        open_model(ModelSettings("acp"))
    with pytest.raises(UsageError, match="comand"):
        open_model(ModelSettings("acp", options={"comand": "x"}))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "acp", None)
    with pytest.raises(MissingDependencyError, match=r"kernelwright\[acp\]"):
        open_model(ModelSettings("acp", options={"command": "x"}))
