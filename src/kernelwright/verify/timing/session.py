"""The parent's hold on one timing worker: loads subjects, asks for calls, checks the clock."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.backends import BACKENDS, DeviceInfo
from kernelwright.config import Config
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.frameworks._preloads import PRELOADS
from kernelwright.sandbox import isolation, process
from kernelwright.sandbox.channel import ChannelError
from kernelwright.schema import Status, TaskSpec
from kernelwright.verify.candidate.process import worker_env
from kernelwright.verify.candidate.untrusted import (
    LOG_CHARACTERS,
    plain_number,
    plain_outputs,
    plain_text,
)
from kernelwright.verify.timing.records import Cache, Record, Sample, Subject, SubjectFailed
from kernelwright.verify.timing.rotation import Step

_ENTRY = "kernelwright.verify.timing.child.worker:main"
_FLUSH_CACHES = 2  # the flush writes so many last-level caches
_FLUSH_MIN_BYTES = 64 << 20
_COMPILER = ("kernelwright.frameworks._torch_compiler",)
# Of one core: a worker that waits for a request uses nothing. Little, for on a crowded machine a
# thread that works on gets no more.
IDLE_SHARE = 0.08
# A running thread's account is up to one scheduler tick (10 ms) late.
_IDLE_WINDOW_S, _IDLE_MOST_S = 0.05, 0.6


def timing_preloads(framework: str, backend: str, compiling: bool) -> tuple[str, ...]:
    """What a timing worker's fork server imports. Most of what a compiled baseline costs on a CPU
    is what the compiler imports and asks. Not for a GPU: that may start CUDA in the fork server,
    whose children could then not use it."""
    compiler = _COMPILER if compiling and backend == "cpu" else ()
    return (*PRELOADS.get(framework, ()), *compiler)


class TimingSession:
    """One worker with its subjects. Use as a context manager.

    Raises SandboxError when the worker cannot be had, ReferenceBroken's child text as
    KernelwrightError when the reference does not load there, SubjectFailed for one subject.
    """

    def __init__(
        self,
        spec: TaskSpec,
        device: DeviceInfo,
        config: Config,
        *,
        readable: Sequence[Path],
        cold: bool,
        env: Mapping[str, str] | None = None,
        compiling: bool = False,
    ) -> None:
        self.spec, self.device, self.config = spec, device, config
        isolation.require(allow_unsandboxed=config.judge.allow_unsandboxed)
        backend = BACKENDS.get(device.backend)
        threads = config.threads
        fixed = worker_env(backend.child_env(threads))
        self.cold = cold
        self.records: dict[str, Record] = {}
        self._torch_device = backend.torch_device(device.index)
        self._child = process.start(
            _ENTRY,
            isolated=True,
            readable=readable,
            env={**fixed, **(env or {})},
            preload=timing_preloads(spec.framework, device.backend, compiling),
        )
        flush = max(_FLUSH_MIN_BYTES, _FLUSH_CACHES * device.last_level_bytes) if cold else 0
        self.described = self._ask(
            "reference",
            {
                "op": "setup",
                "framework": spec.framework,
                "source": spec.source,
                "path": spec.path,
                "device": self._torch_device,
                "threads": threads,
                "flush_bytes": flush,
            },
            timeout_s=config.timeouts.reference_s,
        ).header

    def __enter__(self) -> TimingSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def give_inputs(self, sets: Sequence[Sequence[Value]]) -> None:
        """The base input sets that ``Step.index`` counts."""
        flat = [value for values in sets for value in values]
        header = {"op": "inputs", "sets": len(sets)}
        self._ask("inputs", header, flat, timeout_s=self.config.timeouts.reference_s)

    def load(
        self, subject: Subject, state: Sequence[StateEntry], cache: Cache | None = None
    ) -> None:
        """Makes ``subject`` callable in the worker; raises SubjectFailed."""
        header: dict[str, Any] = {"name": subject.name, "cache": cache and cache.to_dict()}
        arrays: list[np.ndarray] = []
        if subject.entry is None:
            header.update(op="baseline", baseline=subject.baseline)
        else:
            named = [[e.name, e.kind] for e in state]
            header.update(op="candidate", entry=str(subject.entry.resolve()), state=named)
            arrays = [e.array for e in state]
        timeout_s = self.config.timeouts.candidate_s
        reply = self._ask(subject.name, header, arrays, timeout_s=timeout_s)
        prepare = reply.header.get("prepare_us")
        self.records[subject.name] = Record(prepare_us=plain_number(prepare))

    def call(
        self,
        name: str,
        step: Step,
        *,
        snapshot: bool = False,
        latency: bool = False,
        cold: bool | None = None,
        watch_us: float = 0.0,
        cache: Cache | None = None,
    ) -> Sample:
        """One call; nothing is recorded.

        ``cold`` is the session's when None. ``watch_us``: also look whether the output still
        changes so long after the clock has stopped. ``cache``: see ``load``. Raises SubjectFailed,
        also for a time that the parent's own clock disproves and for an output that changed.
        """
        flush = self.cold if cold is None else cold
        header = {
            "op": "call",
            "name": name,
            "step": step.to_list(),
            "snapshot": snapshot,
            "latency": latency,
            "cold": flush,
            "watched": watch_us > 0,
            "cache": cache and cache.to_dict(),
        }
        ahead_us = self._arm(name, step, flush) if self.described.get("ahead") else None
        sample, reply = self._timed(name, header, ahead_us)
        if watch_us:
            self._watch(name, watch_us)
        self.records[name].output_bytes = int(plain_number(reply.get("output_bytes")) or 0)
        return sample

    def _arm(self, name: str, step: Step, cold: bool) -> float:
        """Has the inputs of ``step`` laid ready, but for the windows: where these will be, and what
        is in them, nobody there knows before the call itself. Microseconds that it took."""
        known = replace(step, donor=step.index, position=0)
        header = {"op": "arm", "name": name, "step": known.to_list(), "cold": cold}
        began = time.perf_counter()
        self._ask(name, header, timeout_s=self.config.timeouts.candidate_s)
        return (time.perf_counter() - began) * 1e6

    def _watch(self, name: str, watch_us: float) -> None:
        header = {"op": "watch", "watch_us": watch_us}
        reply = self._ask(name, header, timeout_s=self.config.timeouts.candidate_s)
        if reply.header.get("late"):
            text = "an output changed after the call had returned and the clock had stopped"
            raise SubjectFailed(name, Status.REJECTED, "late_write", text, alive=True)

    def volley(self, name: str, steps: Sequence[Step], wanted: int, *, judged: bool) -> None:
        """Warm calls on ``steps`` in one request, whose time by the parent's clock is held against
        what the worker says of the calls: what is hidden in each shows as often as there are calls.
        The output of call ``wanted``, which the worker does not know of before it has answered, is
        fetched under the same clock. Raises SubjectFailed."""
        header = {"op": "volley", "name": name, "steps": [step.to_list() for step in steps]}
        timeout_s = self.config.timeouts.candidate_s
        began = time.perf_counter()
        reply = self._ask(name, header, timeout_s=timeout_s).header
        wall_us = (time.perf_counter() - began) * 1e6
        picked = self._ask(name, {"op": "picked", "number": wanted}, timeout_s=timeout_s)
        fetched_us = (time.perf_counter() - began) * 1e6
        said, total = reply.get("us"), plain_number(reply.get("total_us"))
        times = [plain_number(us) for us in said] if isinstance(said, list) else []
        us = sum(t for t in times if t is not None)
        if len(times) != len(steps) or total is None or None in times or not (
            0 < us <= total <= wall_us * 1.001
        ):  # fmt: skip
            text = f"the worker reports {us:.0f} us for {len(times)} calls, but the request took"
            text += f" {wall_us:.0f} us for {len(steps)}"
            raise SubjectFailed(name, Status.REJECTED, "clock", text, alive=False)
        self._keep(name, steps[wanted], picked, judged=judged)
        record = self.records[name]
        record.warm_us.append(us / len(steps))
        record.warm_outside_us.append((fetched_us - us) / len(steps))

    def _timed(
        self, name: str, header: Mapping[str, Any], ahead_us: float | None = None
    ) -> tuple[Sample, dict[str, Any]]:
        """The times of a call, held against a clock of the parent's, and the whole answer."""
        # The first call of a baseline may run torch.compile.
        timeouts = self.config.timeouts
        timeout_s = max(timeouts.candidate_s, timeouts.compile_s)
        began = time.perf_counter()
        reply = self._ask(name, header, timeout_s=timeout_s).header
        wall_us = (time.perf_counter() - began) * 1e6
        us, tail, total = (plain_number(reply.get(k)) for k in ("us", "tail_us", "total_us"))
        if us is None or tail is None or total is None or not 0 < us <= total <= wall_us * 1.001:
            raise SubjectFailed(
                name,
                Status.REJECTED,
                "clock",
                f"the worker reports {reply.get('us')} us within {reply.get('total_us')} us, "
                f"but the request took {wall_us:.0f} us",
                alive=False,
            )
        return Sample(us, tail, wall_us - us, wall_us - total, ahead_us), reply

    def record(
        self, name: str, step: Step, *, snapshot: bool = False, watch_us: float = 0.0
    ) -> bool:
        """One call whose times are kept; without ``watch_us`` the threads that it left behind.
        Whether no request for a call of this subject was shorter."""
        before = self._child.usage().threads if not watch_us else 0
        sample = self.call(name, step, snapshot=snapshot, watch_us=watch_us)
        record = self.records[name]
        if not watch_us:
            record.threads_left.append(self._child.usage().threads - before)
        record.samples_us.append(sample.us)
        record.tails_us.append(sample.tail_us)
        record.outside_us.append(sample.outside_us)
        record.unexplained_us.append(sample.unexplained_us)
        if sample.ahead_us is not None:
            record.ahead_us.append(sample.ahead_us)
        wall_us = sample.us + sample.outside_us
        least = wall_us < record.least_wall_us
        record.least_wall_us = min(wall_us, record.least_wall_us)
        return least

    def capture(self, name: str, calls: int) -> list[int]:
        """Has ``calls`` calls captured into a CUDA graph; the calls whose outputs it keeps. Raises
        SubjectFailed."""
        header = {"op": "capture", "name": name, "calls": calls, "cold": self.cold}
        reply = self._ask(name, header, timeout_s=self.config.timeouts.candidate_s)
        kept = reply.header.get("kept")
        good = isinstance(kept, list) and all(type(i) is int and 0 <= i < calls for i in kept)
        if not good or not kept:
            text = "the worker says nothing of the outputs that it keeps"
            raise SubjectFailed(name, Status.REJECTED, "protocol", text, alive=False)
        return list(kept)

    def replay(self, name: str, steps: Sequence[Step], wanted: int) -> None:
        """One replay whose time of a call is kept; ``keep_output`` gives call ``wanted``'s."""
        header = {
            "op": "replay",
            "name": name,
            "steps": [step.to_list() for step in steps],
            "cold": self.cold,
            "wanted": wanted,
        }
        sample, _ = self._timed(name, header)
        record = self.records[name]
        record.replays_us.append(sample.us)
        record.tails_us.append(sample.tail_us)
        record.unexplained_us.append(sample.unexplained_us)

    def watch_idle(self, name: str) -> None:
        """Waits until the worker's processes rest, at most ``_IDLE_MOST_S``, and notes how busy
        they still were at the end. A pool of threads may spin for a while after a call (libgomp
        some milliseconds, libiomp 200); what then still works is no pool."""
        shares, began = [1.0], time.monotonic()
        while max(shares[-2:]) >= IDLE_SHARE and time.monotonic() - began < _IDLE_MOST_S:
            at, used = time.monotonic(), self._child.usage().cpu_us
            time.sleep(_IDLE_WINDOW_S)
            shares.append((self._child.usage().cpu_us - used) * 1e-6 / (time.monotonic() - at))
        self.records[name].idle_shares.append(max(shares[-2:]))

    def keep_output(
        self,
        name: str,
        step: Step,
        *,
        copied: bool = False,
        judged: bool = True,
        fastest: bool = False,
    ) -> None:
        """Fetches the outputs of the call just made, for judging later when they are ``judged``, or
        when no call is ``fastest`` after it.
        The time that it takes is kept unless the worker has ``copied`` them during the call:
        outputs that are only computed now take longer."""
        began = time.perf_counter()
        reply = self._ask(name, {"op": "output"}, timeout_s=self.config.timeouts.candidate_s)
        if not copied:
            self.records[name].fetch_us.append((time.perf_counter() - began) * 1e6)
        result = self._keep(name, step, reply, judged=judged)
        if fastest:
            self.records[name].fastest = (step, result)

    def _keep(self, name: str, step: Step, reply: process.Reply, *, judged: bool) -> RunResult:
        outputs = plain_outputs(reply.header, reply.arrays)
        if outputs is None:
            text = "the worker broke the judge's protocol: an answer without outputs"
            raise SubjectFailed(name, Status.REJECTED, "protocol", text, alive=True)
        result = RunResult(list(outputs.arrays), outputs.structure)
        if judged:
            self.records[name].outputs.append((step, result))
        return result

    def collect(self, name: str, cache: Cache) -> np.ndarray:
        """The bytes of a tar file with what compilers made for ``name``; not to be trusted."""
        header = {"op": "collect", "cache": cache.to_dict()}
        reply = self._ask(name, header, timeout_s=self.config.timeouts.candidate_s)
        found = reply.arrays[0] if reply.arrays else None
        if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.ndim != 1:
            text = "no compiled files came back"
            raise SubjectFailed(name, Status.REJECTED, "protocol", text, alive=False)
        return found

    def _ask(
        self, name: str, header: Mapping[str, Any], arrays: Sequence[Any] = (), *, timeout_s: float
    ) -> process.Reply:
        try:
            reply = self._child.request(header, arrays, timeout_s=timeout_s)
        except process.ChildTimeout as error:
            message = f"{name}: no answer to {header['op']} within {timeout_s:g} s"
            raise SubjectFailed(name, Status.TIMEOUT, "timeout", message, False) from error
        except process.ChildDied as error:
            text = plain_text(error, LOG_CHARACTERS)
            raise SubjectFailed(name, Status.RUNTIME_ERROR, "crash", text, False) from error
        except ChannelError as error:
            raise SubjectFailed(name, Status.REJECTED, "protocol", str(error), False) from error
        if reply.header.get("ok") is True:
            return reply
        kind = plain_text(reply.header.get("type"), 200)
        message = plain_text(reply.header.get("message"))
        status, check = _ERRORS.get(kind, (Status.RUNTIME_ERROR, "raises"))
        trace = plain_text(reply.header.get("traceback", ""), LOG_CHARACTERS).strip()
        raise SubjectFailed(name, status, check, f"{kind}: {message}\n{trace}".strip(), True)


_ERRORS = {
    "StateMismatch": (Status.WRONG_STRUCTURE, "state"),
    "CompileError": (Status.COMPILE_ERROR, "compile"),
    "SyntaxError": (Status.COMPILE_ERROR, "syntax"),
    "CaptureFailed": (Status.RUNTIME_ERROR, "capture"),
    "LazyOutput": (Status.REJECTED, "lazy_output"),
    "CompilationError": (Status.COMPILE_ERROR, "compile"),  # Triton
}
