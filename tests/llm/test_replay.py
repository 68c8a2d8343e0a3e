"""A run is recorded, survives being killed, and is repeated without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kernelwright.errors import BudgetExhausted, ConfigError, ModelError, ReplayMismatch, StoreError
from kernelwright.llm import (
    Budget,
    ChatModel,
    ChatRequest,
    ChatResult,
    Limits,
    Message,
    ModelSettings,
    Recorded,
    Recorder,
    Replay,
    RetryPolicy,
    Sampling,
    Tool,
    ToolCall,
    Usage,
    open_model,
    read_recording,
    replay,
)
from kernelwright.llm.client import Client
from kernelwright.llm.failure import Failure
from kernelwright.llm.providers.scripted import Scripted
from kernelwright.llm.recording import spent_in

pytest.importorskip("jsonschema")

CHECK = Tool("check", "Checks.", {"type": "object", "properties": {"code": {"type": "string"}}})
SCRIPT: list[Any] = [
    {
        "tool": "check",
        "arguments": {"code": "a"},
        "usage": {"input_tokens": 10, "output_tokens": 5},
    },
    {"failure": "server", "message": "busy"},
    {"text": "```python\nbetter\n```", "reasoning": "hm", "files": {"k.py": "x"}},
    {"failure": "auth", "message": "no"},
]


def recorded(replies: list[Any], folder: Path, budget: Budget | None = None) -> Recorded:
    retry = RetryPolicy(first_wait_s=0)
    inner = Client(Scripted(replies), retry=retry, budget=budget)
    return Recorded(inner, Recorder(folder / "llm.jsonl"))


def session(model: ChatModel, time_us: float = 1.0, prompt: str = "write it") -> list[Any]:
    """A run: a call, its result with a measured time, an answer, an error."""
    said: list[Any] = []
    messages = (Message("user", prompt),)
    first = model.complete(ChatRequest(messages, (CHECK,), step="S01/coder"))
    said.append(dict(first.tool_calls[0].arguments))
    told = Message("tool", f"took {time_us:.2f} us in /tmp/run-{time_us}/k.py", name="check")
    second = model.complete(ChatRequest((*messages, first.message(), told), step="S02/coder"))
    said += [second.text, second.reasoning, dict(second.files)]
    try:
        model.complete(ChatRequest((Message("user", "again"),), step="S03/coder"))
    except ModelError as error:
        said.append((error.kind, str(error)))
    return said


def test_a_replay_says_what_the_run_said(tmp_path: Path) -> None:
    model = recorded(SCRIPT, tmp_path)
    first = session(model, 12.5)
    model.close()
    budget = Budget(Limits(requests=100))
    again, used = replay(tmp_path, lambda m: session(m, 99.25), budget=budget)
    assert again == first and first[-1][0] == "auth"
    assert used.unused() == [] and used.forked_at is None
    assert budget.spent.requests == 4 and budget.spent.input_tokens > 10
    assert spent_in(read_recording(tmp_path)).requests == 4


def test_a_recorded_run_is_a_provider_too(tmp_path: Path) -> None:
    first = session(recorded(SCRIPT, tmp_path / "a"))
    budget = Budget(Limits(requests=100))
    settings = ModelSettings("replay", options={"run": str(tmp_path / "a")})
    again = open_model(settings, budget=budget, run_folder=tmp_path / "b")
    assert session(again) == first and budget.spent.requests == 4
    assert replay(tmp_path / "b", session)[0] == first, "the record of a replay replays as well"
    with pytest.raises(ConfigError, match="run"):
        open_model(ModelSettings("replay"))


def test_every_field_of_an_answer_comes_back(tmp_path: Path) -> None:
    call = ToolCall("check", {"code": "é\n"}, "id-1")
    full = ChatResult(
        "text", (call,), "why", "tool_calls", Usage(1, 2, 1, 1, True), "m", {"a": [1, None]},
        "native", True, {"f": "x"}, 0.5, 0.25,
    )  # fmt: skip

    class Model:
        name = "m"

        def complete(self, request: ChatRequest, on_delta: Any = None) -> ChatResult:
            return full

        def close(self) -> None:
            pass

    ask = ChatRequest((Message("user", "x"),), step="a")
    Recorded(Model(), Recorder(tmp_path / "llm.jsonl")).complete(ask)
    assert Replay.of(tmp_path).complete(ask) == full


def test_a_mismatch_shows_what_differs(tmp_path: Path) -> None:
    session(recorded(SCRIPT, tmp_path))
    with pytest.raises(ReplayMismatch) as caught:
        replay(tmp_path, lambda m: session(m, prompt="write it well"))
    assert "step 'S01/coder'" in str(caught.value)
    assert "-write it\n+write it well" in caught.value.diff
    with pytest.raises(ReplayMismatch, match="temperature"):
        ask = ChatRequest((Message("user", "write it"),), (CHECK,), step="S01/coder")
        ask = ChatRequest(ask.messages, ask.tools, sampling=Sampling(temperature=1), step=ask.step)
        Replay.of(tmp_path).complete(ask)


def test_a_run_forks_where_it_is_told_or_where_it_differs(tmp_path: Path) -> None:
    session(recorded(SCRIPT, tmp_path))
    for options in ({"fork_at": "S02/coder"}, {"fork_at": 2}):
        live = Client(Scripted(["live answer", "live end"]))
        said, used = replay(tmp_path, session, live=live, **options)
        assert said[:2] == [{"code": "a"}, "live answer"] and used.forked_at == "S02/coder"
        assert len(used.unused()) == 2
    live = Client(Scripted([{"tool": "check", "arguments": {"code": "b"}}, "two", "three"]))
    said, used = replay(
        tmp_path, lambda m: session(m, prompt="other"), live=live, fork_on_mismatch=True
    )
    assert said[:2] == [{"code": "b"}, "two"] and used.forked_at == "S01/coder"
    with pytest.raises(ValueError, match="live model"):
        Replay.of(tmp_path, fork_at=1)


def test_equal_questions_get_their_answers_in_order(tmp_path: Path) -> None:
    model = recorded(["one", "two", "three"], tmp_path)
    ask = ChatRequest((Message("user", "again"),), step="S")
    assert [model.complete(ask).text for _ in range(3)] == ["one", "two", "three"]
    again = Replay.of(tmp_path)
    assert [again.complete(ask).text for _ in range(3)] == ["one", "two", "three"]
    with pytest.raises(ReplayMismatch, match="no exchange left"):
        again.complete(ask)


def test_a_stop_by_budget_is_repeated(tmp_path: Path) -> None:
    ask = ChatRequest((Message("user", "x"),), step="S")
    model = recorded(["one", "two"], tmp_path, Budget(Limits(requests=1)))
    model.complete(ask)
    with pytest.raises(BudgetExhausted):
        model.complete(ask)
    again = Replay.of(tmp_path)
    again.complete(ask)
    with pytest.raises(BudgetExhausted) as caught:
        again.complete(ask)
    assert caught.value.limit == "requests"
    assert spent_in(read_recording(tmp_path)).requests == 1


def test_what_a_killed_process_left_is_cut_off_and_the_rest_kept(tmp_path: Path) -> None:
    """The process is ended in the middle of a line; the next one goes on behind the last whole."""
    path = tmp_path / "llm.jsonl"
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from kernelwright.llm import *\n"
        "from kernelwright.llm.client import Client\n"
        "from kernelwright.llm.providers.scripted import Scripted\n"
        "recorder = Recorder(Path(sys.argv[1]))\n"
        "model = Recorded(Client(Scripted(['one'])), recorder)\n"
        "model.complete(ChatRequest((Message('user', 'x'),), step='S'))\n"
        'recorder._file.write(b\'{"v": 1, "step": "S\'); recorder._file.flush()\n'
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9 and not path.read_bytes().endswith(b"\n")
    assert len(read_recording(path)) == 1
    recorded(["two"], tmp_path).complete(ChatRequest((Message("user", "y"),), step="T"))
    assert [e.result.text for e in read_recording(path) if e.result] == ["one", "two"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    model = recorded([{"match": ".", "text": "x" * 5000, "repeat": True}], tmp_path)
    with ThreadPoolExecutor(8) as pool:
        asks = [ChatRequest((Message("user", f"n{i}"),), step=str(i)) for i in range(40)]
        list(pool.map(model.complete, asks))
    assert sorted(int(e.step) for e in read_recording(tmp_path)) == list(range(40))


def test_a_record_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="llm.jsonl"):
        read_recording(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Recorder(tmp_path / "file" / "llm.jsonl")
    (tmp_path / "llm.jsonl").write_text('{"v": 99}\nnot json\n')
    assert read_recording(tmp_path) == []


def test_a_failure_is_recorded_with_its_tries(tmp_path: Path) -> None:
    model = recorded([Failure("server", "busy")] * 9, tmp_path)
    with pytest.raises(ModelError):
        model.complete(ChatRequest((Message("user", "x"),), step="S"))
    (exchange,) = read_recording(tmp_path)
    assert exchange.error is not None and exchange.error["kind"] == "server"
    assert exchange.requests == len(exchange.attempts) == 6
