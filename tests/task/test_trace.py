from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelwright.agents.record import ActionType, Record
from kernelwright.schema import Candidate, Measurement, Target, TaskSpec
from kernelwright.task.trace import Trace, read_results

SPEC = TaskSpec("relu", "source", "torch", Target("cpu", "x86_64"), "triton")
CANDIDATE = Candidate({"kernel.py": b"code", "table.npy": b"\1"}, impl_type="triton")
KEYS = [
    "task_name", "task_id", "step", "verify_dir", "passed", "error_log", "timestamp", "framework",
    "impl_type", "backend", "arch",
]  # fmt: skip


def test_texts_of_steps(tmp_path: Path) -> None:
    trace = Trace("relu", "7", tmp_path)
    trace.add(Record(ActionType.DO_DESIGNER, True, result="the design", prompt="please"))
    trace.add(Record(ActionType.DO_CODER, False, error_log="no"))
    texts = {p.name: p.read_text() for p in (tmp_path / "relu").iterdir()}
    assert texts == {
        "I7_S00_relu_DoDesigner_result.txt": "the design",
        "I7_S00_relu_DoDesigner_prompt.txt": "please",
        "I7_S01_relu_DoCoder_error_log.txt": "no",
    }


def test_a_verifications_files(tmp_path: Path) -> None:
    trace = Trace("relu", "0", tmp_path)
    trace.add(Record(ActionType.DO_CODER_DIRECT, True))
    trace.write_verify_dir(SPEC, CANDIDATE)
    folder = tmp_path / "relu" / "I0_S01_verify"
    assert {p.name for p in folder.iterdir()} == {
        "relu_torch.py", "relu_triton.py", "table.npy", "verify_relu.py",
    }  # fmt: skip
    assert (folder / "relu_triton.py").read_bytes() == b"code"
    compile((folder / "verify_relu.py").read_text(), "verify_relu.py", "exec")
    trace.add_verification(SPEC, True, "", key="impl_type")
    kept = tmp_path / "passed_cases" / "relu"
    assert (kept / "relu_torch.py").read_text() == "source"


def test_results_are_json_lines(tmp_path: Path) -> None:
    trace = Trace("relu", "0", tmp_path)
    trace.write_verify_dir(SPEC, CANDIDATE)
    trace.add_verification(SPEC, False, "line one\nline two", key="impl_type")
    trace.add_verification(SPEC, True, "", key="dsl")
    path = tmp_path / "verification_results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert list(lines[0]) == KEYS
    assert lines[0]["error_log"] == "line one\nline two"
    assert lines[1]["dsl"] == "triton"
    assert read_results(path) == lines
    # the reference system's own form: records over many lines, with blank lines between
    path.write_text("\n\n".join(json.dumps(line, indent=4) for line in lines) + "\n\n")
    assert read_results(path) == lines
    path.write_text('{"a": 1} nonsense')
    with pytest.raises(ValueError):
        read_results(path)


def test_times_are_one_line(tmp_path: Path) -> None:
    measured = Measurement(50.0, {"eager": 100.0}, 2.0, 1.9, 2.1, 2.0)
    trace = Trace("relu", "3", tmp_path)
    trace.add_measurement(measured)
    text = (tmp_path / "relu" / "profiling" / "speed_up_record.txt").read_text()
    assert text == (
        "op_name: relu, task_id: 3, unique_dir: I3_S00_verify, base_time: 100.000000 us, "
        "generation_time: 50.000000 us, speedup: 2.000000x\n"
    )


def test_a_folder_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    trace = Trace("relu", "0", tmp_path / "file")
    trace.add(Record(ActionType.DO_CODER, True, result="code"))
    trace.write_verify_dir(SPEC, CANDIDATE)
    trace.add_verification(SPEC, True, "", key="impl_type")
    assert trace.step == 1
    assert len(caplog.messages) == 3
