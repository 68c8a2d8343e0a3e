"""Task end to end: builtin agents, scripted agents, failures, devices."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kernelwright.agents.record import ActionType, ParsedCode
from kernelwright.agents.roles import Coded, Designed, Request
from kernelwright.devices import DevicePool
from kernelwright.errors import UsageError
from kernelwright.schema import Candidate, Status
from kernelwright.store import Store
from kernelwright.task.task import Task, TaskResult
from kernelwright.task.task_config import load_config

RELU = """
import numpy as np

class Model:
    def __call__(self, x):
        return np.maximum(x, 0)

def get_inputs():
    return [np.random.standard_normal((64, 96)).astype(np.float32)]

def get_init_inputs():
    return []
"""
RIGHT = "import numpy as np\n\ndef kernel(x):\n    return np.maximum(x, 0)\n"
WRONG = "import numpy as np\n\ndef kernel(x):\n    return np.maximum(x, 0.5)\n"


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_LAWS", "0")
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_SEEDS", "1")
    monkeypatch.setenv("KERNELWRIGHT_TIMING_BUDGET_S", "0.2")
    monkeypatch.setenv("AIKG_LOG_DIR", str(tmp_path))


def task(desc: str = RELU, **options: Any) -> Task:
    settings = {"backend": "cpu", "arch": "x86_64", "impl_type": "cpp", **options}
    return Task("relu", desc, **settings)


def run(made: Task, *args: Any, **kwargs: Any) -> TaskResult:
    return asyncio.run(made.run(*args, **kwargs))


class ScriptedCoder:
    """Answers with the next text of a script, and remembers what it was asked."""

    can_fix = True
    uses_device = False

    def __init__(self, texts: list[str]) -> None:
        self.texts = iter(texts)
        self.asked: list[Request] = []

    def code(self, request: Request) -> Coded:
        self.asked.append(request)
        files = {"kernel.py": next(self.texts).encode()}
        return Coded(Candidate(files, impl_type=request.spec.impl_type, producer="llm:script"))


class ScriptedDesigner:
    can_fix = True
    uses_device = False

    def __init__(self, texts: list[str]) -> None:
        self.texts = iter(texts)
        self.asked: list[Request] = []

    def design(self, request: Request) -> Designed:
        self.asked.append(request)
        return Designed(next(self.texts))


# ---- the builtin way -----------------------------------------------------------------------------


def test_builtin_agents_need_nothing(tmp_path: Path) -> None:
    before = os.getcwd()
    made = task(task_type="profile")
    result = run(made)
    assert result
    assert result == ("relu", True)
    op_name, passed = result
    assert (op_name, passed, str(result)) == ("relu", True, "('relu', True)")
    assert os.getcwd() == before
    assert [r.action_type.value for r in made.trace.records] == ["DoDesigner", "DoCoder", "Verify"]
    assert result.evaluation is not None and result.evaluation.measurement is not None
    folder = made.config["log_dir"] / "relu"
    assert "def " in (folder / "I0_S00_relu_DoDesigner_result.txt").read_text()
    assert (folder / "I0_S02_relu_Verify_result.txt").read_text().startswith("PASSED")
    assert "speedup" in (folder / "profiling" / "speed_up_record.txt").read_text()
    gen_us, base_us, speedup = result.task_info["profile_res"]
    assert gen_us > 0 and base_us > 0 and speedup > 0


def test_a_second_run_of_the_same_task_takes_the_verdict_from_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KERNELWRIGHT_STATE_DIR", str(tmp_path / "state"))
    caplog.set_level(logging.INFO, "kernelwright.task.steps")
    codes = ParsedCode(cpp_code=RIGHT)

    def verdict(desc: str = RELU, text: ParsedCode = codes, **config: Any) -> tuple[bool, bool]:
        caplog.clear()
        made = task(desc, config={**load_config(), **config})
        passed = bool(run(made, ActionType.VERIFY, text))
        return passed, "on record" in caplog.text

    assert verdict() == (True, False)
    assert verdict() == (True, True)
    assert verdict(resume=False) == (True, False)
    assert verdict(RELU + "# another source") == (True, False)
    assert verdict(text=ParsedCode(cpp_code=WRONG)) == (False, False)
    assert verdict(text=ParsedCode(cpp_code=WRONG)) == (False, True)
    with Store(tmp_path / "state" / "runs.db") as store:
        names = [s.name for r in store.runs() for s in store.steps(r.id)]
    assert names.count("step 1: Verify") == 6
    assert sum(name.startswith("verify:cpp:") for name in names) == 4


def test_the_verify_folder_repeats_the_verification() -> None:
    made = task()
    assert run(made)
    (script,) = made.config["log_dir"].glob("relu/*_verify/verify_relu.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["PASSED"]), done.stderr
    kernel = next(script.parent.glob("relu_cpp.py"))
    kernel.write_text(WRONG)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (1, "WRONG_VALUE"), done.stderr


def test_dsl_gives_three_values() -> None:
    made = task(impl_type=None, dsl="cpp", workflow="coder_only_workflow")
    op_name, passed, info = run(made)
    assert (op_name, passed, info["dsl"], info["verifier_error"]) == ("relu", True, "cpp", "")
    assert "class ModelNew" in info["coder_code"] or "def kernel" in info["coder_code"]
    assert info["designer_code"]
    assert [r.action_type.value for r in made.trace.records] == ["DoCoderDirect", "Verify"]


def test_a_design_as_text_can_be_coded() -> None:
    first = run(task())
    text = first.task_info["designer_code"]
    made = task()
    assert run(made, ActionType.DO_CODER, ParsedCode(aul_code=text))
    assert [r.action_type.value for r in made.trace.records] == ["DoCoder", "Verify"]
    broken = run(task(), ActionType.DO_CODER, ParsedCode(aul_code="def ("))
    assert not broken
    assert "line 1" in broken.error


# ---- a kernel that is there ----------------------------------------------------------------------


def test_verifies_a_given_kernel() -> None:
    assert run(task(), ActionType.VERIFY, ParsedCode(cpp_code=RIGHT))
    old = RIGHT.replace("def kernel", "def relu_cpp_numpy")
    assert run(task(), ActionType.VERIFY, ParsedCode(cpp_code=old))
    assert run(task(impl_type=None), ActionType.VERIFY, ParsedCode(cpp_code=RIGHT))
    info = {"coder_code": RIGHT}
    assert run(task(impl_type=None, dsl="cpp", workflow="verifier_only"), info)


def test_a_wrong_kernel_fails_with_the_judges_words(caplog: pytest.LogCaptureFixture) -> None:
    made = task(task_id="5")
    result = run(made, ActionType.VERIFY, ParsedCode(cpp_code=WRONG))
    assert not result
    assert result == ("relu", False)
    assert result.evaluation is not None and result.evaluation.status is Status.WRONG_VALUE
    assert "WRONG_VALUE" in result.error
    assert [r.levelno for r in caplog.records if r.levelno >= logging.ERROR] == [logging.ERROR]
    text = (made.config["log_dir"] / "relu" / "I5_S00_relu_Verify_error_log.txt").read_text()
    assert text.startswith("WRONG_VALUE")


def test_nothing_to_verify_is_said() -> None:
    assert "no cpp code" in run(task(), ActionType.VERIFY).error


# ---- agents that can learn -----------------------------------------------------------------------


def test_the_coder_is_told_what_was_wrong() -> None:
    coder = ScriptedCoder(["def kernel(x:\n", WRONG, RIGHT])
    made = task(coder=lambda session: coder)
    assert run(made, ActionType.DO_CODER_DIRECT)
    actions = [r.action_type.value for r in made.trace.records]
    assert actions == ["DoCoderDirect", "Verify", "FixCoder", "Verify", "FixCoder", "Verify"]
    assert [a.suggestions.split(" ")[0] for a in coder.asked] == [
        "",
        "COMPILE_ERROR",
        "WRONG_VALUE",
    ]
    assert coder.asked[2].parsed_code.cpp_code == WRONG


def test_the_step_limit_ends_a_hopeless_task() -> None:
    coder = ScriptedCoder([WRONG + f"# {i}\n" for i in range(9)])
    made = task(coder=lambda session: coder, limit_steps=3)
    result = run(made, ActionType.DO_CODER_DIRECT)
    assert not result
    assert len(made.trace.records) == 3
    assert "limit of 3 steps" in result.error


def test_designer_and_coder_work_together() -> None:
    coder = ScriptedCoder([WRONG + f"# {i}\n" for i in range(4)] + [RIGHT])
    designer = ScriptedDesigner(["", "one", "two"])
    made = task(coder=lambda session: coder, designer=lambda session: designer, limit_steps=30)
    assert run(made)
    assert [a.suggestions for a in designer.asked][:2] == ["", "the Designer gave no text"]
    assert "WRONG_VALUE" in designer.asked[2].suggestions
    assert [a.parsed_code.aul_code for a in coder.asked] == ["one"] * 4 + ["two"]


def test_initial_suggestions_reach_the_first_agent() -> None:
    coder = ScriptedCoder([RIGHT])
    made = task(coder=lambda session: coder)
    assert run(made, ActionType.DO_CODER_DIRECT, ParsedCode(), "use wide loads")
    assert coder.asked[0].suggestions == "use wide loads"


# ---- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desc", "said"),
    [
        ("import numpy as np\nclass Model(:\n", "relu_numpy.py:2"),
        ("import numpy as np\ndef get_inputs(): return []", "no Model"),
        (RELU.replace("return np.maximum(x, 0)", "raise ValueError('mine')"), "mine"),
        ("a kernel that is fast", "LLM"),
    ],
)
def test_a_bad_description_is_a_result(desc: str, said: str) -> None:
    result = run(task(desc))
    assert result == ("relu", False)
    assert said in result.error


def test_what_is_missing_is_one_message(caplog: pytest.LogCaptureFixture) -> None:
    made = Task("relu", RELU, backend="ascend", arch="ascend310p3", impl_type="swft")
    result = run(made)
    assert not result
    assert "Missing: CANN" in result.error
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


class BrokenCoder(ScriptedCoder):
    def code(self, request: Request) -> Coded:
        raise ZeroDivisionError("a bug")


def test_a_bug_in_an_agent_is_a_result_with_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = DevicePool([0])
    made = task(coder=lambda session: BrokenCoder([]), device_pool=pool)
    result = run(made, ActionType.DO_CODER_DIRECT)
    assert not result
    assert "ZeroDivisionError: a bug" in result.error
    assert any(record.exc_info for record in caplog.records)
    assert asyncio.run(pool.acquire_device()) == 0


def test_bad_settings_are_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELWRIGHT_NONSENSE", "1")
    assert "KERNELWRIGHT_NONSENSE" in run(task()).error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"framework": "jax"}, "Unsupported framework: jax"),
        ({"task_type": "speed"}, "task_type must be"),
        ({"dsl": "cpp"}, "not both"),
        ({"limit_steps": 0}, "limit_steps"),
        ({"workflow": "dance"}, "unknown workflow"),
        ({"op_name": "../x"}, "op_name"),
    ],
)
def test_the_constructor_refuses(options: dict[str, Any], said: str) -> None:
    settings = {"op_name": "relu", "task_desc": RELU, "impl_type": "cpp", "backend": "cpu"}
    with pytest.raises(ValueError, match=said) as caught:
        Task(**{**settings, **options})
    assert isinstance(caught.value, UsageError)


def test_positions_and_defaults() -> None:
    pool = DevicePool([3])
    config = {"log_dir": "x"}
    made = Task("relu", RELU, "7", "CPU", "X86_64", "Triton", config, pool, "NumPy", "profile", 4)
    assert (made.task_id, made.backend, made.arch, made.impl_type) == (
        "7",
        "cpu",
        "x86_64",
        "triton",
    )
    assert (made.framework, made.task_type, made.limit_steps) == ("numpy", "profile", 4)
    assert made.device_pool is pool
    plain = Task("relu", RELU)
    assert (plain.task_id, plain.framework, plain.limit_steps) == ("0", "numpy", 10)
    assert Task("swish", "Swish: x * sigmoid(x)").framework == "torch"


# ---- devices and cancellation --------------------------------------------------------------------


SLOW = """
import time
import numpy as np

