"""What a model is told about a kernel that failed, or that is right and slow: JSON, from the judge.

Everything comes from the Evaluation: status and named check, the worst element, what a compiler
said with the line that it speaks of, how to repeat the failure, and the time against the bound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.schema import Candidate, Evaluation, Measurement, Status

MAX_LOG_CHARS = 3000
MAX_LINES = 5
_AROUND = 2  # source lines shown before and after the one that a message speaks of
_LINE = r'(?:[\w./<>-]*/)?{name}(?:", line |:)(?P<line>\d+)'

# What a status means for whoever is to mend the kernel.
_MEANING: Mapping[Status, str] = {
    Status.REJECTED: "a rule other than the values was broken; the check names it",
    Status.COMPILE_ERROR: "the kernel does not build",
    Status.RUNTIME_ERROR: "the kernel raised or crashed",
    Status.TIMEOUT: "the kernel did not end in time",
    Status.WRONG_STRUCTURE: "parameters, buffers or the structure of the outputs differ",
    Status.WRONG_SHAPE: "an output has another shape than the reference's",
    Status.WRONG_DTYPE: "an output has another dtype than the reference's",
    Status.WRONG_VALUE: "an output is further from the float64 truth than the reference allows",
}


def feedback(evaluation: Evaluation, candidate: Candidate | None = None) -> dict[str, Any]:
    """A JSON-ready dict; what is unknown is left out. Times are in microseconds."""
    told: dict[str, Any] = {"status": str(evaluation.status)}
    if meaning := _MEANING.get(evaluation.status):
        told["meaning"] = meaning
    if evaluation.check:
        told["check"] = evaluation.check
    if evaluation.reason:
        told["reason"] = evaluation.reason
    if worst := _worst(evaluation):
        told["worst_element"] = worst
    log = evaluation.log.strip()
    if not evaluation.passed:
        if log:
            told["log"] = _own_frames(log)[-MAX_LOG_CHARS:]
        if lines := source_lines(f"{evaluation.reason}\n{log}", candidate):
            told["source_lines"] = lines
        if evaluation.reproducer:
            told["reproducer"] = reproduction(evaluation.reproducer)
    if evaluation.measurement is not None:
        told["times"] = times(evaluation.measurement)
    if evaluation.reduced:
        told["note"] = "checked on small sizes only, in an interpreter"
    return told


def feedback_text(evaluation: Evaluation, candidate: Candidate | None = None) -> str:
    """``feedback`` as JSON for a prompt."""
    return json.dumps(feedback(evaluation, candidate), indent=1, ensure_ascii=False)


def _own_frames(log: str) -> str:
    """A traceback from the candidate's first frame on, without the marks under its lines."""
    lines = [line for line in log.split("\n") if line.strip("^~ \t") or not line.strip()]
    for number, line in enumerate(lines):
        if line.lstrip().startswith('File "') and "kernelwright-candidate-" in line:
            return "\n".join(lines[number:]).strip()
    return "\n".join(lines).strip()


def _worst(evaluation: Evaluation) -> dict[str, Any]:
    error = evaluation.error
    if error is None:
        return {}
    found: dict[str, Any] = {
        "relative_error": short(error.candidate),
        "relative_error_of_the_reference": short(error.reference),
        "allowed": short(error.limit),
    }
    if error.worst_value is not None:
        found |= {
            "output": error.worst_output,
            "index": list(error.worst_index),
            "got": short(error.worst_value),
            "expected": None if error.worst_truth is None else short(error.worst_truth),
        }
    if error.laws:
        found["input_laws"] = list(error.laws)
    return found


def times(measured: Measurement) -> dict[str, Any]:
    """The kernel's time, the framework's, and how far it is from what the device could do."""
    told: dict[str, Any] = {
        "kernel_us": short(measured.candidate_us),
        "others_us": {name: short(us) for name, us in measured.baselines_us.items()},
        "speedup": short(measured.speedup),
        "speedup_95_percent": [short(measured.speedup_low), short(measured.speedup_high)],
    }
    if measured.bound_us is not None:
        told["bound_us"] = short(measured.bound_us)
    if measured.bound_percent is not None:
        told["percent_of_bound"] = round(measured.bound_percent, 1)
    if measured.bytes_moved is not None:
        told["bytes_that_must_move"] = measured.bytes_moved
    return told


def source_lines(text: str, candidate: Candidate | None) -> list[dict[str, Any]]:
    """The lines of the candidate's files that ``text`` speaks of, with their neighbours."""
    if candidate is None:
        return []
    found: list[dict[str, Any]] = []
    for name, data in candidate.files.items():
        if not name.endswith((".py", ".cpp", ".cu", ".c", ".h")):
            continue
        lines = data.decode("utf-8", "replace").split("\n")
        numbers = [int(m["line"]) for m in re.finditer(_LINE.format(name=re.escape(name)), text)]
        for number in dict.fromkeys(n for n in numbers if 0 < n <= len(lines)):
            first, last = max(number - _AROUND, 1), min(number + _AROUND, len(lines))
            shown = [f"{i}: {lines[i - 1]}" for i in range(first, last + 1)]
            found.append({"file": name, "line": number, "source": shown})
    return found[-MAX_LINES:]


def reproduction(path: str) -> str:
    """Which inputs the script that repeats the failure uses, in its own words; its name when that
    cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return Path(path).name
    match = re.search(r"^Input law [^.]*\.", text, re.MULTILINE)
    return " ".join(match[0].split()) if match else Path(path).name


def short(value: float) -> float:
    """Five digits say enough, and are the same when a sum is rounded in another order."""
    return float(f"{value:.5g}")
