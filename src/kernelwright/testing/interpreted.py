"""Runs Triton candidates under Triton's interpreter (or on a GPU), many in one child process.

Importing torch and triton costs two seconds, and the interpreter must be chosen before the import:
so a test module gathers its cases and runs them in one go.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.schema import Candidate


@dataclass(frozen=True)
class Case:
    candidate: Candidate
    inputs: Sequence[np.ndarray]
    state: Mapping[str, np.ndarray] = field(default_factory=dict)


class InterpreterError(Exception):
    """A candidate raised; the message is its traceback."""


def run_interpreted(
    cases: Mapping[str, Case], timeout_s: float = 240.0, device: str = "cpu"
) -> dict[str, list[np.ndarray] | InterpreterError]:
    """The flattened outputs of every case by name, or what the candidate raised.

    ``device`` "cpu" is the interpreter, "cuda" runs the compiled kernels.
    """
    with tempfile.TemporaryDirectory(prefix="kernelwright-interpret-") as root:
        for name, case in cases.items():
            folder = Path(root) / name
            folder.mkdir()
            for file, content in case.candidate.files.items():
                (folder / file).write_bytes(content)
            stored = {f"input{i:03}": a for i, a in enumerate(case.inputs)}
            stored |= {f"state:{key}": a for key, a in case.state.items()}
            plain: dict[str, Any] = {_key(n, a): _plain(a) for n, a in stored.items()}
            np.savez(folder / "inputs.npz", **plain)
        main = Path(__file__).with_name("_interpreted_main.py")
        done = subprocess.run(
            [sys.executable, "-P", str(main), root, device],
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode != 0:
            raise InterpreterError(done.stderr)
        return {name: _read(Path(root) / name) for name in cases}


def _key(name: str, array: np.ndarray) -> str:
    return f"{name}:bf16" if array.dtype == ml_dtypes.bfloat16 else name


def _plain(array: np.ndarray) -> np.ndarray:
    return array.view(np.int16) if array.dtype == ml_dtypes.bfloat16 else array


def _read(folder: Path) -> list[np.ndarray] | InterpreterError:
    error = folder / "error.txt"
    if error.exists():
        return InterpreterError(error.read_text())
    with np.load(folder / "outputs.npz") as stored:
        return [
            stored[n].view(ml_dtypes.bfloat16) if n.endswith(":bf16") else stored[n]
            for n in stored.files
        ]
