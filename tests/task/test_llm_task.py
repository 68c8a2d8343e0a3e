"""Whole tasks with models, over real sockets: what comes out, what is on disk, what is not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernelwright.agents import guides
from kernelwright.cli.main import app
from kernelwright.config import resolve
from kernelwright.errors import UsageError
from kernelwright.llm import read_recording
from kernelwright.llm.code import code_blocks
from kernelwright.schema import Status
from kernelwright.task.agent_settings import AgentSettings, limits_from, settings_of
from kernelwright.task.agent_work import AgentPlan, plan_from
from kernelwright.task.optimize import optimize_file
from kernelwright.task.replay import fork_step, replay_run
from kernelwright.task.task import Task, TaskResult
from kernelwright.task.task_config import load_config
from kernelwright.task.trace import read_results
from kernelwright.testing.model_server import ModelServer, Refuse, Reply, Say

pytest.importorskip("openai")
pytest.importorskip("jsonschema")

KEY = "sk-a-key-that-nobody-may-see"
SOURCE = """import numpy as np

class Model:
    def __call__(self, x):
        return x / (1 + np.exp(-1.5 * x))

def get_inputs():
    return [np.random.standard_normal((37, 129)).astype(np.float32)]

def get_init_inputs():
    return []
"""
DESIGN = code_blocks(next(e for e in guides.examples("aul") if e.name == "elementwise").text)[
    1
].text
HEAD = "import numpy as np\n\n\ndef kernel(x):\n"
RIGHT = HEAD + "    return x / (1 + np.exp(x * np.float32(-1.5)))\n"
WRONG = HEAD + "    return x / (1 + np.exp(x * np.float32(-1.4)))\n"
RAISES = HEAD + "    import os\n    raise KeyError(sorted(os.environ.items()))\n"


def say(text: str) -> Say:
    return Say(f"```python\n{text}```")


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_LAWS", "0")
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_SEEDS", "1")
    monkeypatch.setenv("KERNELWRIGHT_TIMING_BUDGET_S", "0.2")
    monkeypatch.setenv("KERNELWRIGHT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIKG_LOG_DIR", str(tmp_path / "logs"))
    monkeypatch.setenv("MY_API_KEY", KEY)


class Models:
    """A server with a script, and files that name it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.presets = folder / "presets.yaml"
        self.server: ModelServer

    def config(self, agents: dict[str, str], **more: Any) -> dict[str, Any]:
        path = self.folder / "config.yaml"
        tree = {"agent_model_config": agents, "llm_config_path": str(self.presets), **more}
        path.write_text(json.dumps(tree))
        return load_config(config_path=path)

    def serve(self, replies: list[Reply]) -> ModelServer:
        self.server = ModelServer(replies, key=KEY)
        preset = {"api_base": self.server.base_url, "model": "m-1", "api_key_env": "MY_API_KEY"}
        self.presets.write_text(json.dumps({"mine": preset}))
        return self.server


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    yield Models(tmp_path)


def run(config: dict[str, Any], **options: Any) -> tuple[Task, TaskResult]:
    settings = {"backend": "cpu", "arch": "x86_64", "impl_type": "cpp", **options}
    made = Task("swish", SOURCE, config=config, **settings)
    return made, asyncio.run(made.run())


def prompt_of(server: ModelServer, number: int) -> str:
    return str(server.asked[number].body["messages"][-1]["content"])


