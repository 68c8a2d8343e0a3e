"""What a model is told about its kernel."""

from __future__ import annotations

import json
from pathlib import Path

from kernelwright.agents.feedback import feedback, feedback_text
from kernelwright.schema import Candidate, ErrorStatistics, Evaluation, Measurement, Status


def test_a_compiler_s_words_come_with_their_line() -> None:
    source = "#include <math.h>\nint f() {\n  return x;\n}\n"
    candidate = Candidate({"kernel.py": b"import a\n", "kernel.cpp": source.encode()})
    log = "kernel.cpp: In function\nkernel.cpp:3:10: error: 'x' was not declared\n"
    told = feedback(Evaluation(Status.COMPILE_ERROR, "compile", "no", log=log), candidate)
    assert told["source_lines"] == [
        {
            "file": "kernel.cpp",
            "line": 3,
            "source": ["1: #include <math.h>", "2: int f() {", "3:   return x;", "4: }", "5: "],
        }
    ]
    assert told["log"].endswith("was not declared")


def test_a_traceback_names_its_line_too() -> None:
    candidate = Candidate({"kernel.py": b"a\nb\nc\n"})
    log = (
        'Traceback\n  File "/lib/worker.py", line 9, in run\n    call()\n    ^^^^^^\n'
        '  File "/tmp/kernelwright-candidate-x1/kernel.py", line 2, in kernel\n    b[3]\n    ~^^^'
        "\nKeyError: 3"
    )
    told = feedback(Evaluation(Status.RUNTIME_ERROR, "call", "KeyError", log=log), candidate)
    assert [(e["file"], e["line"]) for e in told["source_lines"]] == [("kernel.py", 2)]
    assert told["log"].startswith('File "/tmp/kernelwright-candidate-x1') and "^" not in told["log"]
    assert told["log"].endswith("KeyError: 3") and "worker.py" not in told["log"]


def test_the_worst_element_and_how_to_repeat_it(tmp_path: Path) -> None:
    script = tmp_path / "reproduce.py"
    script.write_text(
        '"""Repeats: it.\n\nInput law own, seed 0, layout\nas_given. Needs Python.\n"""'
    )
    error = ErrorStatistics(1.0, 1e-8, 2e-8, 0, (3, 4), 1.0 / 3, 0.5, ("own",), (0,))
    evaluation = Evaluation(
        Status.WRONG_VALUE, "norm", "off", error=error, reproducer=str(script), log=""
    )
    told = feedback(evaluation)
    assert told["worst_element"]["index"] == [3, 4]
    assert (told["worst_element"]["got"], told["worst_element"]["expected"]) == (0.33333, 0.5)
    assert told["reproducer"] == "Input law own, seed 0, layout as_given."
    assert json.loads(feedback_text(evaluation)) == told


def test_times_stand_against_the_bound() -> None:
    measured = Measurement(10.0, {"eager": 20.0}, 2.0, 1.9, 2.1, 2.0, 4.0, 40.0, 1024)
    told = feedback(Evaluation(Status.PASSED, measurement=measured))
    assert told["times"] == {
        "kernel_us": 10.0, "others_us": {"eager": 20.0}, "speedup": 2.0,
        "speedup_95_percent": [1.9, 2.1], "bound_us": 4.0, "percent_of_bound": 40.0,
        "bytes_that_must_move": 1024,
    }  # fmt: skip
    assert "log" not in told