def kernel(x):
    time.sleep(0.3)
    return np.maximum(x, 0)
"""


def test_a_device_is_leased_while_a_kernel_runs_and_given_back() -> None:
    pool = DevicePool([0])
    seen: list[bool] = []

    async def main() -> list[TaskResult]:
        tasks = [task(device_pool=pool) for _ in range(2)]
        code = ParsedCode(cpp_code=RIGHT)
        running = [asyncio.create_task(t.run(ActionType.VERIFY, code)) for t in tasks]
        while not all(r.done() for r in running):
            seen.append(bool(pool._leased))
            await asyncio.sleep(0.005)
        results = [await r for r in running]
        assert await asyncio.wait_for(pool.acquire_device(), 1) == 0
        return results

    assert all(asyncio.run(main()))
    assert any(seen)


def test_a_device_comes_back_after_a_failure() -> None:
    pool = DevicePool([0])
    assert not run(task("import numpy\nclass Model(:", device_pool=pool))
    assert asyncio.run(pool.acquire_device()) == 0


def test_cancellation_waits_for_the_step_and_returns_the_device() -> None:
    pool = DevicePool([0])

    async def main() -> None:
        made = task(device_pool=pool)
        running = asyncio.create_task(made.run(ActionType.VERIFY, ParsedCode(cpp_code=SLOW)))
        while not pool._leased:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 30
        assert await asyncio.wait_for(pool.acquire_device(), 1) == 0

    asyncio.run(main())


def test_the_event_loop_stays_free() -> None:
    async def main() -> float:
        made = task()
        running = asyncio.create_task(made.run(ActionType.VERIFY, ParsedCode(cpp_code=SLOW)))
        longest, last = 0.0, time.monotonic()
        while not running.done():
            await asyncio.sleep(0.01)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        assert await running
        return longest

    assert asyncio.run(main()) < 0.8  # the kernel alone sleeps for longer than this
