"""The parent's side of the precision worker: what its deaths and errors say about the candidate."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from kernelwright.frameworks._base import StateEntry
from kernelwright.frameworks._preloads import PRELOADS
from kernelwright.graph.core import DTYPES, TensorType
from kernelwright.sandbox.channel import ChannelError
from kernelwright.sandbox.process import ChildDied, ChildTimeout, Limits, Reply, start
from kernelwright.schema import Candidate, Status
from kernelwright.verify.candidate.untrusted import (
    LOG_CHARACTERS,
    plain_number,
    plain_outputs,
    plain_text,
)
from kernelwright.verify.reference.process import Description
from kernelwright.verify.rule.compare import Outputs, Verdict

_OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGALRM)
# Names of exceptions that compilers called from Python raise (Triton's, ours, subprocess's), and
# what torch's extension builder says in a RuntimeError.
_COMPILE_ERRORS = ("CompilationError", "CompileError", "CompileTimeAssertionFailure")
_COMPILE_WORDS = ("Error building extension", "Error compiling objects", "PTXAS error")
# Ops that allocate, copy or look at memory and compute nothing.
_MOVE_NAMES = """
    empty empty_like empty_strided new_empty zeros zeros_like new_zeros fill_ zero_ detach alias
    view _unsafe_view reshape expand permute transpose t slice select squeeze unsqueeze as_strided
    clone copy_ _to_copy contiguous lift_fresh is_pinned resize_ set_
"""
_MOVES = frozenset(_MOVE_NAMES.split())
_NAME_CHARACTERS, _MOST_CALLS = 80, 64
# What the precision worker itself finds wrong.
_FAULTS = {"dtype": Status.WRONG_DTYPE, "structure": Status.WRONG_STRUCTURE}


def worker_env(env: Mapping[str, str]) -> dict[str, str]:
    """What precision and timing workers alike see of an environment, so that one fork server can
    serve both. A precompiled header costs torch.compile as much as three kernels without one, and
    every worker would make its own, also one that finds its kernels compiled: its folder is not
    among what ``TORCHINDUCTOR_CACHE_DIR`` moves."""
    inductor = {
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
    }
    return {**inductor, **env}


def worker_preloads(framework: str, impl_type: str) -> tuple[str, ...]:
    """What a precision worker's fork server imports."""
    preload = PRELOADS.get(framework, ())
    return (*preload, "triton") if impl_type == "triton" else preload


class CandidateFault(Exception):
    """The candidate failed before any output could be judged."""

    def __init__(self, verdict: Verdict, log: str) -> None:
        super().__init__(verdict.reason)
        self.verdict, self.log = verdict, log


@dataclass(frozen=True)
class Answer:
    """One call's outputs (after them the inputs that the reference writes to as well), the inputs
    that the call must not have changed but did, the outputs that share memory with an input, and
    the outputs of the call before as they are after this one."""

    outputs: Outputs
    mutated: list[int]
    aliased: list[int]
    previous: list[np.ndarray]


