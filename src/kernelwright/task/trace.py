"""The record of one task's steps, in memory and as files for people under the task's log folder.

{log_dir}/{op}/I{task}_S{step:02d}_{op}_{Action}_{result|prompt|reasoning|error_log}.txt
{log_dir}/{op}/I{task}_S{step:02d}_verify/      reference, kernel, verify_{op}.py
{log_dir}/{op}/profiling/speed_up_record.txt
{log_dir}/passed_cases/{op}/                    the last passed verification's folder
{log_dir}/verification_results.jsonl            one JSON object a line
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from kernelwright.agents.record import Record
from kernelwright.schema import Candidate, Measurement, TaskSpec

log = logging.getLogger(__name__)

RESULTS = "verification_results.jsonl"
_append_lock = threading.Lock()

_VERIFY_SCRIPT = '''"""Repeats the verification of this folder's kernel. Exit code 0: it passed."""

from pathlib import Path

from kernelwright.config import resolve
from kernelwright.schema import Candidate
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session

FOLDER = Path(__file__).resolve().parent
FILES = {files!r}

if __name__ == "__main__":
    source = (FOLDER / {reference!r}).read_text(encoding="utf-8")
    spec = make_spec(
        {op!r},
        source,
        path=str(FOLDER / {reference!r}),
        framework={framework!r},
        backend={backend!r},
        arch={arch!r},
        impl_type={impl_type!r},
    )
    candidate = Candidate(
        {{name: (FOLDER / name).read_bytes() for name in FILES}}, FILES[0], {impl_type!r}
    )
    with Session(spec, resolve()) as session:
        evaluation = session.verify(candidate)
    print(evaluation.status, evaluation.check or "", evaluation.reason)
    raise SystemExit(not evaluation.passed)
'''


class Trace:
    """``records`` are the steps so far. Files are a service: a full disk is logged, not raised."""

    def __init__(self, op_name: str, task_id: str, log_dir: str | Path) -> None:
        self.op_name, self.task_id, self.log_dir = op_name, task_id, Path(log_dir).expanduser()
        self.records: list[Record] = []
        self.first_step = 0

    @property
    def folder(self) -> Path:
        return self.log_dir / file_name(self.op_name)

    @property
    def step(self) -> int:
        """The number of the step that comes next, from ``first_step``."""
        return self.first_step + len(self.records)

    def add(self, record: Record) -> None:
        """Keeps a finished step and writes its texts."""
        texts = {
            "result": record.result,
            "prompt": record.prompt,
            "reasoning": record.reasoning,
            "error_log": record.error_log,
        }
        for kind, text in texts.items():
            if text:
                self.write(self.text_name(record.action_type.value, kind), text)
        self.records.append(record)

    def text_name(self, action: str, kind: str) -> str:
        op, task = file_name(self.op_name), file_name(self.task_id)
        return f"I{task}_S{self.step:02d}_{op}_{action}_{kind}.txt"

    def write(self, name: str, text: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            log.warning("%s cannot be written: %s", self.folder / name, error)

    # ---- verification ------------------------------------------------------------------------

    @property
    def verify_dir(self) -> Path:
        """Where the verification that comes next has its files."""
        return self.folder / f"I{file_name(self.task_id)}_S{self.step:02d}_verify"

    def write_verify_dir(self, spec: TaskSpec, candidate: Candidate) -> None:
        """The reference, the kernel's files and a script that verifies them again."""
        folder, op = self.verify_dir, file_name(self.op_name)
        reference, entry = f"{op}_{spec.framework}.py", f"{op}_{candidate.impl_type}.py"
        siblings = {n: data for n, data in candidate.files.items() if n != candidate.entry}
        script = _VERIFY_SCRIPT.format(
            files=[entry, *siblings],
            reference=reference,
            op=self.op_name,
            framework=spec.framework,
            backend=spec.target.backend,
            arch=spec.target.arch,
            impl_type=candidate.impl_type,
        )
        contents = {
            **siblings,
            reference: spec.source.encode(),
            entry: candidate.files[candidate.entry],
            f"verify_{op}.py": script.encode(),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in contents.items():
                (folder / name).write_bytes(data)
        except OSError as error:
            log.warning("%s cannot be written: %s", folder, error)

    def add_verification(self, spec: TaskSpec, passed: bool, error_log: str, *, key: str) -> None:
        """Appends to verification_results.jsonl, and keeps a copy of what passed. ``key`` is
        "impl_type" or "dsl", as the caller named it. Call before ``add``."""
        entry = {
            "task_name": self.op_name,
            "task_id": self.task_id,
            "step": self.step,
            "verify_dir": str(self.verify_dir),
            "passed": passed,
            "error_log": error_log,
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S"),
            "framework": spec.framework,
            key: spec.impl_type,
            "backend": spec.target.backend,
            "arch": spec.target.arch,
        }
        try:
            self._append(self.log_dir / RESULTS, json.dumps(entry, ensure_ascii=False))
            if passed:
                kept = self.log_dir / "passed_cases" / file_name(self.op_name)
                shutil.copytree(self.verify_dir, kept, dirs_exist_ok=True)
        except OSError as error:
            log.warning("the record in %s cannot be written: %s", self.log_dir, error)

    def add_measurement(self, measured: Measurement) -> None:
        """One line in speed_up_record.txt; times in microseconds."""
        base = measured.baselines_us["eager"]
        line = (
            f"op_name: {self.op_name}, task_id: {self.task_id}, "
            f"unique_dir: {self.verify_dir.name}, base_time: {base:.6f} us, "
            f"generation_time: {measured.candidate_us:.6f} us, speedup: {measured.speedup:.6f}x"
        )
        try:
            self._append(self.folder / "profiling" / "speed_up_record.txt", line)
        except OSError as error:
            log.warning("the measurement in %s cannot be written: %s", self.folder, error)

    @staticmethod
    def _append(path: Path, line: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write a line, so that neither tasks nor processes mix theirs.
        with _append_lock, open(path, "ab", buffering=0) as file:
            os.write(file.fileno(), line.encode() + b"\n")


def file_name(text: str) -> str:
    """``text`` as part of a file's name."""
    return re.sub(r"[^\w.-]", "_", text).lstrip(".") or "_"


def read_results(path: str | Path) -> list[dict[str, Any]]:
    """The records of a verification_results.jsonl, also of one whose records span many lines, as
    the reference system writes them. Raises ValueError for a file that is neither."""
    text = Path(path).read_text(encoding="utf-8")
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        record, at = decoder.raw_decode(text, at)
        found.append(record)
    return found
