"""Streams, signals and arguments around the work itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import kernelwright
from kernelwright.cli.main import result_folders

from .conftest import Run


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "kernelwright", *map(str, arguments)]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "KERNELWRIGHT_STATE_DIR": str(tmp_path / "state"), **more}


def test_ctrl_c_ends_with_130_leaves_no_child_and_the_same_command_continues(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    arguments = [
        "optimize",
        good,
        "--backend",
        "cpu",
        "--effort",
        "none",
        "--baselines",
        "eager",
        "--out",
        tmp_path / "o",
    ]
    child = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(tmp_path), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert child.stdout is not None and child.stderr is not None
    for line in child.stderr:
        if "code" in line:
            break
    time.sleep(0.3)
    children = psutil.Process(child.pid).children(recursive=True)
    assert children
    os.killpg(child.pid, signal.SIGINT)  # as a terminal sends it: to all of them
    rest, out = child.stderr.read(), child.stdout.read()
    assert child.wait(30) == 130
    # Once a kernel is verified it is kept and named; its times are what is missing.
    assert out == "" or ("PASSED" in out and "speedup" not in out)
    assert "the same command continues" in rest
    assert "Traceback" not in rest
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    ran = kw(*arguments, "--json")
    assert (ran.code, ran.json["status"]) == (0, "PASSED")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_no_fault_of_the_kernel(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("optimize", "nowhere.py", "--json"), cwd=tmp_path, env=environment(tmp_path),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone_changes_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("optimize", "nowhere.py", "elsewhere.py", "--json"), cwd=tmp_path,
        env=environment(tmp_path), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_an_ascii_terminal_shows_the_table(good: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong é.py").write_text("def kernel(x, y): return x\n")
    done = subprocess.run(
        command("choose", good, "wrong é.py", "--backend", "cpu", "--baselines", "eager"),
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONIOENCODING="ascii"), capture_output=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert b"WRONG_VALUE" in done.stdout
    assert b"Traceback" not in done.stderr


def test_the_failure_of_verify_is_written_aside_and_its_script_repeats_it(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong.py").write_text("def kernel(x, y):\n    return x\n")
    ran = kw("verify", good, "wrong.py", "--backend", "cpu")
    assert ran.code == 1
    there = {p.name for p in tmp_path.iterdir()} - {"state"}
    assert there == {"good.py", "wrong.py", "kernelwright-out"}
    (line,) = [x for x in ran.out.splitlines() if "repeat it with: " in x]
    done = subprocess.run(
        line.partition("with: ")[2], shell=True, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stderr
    assert "WRONG_VALUE" in done.stdout


def test_a_small_task_in_the_interpreter_is_verified_and_not_timed(kw: Run, good: Path) -> None:
    ran = kw(
        "optimize",
        good,
        "--backend",
        "cpu",
        "--impl-type",
        "triton",
        "--effort",
        "none",
        "--baselines",
        "eager",
    )
    assert ran.code == 0, ran.out + ran.err
    assert "not timed: triton" in ran.out


BAD = {
    "baseline": (["verify", "good.py", "good.py", "--baselines", "eagr"], "eager"),
    "budget": (["optimize", "good.py", "--effort", "full", "--budget", "-5"], "--budget"),
    "budget without full": (["optimize", "good.py", "--budget", "5"], "--effort full"),
    "candidate": (["choose", "good.py", "nowhere.py"], "nowhere.py"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_argument_is_one_object_with_no_folder(name: str, kw: Run, good: Path) -> None:
    arguments, word = BAD[name]
    ran = kw(*arguments, "--backend", "cpu", "--json")
    assert (ran.code, ran.json["status"], ran.json["out"]) == (2, "USAGE_ERROR", None)
    assert word in ran.json["reason"]


def test_the_matrix_as_json(kw: Run) -> None:
    rows = json.loads(kw("doctor", "--matrix", "--json").out)
    assert {"cpp", "mlir", "triton"} <= {r["impl_type"] for r in rows if r["supported"]}
    assert all(r["reason"] for r in rows if not r["supported"])


def test_help_names_the_program_and_no_python_module(kw: Run) -> None:
    for name in ("optimize", "verify", "choose", "doctor"):
        text = kw(name, "--help").out
        assert f"Usage: kernelwright {name}" in text
        assert "kernelwright.cli" not in text
        assert f"kernelwright {name}" in text.partition("Example")[2]


def test_files_of_one_name_do_not_overwrite_each_other() -> None:
    a, b, c = Path("a/relu.py"), Path("b/relu.py"), Path("swish.py")
    assert result_folders([a, b, c, a], Path("o")) == {
        a: Path("o/relu"), b: Path("o/relu-2"), c: Path("o/swish"),
    }  # fmt: skip
    assert result_folders([a, a], Path("o")) == {a: Path("o")}
    assert result_folders([a, c], None) == {a: None, c: None}


BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.parametrize(
    ("impl_type", "absent", "code", "word"),
    [
        ("auto", ("mlir", "llvmlite"), 0, "left out: impl_type mlir"),
        ("mlir", ("mlir", "llvmlite"), 2, "kernelwright[mlir]"),
        ("triton", ("triton",), 2, "kernelwright[triton]"),
    ],
)
def test_a_missing_extra_is_named_and_what_is_left_still_runs(
    impl_type: str, absent: tuple[str, ...], code: int, word: str, good: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "blocker"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER.format(names=set(absent)))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command("optimize", good, "--backend", "cpu", "--impl-type", impl_type,
                "--task-type", "precision_only"),
        cwd=tmp_path, env=environment(tmp_path, PYTHONPATH=path), capture_output=True, text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_module_is_the_command_and_tells_its_version() -> None:
    done = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert done.stdout == f"kernelwright {kernelwright.__version__}\n"
