"""The reference system's printed scripts, word for word, as subprocesses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kernelwright

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = Path(__file__).parent / "texts"


def parts(name: str) -> list[str]:
    """The Python blocks of a text."""
    text = (TEXTS / name).read_text(encoding="utf-8")
    return [block.strip("\n") for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def run(script: str | Path, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "AIKG_LOG_DIR": str(home),
        "PYTHONPATH": str(Path(kernelwright.__file__).parents[1]),
        "KERNELWRIGHT_JUDGE_SEEDS": "1",
        "KERNELWRIGHT_JUDGE_LAWS": "0",
        **variables,
    }
    command = (
        [sys.executable, str(script)]
        if isinstance(script, Path)
        else [sys.executable, "-c", script]
    )
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=240
    )


def test_the_tutorials_script_is_in_the_example_word_for_word() -> None:
    script = (EXAMPLES / "run_mindspore_triton_single.py").read_text(encoding="utf-8")
    description, main = parts("tutorial.txt")
    assert description in script
    assert main.removesuffix("    # 处理结果...").rstrip() in script


@pytest.mark.parametrize("framework", ["torch", "numpy"])
def test_the_other_frameworks_scripts_are_the_same(framework: str) -> None:
    script = (EXAMPLES / f"run_{framework}_triton_single.py").read_text(encoding="utf-8")
    _, main = parts("tutorial.txt")
    main = main.removesuffix("    # 处理结果...").rstrip()
    for old, new in (
        ("run_mindspore_triton_single", f"run_{framework}_triton_single"),
        ('backend="ascend"', 'backend="cpu"'),
        ('arch="ascend910b4"', 'arch="x86_64"'),
        ('framework="mindspore"', f'framework="{framework}"'),
    ):
        assert main.count(old) == 1
        main = main.replace(old, new)
    assert main in script


def test_the_tutorials_script_names_what_is_missing(tmp_path: Path) -> None:
    done = run(EXAMPLES / "run_mindspore_triton_single.py", tmp_path)
    assert (done.returncode, done.stdout) == (0, "Task relu failed\n")
    (message,) = done.stderr.splitlines()
    assert message.startswith("ERROR task relu failed: ")
    assert "CANN" in message and "Ascend pieces" in message


@pytest.mark.parametrize("framework", ["torch", "numpy"])
def test_the_tutorials_script_passes_on_a_cpu(framework: str, tmp_path: Path) -> None:
    done = run(EXAMPLES / f"run_{framework}_triton_single.py", tmp_path)
    assert (done.returncode, done.stdout) == (0, "Task relu passed\n"), done.stderr
    (record,) = tmp_path.glob("Task_*/verification_results.jsonl")
    assert '"passed": true' in record.read_text()


SETUP = """\
from ai_kernel_generator.config.config_validator import load_config
from ai_kernel_generator.core.async_pool.device_pool import DevicePool
from ai_kernel_generator.core.task import Task

global_device_pool = DevicePool([0])
"""
RUN = "\nimport asyncio\nasyncio.run(run_task())\n"


def on_cpu(text: str) -> str:
    for old, new in (
        ('backend="ascend"', 'backend="cpu"'),
        ('arch="ascend310p3"', 'arch="x86_64"'),
        ('impl_type="swft"', 'impl_type="triton"'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_the_usage_sample_is_in_the_example_word_for_word() -> None:
    (sample,) = parts("task.txt")
    assert on_cpu(sample) in (EXAMPLES / "run_prose_swish.py").read_text(encoding="utf-8")


def test_the_usage_sample_passes_on_a_cpu_and_says_what_it_assumes(tmp_path: Path) -> None:
    done = run(EXAMPLES / "run_prose_swish.py", tmp_path)
    assert (done.returncode, done.stdout) == (0, "Task completed: ('swish', True)\n"), done.stderr
    for text in ("float32 of shape 1024 x 1024", "beta is a scalar parameter of 1.0"):
        assert text in done.stderr


def test_the_usage_sample_as_printed_names_what_is_missing(tmp_path: Path) -> None:
    (sample,) = parts("task.txt")
    done = run(SETUP + sample + RUN, tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Task completed: ('swish', False): ")
    (message,) = done.stderr.splitlines()
    assert "CANN" in message


def test_the_log_level_is_theirs(tmp_path: Path) -> None:
    done = run(SETUP + "import logging; logging.getLogger('kernelwright').info('hello')", tmp_path)
    assert done.stderr == "INFO hello\n"
    quiet = run(
        SETUP + "import logging; logging.getLogger('kernelwright').info('hello')",
        tmp_path,
        AIKG_LOG_LEVEL="2",
    )
    assert quiet.stderr == ""