class CandidateProcess:
    """A candidate loaded in an isolated worker. Every method raises CandidateFault."""

    def __init__(
        self,
        candidate: Candidate,
        description: Description,
        *,
        framework: str,
        device: str,
        threads: int,
        wall_s: float,
        limits: Limits,
        env: Mapping[str, str],
    ) -> None:
        self._wall_s = wall_s
        self._folder = tempfile.TemporaryDirectory(prefix="kernelwright-candidate-")
        folder = Path(self._folder.name)
        write_folder(candidate, folder)
        folder.chmod(0o755)
        self._child = start(
            "kernelwright.verify.candidate.worker:main",
            isolated=True,
            limits=limits,
            readable=[folder],
            env=worker_env(env),
            preload=worker_preloads(framework, candidate.impl_type),
        )
        self._header = {
            "op": "load",
            "framework": framework,
            "entry": str(folder.resolve() / candidate.entry),
            "device": device,
            "threads": threads,
            "init": description.init,
            "policy": description.policy,
            "output_bytes": [_nbytes(kind) for kind in description.outputs],
        }
        self._init_arrays, self._written = description.arrays, list(description.written)
        self._states: set[str] = set()
        self.prepare_us: float | None = None
        try:
            self.load("own", description.state)
        except BaseException:
            self.close()
            raise

    def load(self, name: str, state: Sequence[StateEntry]) -> None:
        """Constructs the candidate with ``state``, unless there is one of that ``name`` already."""
        if name in self._states:
            return
        entries = [{"name": e.name, "kind": e.kind} for e in state]
        arrays = [*(entry.array for entry in state), *self._init_arrays]
        reply = self._ask({**self._header, "name": name, "state": entries}, arrays, "load")
        self._states.add(name)
        if self.prepare_us is None:
            self.prepare_us = plain_number(reply.header.get("prepare_us"))

    def run(
        self,
        inputs: Sequence[Any],
        *,
        state: str = "own",
        layout: str = "as_given",
        previous: bool = False,
    ) -> Answer:
        """What the candidate with the weights ``state`` gives for ``inputs``."""
        header = {"op": "run", "name": state, "layout": layout, "previous": previous}
        reply = self._ask({**header, "written": self._written}, inputs, "call")
        said, count = reply.header, reply.header.get("previous")
        if plain_outputs(said, reply.arrays) is None:
            raise self._protocol_fault("an answer without outputs")
        if type(count) is not int or not 0 <= count <= len(reply.arrays):
            raise self._protocol_fault("a number of outputs that cannot be")
        own = len(reply.arrays) - count
        mutated = self._positions(said.get("mutated"), len(inputs))
        return Answer(
            Outputs(reply.arrays[:own], said["structure"]),
            [index for index in mutated if index not in self._written],
            self._positions(said.get("aliased"), own),
            reply.arrays[own:],
        )

    def _positions(self, value: Any, count: int) -> list[int]:
        """``value`` if it lists positions below ``count``: it comes from a worker."""
        if isinstance(value, list) and all(type(n) is int and 0 <= n < count for n in value):
            return value
        raise self._protocol_fault("inputs or outputs that are not there")

    def library_calls(self, inputs: Sequence[Any]) -> dict[str, float]:
        """The framework's ops that a call computes with and the share (0 to 1) of its time that
        each takes, as far as the worker says them."""
        try:
            reply = self._ask({"op": "census"}, inputs, "call")
        except CandidateFault:
            return {}
        calls = reply.header.get("calls")
        if not isinstance(calls, dict):
            return {}
        found: dict[str, float] = {}
        for name, share in list(calls.items())[:_MOST_CALLS]:
            number = plain_number(share)
            text = plain_text(name, _NAME_CHARACTERS)
            if number is not None and text.rpartition(".")[2] not in _MOVES:
                found[text] = min(number, 1.0)
        return found

    def log(self) -> str:
        return plain_text(self._child.stderr_tail(), LOG_CHARACTERS)

    def close(self) -> None:
        self._child.close()
        self._folder.cleanup()

    def __enter__(self) -> CandidateProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, header: Mapping[str, Any], arrays: Sequence[Any], phase: str) -> Reply:
        try:
            reply = self._child.request(header, arrays, timeout_s=self._wall_s)
        except ChildTimeout as error:
            reason = f"the {phase} did not end within {self._wall_s:g} s"
            raise self._fault(Status.TIMEOUT, f"{phase}_timeout", reason) from error
        except ChildDied as error:
            status, check = Status.RUNTIME_ERROR, f"{phase}_died"
            if error.returncode in _OUT_OF_TIME:
                status, check = Status.TIMEOUT, f"{phase}_timeout"
            reason = str(error).splitlines()[0].replace("the child process", f"in its {phase} it")
            raise self._fault(status, check, reason) from error
        except ChannelError as error:
            raise self._protocol_fault(str(error)) from error
        if reply.header.get("ok") is not True:
            raise self._raised(reply.header, phase)
        return reply

    def _fault(self, status: Status, check: str, reason: str) -> CandidateFault:
        return CandidateFault(Verdict(status, check, reason), self.log())

    def _protocol_fault(self, what: str) -> CandidateFault:
        reason = f"the worker broke the judge's protocol: {what}"
        return self._fault(Status.REJECTED, "protocol", reason)

    def _raised(self, header: Mapping[str, Any], phase: str) -> CandidateFault:
        """What an exception in the worker means; the header is as untrusted as the candidate."""
        name, message = plain_text(header.get("type"), 200), plain_text(header.get("message"))
        trace = plain_text(header.get("traceback", ""), LOG_CHARACTERS)
        status, check = Status.RUNTIME_ERROR, f"{phase}_raised"
        if name == "StateMismatch":
            status, check = Status.WRONG_STRUCTURE, "state"
        elif name == "_Fault":
            # The check's name becomes part of a path: none but the known ones.
            check = str(header.get("check"))
            if check not in _FAULTS:
                return self._protocol_fault(f"a fault of the kind {plain_text(check, 40)!r}")
            status = _FAULTS[check]
        elif _is_compile_error(name, message, phase):
            status, check = Status.COMPILE_ERROR, "compile"
        elif name == "AttributeError" and "neither class ModelNew" in message:
            status, check = Status.WRONG_STRUCTURE, "no_entry"
        elif name in ("ImportError", "ModuleNotFoundError") and phase == "load":
            check = "import"
        log = "\n".join(part for part in (trace, self.log()) if part)
        reason = message if name == "_Fault" else f"{name} in its {phase}: {message}"
        return CandidateFault(Verdict(status, check, reason), log)


def _is_compile_error(name: str, message: str, phase: str) -> bool:
    if name == "CalledProcessError":  # a compiler that the candidate ran
        return phase == "load"
    return name in _COMPILE_ERRORS or any(word in message for word in _COMPILE_WORDS)


def write_folder(candidate: Candidate, folder: Path) -> None:
    """The candidate's files in ``folder``."""
    for name, data in candidate.files.items():
        if Path(name).name != name:
            raise ValueError(f"candidate file {name!r} is no plain file name")
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o644)


def _nbytes(kind: TensorType) -> int:
    return kind.size * DTYPES[kind.dtype].itemsize if kind.dtype in DTYPES else 0