def test_a_task_is_mended_by_what_the_judge_says(
    models: Models, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [
        Refuse(429, "later", {"Retry-After": "0"}), say(WRONG), Say("hm"), say(RAISES), say(RIGHT),
    ]  # fmt: skip
    with models.serve(replies) as server:
        config = models.config({"coder": "mine"}, llm_style="rewrite")
        made, result = run(config, workflow="coder_only_workflow", limit_steps=12)
    assert tuple(result) == ("swish", True), result.error
    actions = [(r.action_type.value, r.ok) for r in made.trace.records]
    assert actions == [
        ("DoCoderDirect", True), ("Verify", False), ("FixCoder", False), ("FixCoder", True),
        ("Verify", False), ("FixCoder", True), ("Verify", True),
    ]  # fmt: skip
    assert '"status": "WRONG_VALUE"' in prompt_of(server, 2)
    assert "no fenced ```python block" in prompt_of(server, 3)
    assert '"status": "RUNTIME_ERROR"' in prompt_of(server, 4)
    assert '"source": [' in prompt_of(server, 4)  # the line that raised
    folder = made.trace.folder
    assert "SEARCH" not in (folder / "I0_S03_swish_FixCoder_prompt.txt").read_text()
    lines = (made.trace.log_dir / "verification_results.jsonl").read_text().splitlines()
    assert [json.loads(line)["passed"] for line in lines] == [False, False, True]
    assert read_results(made.trace.log_dir / "verification_results.jsonl")[0]["impl_type"] == "cpp"
    exchanges = read_recording(made.llm_folder)
    assert [e.step for e in exchanges] == ["S00/coder", "S02/coder", "S03/coder", "S05/coder"]
    assert len(exchanges[0].attempts) == 1  # the refusal is on record
    # The key is nowhere: not in files, not in logs, not in what a candidate's process saw.
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in caplog.text
    assert all(a.headers["authorization"] == f"Bearer {KEY}" for a in server.asked)

    again = replay_run(made.llm_folder, tmp_path / "again", resolve())  # the server is gone
    assert again.matches and again.exit_code == 0, again.diff
    assert again.steps[-1].startswith("Verify, ok, PASSED, kernel")
    assert server.left == 0


def test_a_replay_shows_what_is_otherwise_and_forks(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with models.serve([say(WRONG), say(RIGHT)]):
        config = models.config({"coder": "mine"}, llm_style="rewrite")
        made, result = run(config, workflow="coder_only_workflow")
    assert result
    journal = made.llm_folder / "agents.json"
    text = journal.read_text()
    tree = json.loads(text)
    tree["steps"][1]["status"] = "TIMEOUT"
    journal.write_text(json.dumps(tree))
    other = replay_run(made.llm_folder, tmp_path / "other", resolve())
    assert other.exit_code == 1
    assert "-Verify, failed, TIMEOUT" in other.diff and "+Verify, failed, WRONG_VALUE" in other.diff

    tree = json.loads(text)
    tree["hints"] = "something that was not said"
    journal.write_text(json.dumps(tree))
    other = replay_run(made.llm_folder, tmp_path / "hinted", resolve())
    assert not other.matches and "+something that was not said" in other.diff

    journal.write_text(text)
    better = RIGHT.replace("return", "y =") + "    return y\n"
    with models.serve([say(better)]) as server:
        forked = replay_run(
            made.llm_folder, tmp_path / "forked", resolve(), fork_from="S02", told=print
        )
    assert (forked.forked_at, forked.status, forked.exit_code) == ("S02/coder", "PASSED", 0)
    assert len(server.asked) == 1 and '"status": "WRONG_VALUE"' in prompt_of(server, 0)
    with pytest.raises(UsageError, match="S00/coder"):
        fork_step("S09", ["S00/coder"])
    with pytest.raises(UsageError, match="no folder of a run with agents"):
        replay_run(tmp_path / "state", tmp_path / "x", resolve())


def test_a_model_designs_and_the_builtin_coder_prints(models: Models) -> None:
    wrong = DESIGN.replace("factor=1.5", "factor=1.4")
    with models.serve([say(wrong), say(DESIGN)]) as server:
        made, result = run(models.config({"designer": "mine"}))
    assert result, result.error
    actions = [r.action_type.value for r in made.trace.records]
    assert actions == ["DoDesigner", "FixDesigner", "DoCoder", "Verify"]
    assert "interpreted on" in prompt_of(server, 1)
    candidate = made.trace.records[-1].candidate
    assert candidate is not None and candidate.producer == "llm:m-1, printed"
    assert "kernel.cpp" in candidate.files
    assert result.task_info["designer_code"] == DESIGN


def test_cpp_is_compiled_where_it_runs(models: Models) -> None:
    """In the candidate's sandbox: what it includes of the machine stays out of reach, and what the
    compiler says comes back."""
    body = """#include <math.h>
#include <stdint.h>
extern "C" void swish(const float* x, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] / (1.0f + expf(-1.5f * x[i]));
}
"""
    entry = """import ctypes
import numpy as np
LIBRARY.swish.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]

def kernel(x):
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    LIBRARY.swish(x.ctypes.data, out.ctypes.data, x.size)
    return out
"""
    secret = models.folder / "secret.txt"
    secret.write_text("the secret line\n")

    def answer(text: str) -> Say:
        return Say(f"```cpp\n{text}```\n\n```python\n{entry}```")

    replies = [answer(f'#include "{secret}"\n{body}'), answer(body)]
    with models.serve(replies) as server:
        made, result = run(models.config({"coder": "mine"}), workflow="coder_only_workflow")
    assert result, result.error
    first = made.trace.records[1].evaluation
    assert first is not None and first.status is Status.COMPILE_ERROR
    said = prompt_of(server, 1)
    assert "No such file or directory" in said and "the secret line" not in said
    assert '"file": "kernel.cpp"' in said


@pytest.mark.parametrize(
    ("replies", "more", "said"),
    [
        ([Refuse(401, f"bad key {KEY}")], {}, "401"),
        ([say(WRONG), say(RAISES)], {"llm_budget": {"evaluations": 1}}, "budget of 1 evaluations"),
        ([say(WRONG), say(RAISES)], {"llm_budget": {"requests": 2}}, "budget of 2 requests"),
        ([say(WRONG)] * 6, {}, "the kernel is the same as before"),
    ],
)
def test_what_ends_a_task_is_said(
    models: Models, replies: list[Reply], more: dict[str, Any], said: str
) -> None:
    with models.serve(replies):
        config = models.config({"coder": "mine"}, llm_style="rewrite", **more)
        _, result = run(config, workflow="coder_only_workflow")
    assert not result
    assert said in result.error or said in str(result.task_info), result.error
    assert KEY not in result.error


def test_a_preset_without_its_key_fails_when_it_runs(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_API_KEY")
    with models.serve([]):
        _, result = run(models.config({"default": "mine"}))
    assert not result and "MY_API_KEY" in result.error


@pytest.mark.parametrize(
    "task_type", ["precision_only", pytest.param("profile", marks=pytest.mark.heavy)]
)
def test_optimize_with_a_model(models: Models, tmp_path: Path, task_type: str) -> None:
    """The model's kernel is judged and timed beside the builtin one; a second run asks nobody."""
    path, out = tmp_path / "swish.py", tmp_path / "out"
    path.write_text(SOURCE)
    options: dict[str, Any] = {
        "out": out, "backend": "cpu", "impl_type": "cpp", "effort": "none",
        "task_type": task_type,
    }  # fmt: skip
    with models.serve([say(WRONG), say(RIGHT)]) as server:
        plan = plan_from(
            "mine", agents="coder", workflow="coder_only", style="rewrite",
            presets=str(models.presets),
        )  # fmt: skip
        result = optimize_file(path, agents=plan, **options)
        assert result.status is Status.PASSED
        assert {a.name for a in result.attempts} == {"cpp", "cpp-llm"}
        timed = task_type == "profile"
        assert all((a.measurement is not None) == timed for a in result.attempts)
        assert server.left == 0
        again = optimize_file(path, agents=plan, **options)
        assert again.resumed and len(server.asked) == 2
    kept = list(out.rglob("kernel.py"))
    assert RIGHT in [p.read_text() for p in kept]
    assert replay_run(out, tmp_path / "again", resolve()).matches
    # A run that was cut off goes on where it was: what was answered is not asked again.
    journal = out / "agents" / "llm.jsonl"
    first, _ = journal.read_text().splitlines()
    journal.write_text(first + "\n")
    (out / "kernel.py").unlink()
    (out / "candidates" / "cpp-llm" / "kernel.py").unlink(missing_ok=True)
    with models.serve([say(RIGHT)]) as server:
        assert optimize_file(path, agents=plan, **options)
    assert len(server.asked) == 1 and "WRONG_VALUE" in prompt_of(server, 0)


def test_what_builtin_agents_cannot_do_a_model_may(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text(SOURCE.replace("return x / (1 + np.exp(-1.5 * x))", ODD))
    answer = HEAD + f"    {ODD}\n"
    with models.serve([say(answer)]):
        plan = AgentPlan(
            AgentSettings(coder="mine", style="rewrite", presets=str(models.presets)), "coder_only"
        )
        result = optimize_file(
            path, out=tmp_path / "out", backend="cpu", impl_type="cpp", effort="none",
            task_type="precision_only", agents=plan,
        )  # fmt: skip
    assert result.status is Status.PASSED and result.best.name == "cpp-llm"
    assert any("no builtin kernel" in note for note in result.notes)


# a branch on values: nothing captures it
ODD = "return np.sort(x, axis=-1) if float(np.abs(x).max()) > 0 else x"


def test_settings() -> None:
    config = load_config()
    assert settings_of(config, "triton").models == ()
    config["agent_model_config"]["triton_coder"] = "deepseek_v3"
    assert settings_of(config, "triton").coder == "deepseek_v3"
    assert settings_of(config, "cpp").coder == "builtin"
    assert limits_from("requests=3, cost=0.5").requests == 3
    for wrong in ({"llm_budget": {"tokns": 1}}, {"llm_fix": "magic"}, {"llm_style": "haiku"}):
        with pytest.raises(UsageError):
            settings_of({**config, **wrong}, "cpp")
    for text in ("requests", "money=3", "tokens=many"):
        with pytest.raises(UsageError, match="requests=NUMBER"):
            limits_from(text)
    with pytest.raises(UsageError, match="unknown 'poet'"):
        plan_from("env", agents="poet")
    with pytest.raises(UsageError, match="unknown workflow"):
        plan_from("env", workflow="nothing")


def test_a_file_s_default_reaches_the_agents_that_it_does_not_name(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("agent_model_config: {default: env, designer: builtin}\n")
    config = load_config(config_path=path)
    settings = settings_of(config, "triton")
    assert (settings.designer, settings.coder, settings.conductor) == ("builtin", "env", "env")


def test_the_command_line(
    models: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "swish.py", tmp_path / "out"
    path.write_text(SOURCE)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            app([*words], prog_name="kernelwright")
        said = capsys.readouterr()
        return int(str(stop.value.code)), said.out, said.err

    start = ["optimize", str(path), "--backend", "cpu", "--impl-type", "cpp", "--json"]
    code, text, _ = call(*start, "--llm-fix", "edit")
    assert code == 2 and "--llm-fix goes with --llm" in json.loads(text)["reason"]
    code, text, _ = call(*start, "--llm", "nobody")
    assert code == 2 and "nobody" in json.loads(text)["reason"]
    with models.serve([say(RIGHT)]):
        code, text, err = call(
            *start, "--llm", "mine", "--llm-presets", str(models.presets), "--workflow",
            "coder_only", "--llm-agents", "coder", "--llm-style", "rewrite", "--out", str(out),
            "--effort", "none", "--task-type", "precision_only", "--llm-budget", "requests=5",
        )  # fmt: skip
    assert code == 0 and json.loads(text)["status"] == "PASSED"
    assert "expected: 1 to 4 requests" in err and "limits: requests 5" in err
    for words in (["--only-llm"], ["--parallel", "0"], ["--islands", "0"]):
        code, text, _ = call("evolve", str(path), "--backend", "cpu", "--json", *words)
        assert code == 2 and json.loads(text)["check"] == "usage"
    code, text, _ = call("replay", str(out), "--json", "--out", str(tmp_path / "again"))
    assert code == 0 and json.loads(text)["matches"]
    assert call("replay", str(tmp_path / "nowhere"))[0] == 2
