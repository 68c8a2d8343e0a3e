"""``kernelwright audit`` as a user runs it: verdicts, exit codes, streams, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kernelwright.cli.audit import bytes_text

from .conftest import Run

TASK = """import numpy as np
class Model:
    def __call__(self, x):
        return {result}

def get_inputs():
    return [np.random.standard_normal((8, 16)).astype('f4')]
"""
RESULTS = {
    "sound": ("np.tanh(x)", 0),
    "degenerate": ("np.zeros_like(x) + np.float32(7)", 1),
    "broken": ("np.sqrt(x)", 2),
}


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, Path]:
    paths = {}
    for name, (result, _) in RESULTS.items():
        paths[name] = tmp_path / f"{name}_task.py"
        paths[name].write_text(TASK.format(result=result))
    return paths


@pytest.mark.parametrize("verdict", RESULTS)
def test_each_verdict_has_its_exit_code(verdict: str, kw: Run, tasks: dict[str, Path]) -> None:
    ran = kw("audit", tasks[verdict], "--backend", "cpu", "--json")
    assert ran.code == RESULTS[verdict][1], ran.err
    assert ran.json["op"] == f"{verdict}_task" and ran.json["verdict"] == verdict
    assert ran.json["outputs"][0]["shape"] == [8, 16]
    deciding = [f for f in ran.json["findings"] if f["severity"] != "note"]
    assert bool(deciding) == (verdict != "sound")
    assert ran.json["check"] == (deciding[0]["kind"] if deciding else None)


def test_several_files_one_object_each_and_the_worst_code(kw: Run, tasks: dict[str, Path]) -> None:
    ran = kw("audit", *tasks.values(), "nowhere.py", "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["verdict"] for row in rows] == ["sound", "degenerate", "broken", None]
    assert rows[-1]["status"] == "USAGE_ERROR" and "nowhere.py" in rows[-1]["reason"]
    assert ran.code == 2


def test_the_table_shows_verdict_evidence_and_facts(kw: Run, tasks: dict[str, Path]) -> None:
    ran = kw("audit", tasks["degenerate"], tasks["sound"])
    assert ran.code == 1
    for word in ("degenerate_task: DEGENERATE", "constant_output", "7 in every element",
                 "sound_task: SOUND", "float32[8, 16], 512 B", "zeros refused",
                 "defined under"):  # fmt: skip
        assert word in ran.out, ran.out
    assert "Traceback" not in ran.err + ran.out


def test_a_broken_file_is_a_message_with_its_line(kw: Run, tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(TASK.format(result="x @ x"))
    ran = kw("audit", path)
    assert ran.code == 2
    assert "forward_raises" in ran.out and "wrong.py:4" in ran.out.replace("\n", "")
    assert "Traceback" not in ran.err + ran.out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--framework", "torhc"], "torch"),
        (["--backend", "gpu"], "cuda"),
        (["--seeds", "1"], "seeds"),
    ],
)
def test_wrong_usage_says_what_is_right(
    arguments: list[str], word: str, kw: Run, tasks: dict[str, Path]
) -> None:
    ran = kw("audit", tasks["sound"], *arguments)
    assert ran.code == 2
    assert word in ran.out + ran.err and "Traceback" not in ran.out + ran.err


def test_seeds_and_help(kw: Run, tasks: dict[str, Path]) -> None:
    ran = kw("audit", tasks["sound"], "--seeds", "5", "--json")
    assert ran.json["task"]["seeds"] == [0, 1, 2, 3, 4]
    shown = kw("audit", "--help").out
    assert "Exit codes" in shown and "kernelwright audit examples/softmax.py" in shown


def test_an_interruption_ends_it_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "endless.py"
    flag = tmp_path / "running"
    body = f"        open({str(flag)!r}, 'w').close()\n        while True: pass\n        return x"
    path.write_text(TASK.format(result="x").replace("        return x", body))
    process = subprocess.Popen(
        [sys.executable, "-m", "kernelwright", "audit", str(path)],
        env={**os.environ, "KERNELWRIGHT_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the suite in the background has its children ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for _ in range(600):
            if flag.exists():
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in err and "Traceback" not in err


def test_bytes_are_read_in_binary_units() -> None:
    assert [bytes_text(n) for n in (None, 0, 1023, 1024, 3 << 20, 5 << 40)] == [
        "-", "0 B", "1023 B", "1 KiB", "3 MiB", "5 TiB"
    ]  # fmt: skip
