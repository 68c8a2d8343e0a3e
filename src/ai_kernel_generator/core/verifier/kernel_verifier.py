"""KernelVerifier: judges a kernel's text against a reference's text, by Kernelwright's judge."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.agents.record import ParsedCode
from kernelwright.backends import BACKENDS
from kernelwright.config import resolve
from kernelwright.errors import KernelwrightError
from kernelwright.schema import Candidate, Measurement, Target, TaskSpec
from kernelwright.task.combination import check_task_config, normal_name
from kernelwright.task.given import candidate_from
from kernelwright.task.session import Session
from kernelwright.task.steps import described, device_index
from kernelwright.task.task_config import load_config
from kernelwright.task.trace import Trace

log = logging.getLogger("kernelwright.verifier")


class KernelVerifier:
    """``framework_code`` is the reference's source. A kernel is a ``ModelNew``, a ``kernel``
    function, or a function called ``impl_func_name`` (default ``{op}_{impl_type}_{framework}``).

    With ``dsl`` (the later form) ``log_dir`` comes from ``config``, kernels are given as task_info,
    and ``run_profile`` returns three numbers.
    """

    def __init__(
        self,
        op_name: str,
        framework_code: str,
        log_dir: str | Path | None = None,
        task_id: str = "0",
        framework: str = "torch",
        impl_type: str = "triton",
        backend: str = "cuda",
        arch: str = "a100",
        impl_func_name: str | None = None,
        *,
        dsl: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.later = dsl is not None
        framework, backend = normal_name(framework), normal_name(backend)
        impl_type = normal_name(dsl or impl_type)
        check_task_config(framework, backend, arch, impl_type)
        self.impl_func_name = impl_func_name
        folder = log_dir if log_dir is not None else (config or load_config())["log_dir"]
        self.trace = Trace(op_name, str(task_id), folder)
        self.spec = TaskSpec(
            op_name,
            framework_code,
            framework,
            Target(backend, BACKENDS.get(backend).normalize_arch(arch)),
            impl_type,
            path=f"{op_name}_{framework}.py",
        )
        self._last: Candidate | None = None

    def run(
        self,
        parsed_code: ParsedCode | Mapping[str, Any],
        current_step: int = 0,
        device_id: int = 0,
    ) -> tuple[bool, str]:
        """(passed, what went wrong; "" when nothing did). Never raises for a bad kernel or task."""
        if isinstance(parsed_code, Mapping):
            kernel = str(parsed_code.get("coder_code", ""))
            parsed_code = ParsedCode().with_kernel(self.spec.impl_type, kernel)
        self.trace.first_step = current_step
        try:
            candidate = candidate_from(parsed_code, self.spec, self.impl_func_name)
            self.trace.write_verify_dir(self.spec, candidate)
            with self._session(device_id) as session:
                evaluation = session.verify(candidate)
        except (KernelwrightError, ValueError) as error:
            passed, text = False, str(error)
        else:
            passed = evaluation.passed
            text = "" if passed else described(evaluation)
            self._last = candidate if passed else None
        self.trace.add_verification(
            self.spec, passed, text, key="dsl" if self.later else "impl_type"
        )
        return passed, text

    def run_profile(
        self, current_step: int = 0, device_id: int = 0, profile_settings: Any = None
    ) -> Any:
        """Times the kernel that ``run`` passed last, beside the framework's own.

        Gives the share of time saved, (base - kernel) / base; in the later form (kernel_us,
        base_us, speedup). When it cannot be measured: 0.0, and (inf, 0.0, 0.0).
        """
        failure: Any = (float("inf"), 0.0, 0.0) if self.later else 0.0
        self.trace.first_step = current_step
        try:
            measured = self._measured(device_id)
        except KernelwrightError as error:
            log.warning("%s was not measured: %s", self.spec.op_name, error)
            return failure
        if measured is None:
            return failure
        self.trace.add_measurement(measured)
        base = measured.baselines_us["eager"]
        if self.later:
            return measured.candidate_us, base, measured.speedup
        return (base - measured.candidate_us) / base

    def _measured(self, device_id: int) -> Measurement | None:
        if self._last is None:
            log.warning("%s was not measured: no kernel has passed", self.spec.op_name)
            return None
        with self._session(device_id) as session:
            if not session.native(self.spec.impl_type):
                log.warning("%s was not measured: no device here runs it", self.spec.op_name)
                return None
            profiled = session.measure({"candidate": self._last}, ("eager",))
        if "candidate" in profiled.failures:
            log.warning("%s: %s", self.spec.op_name, described(profiled.failures["candidate"]))
            return None
        return profiled.measurements["candidate"]

    def _session(self, device_id: int) -> Session:
        return Session(self.spec, resolve(), device=device_index(self.spec, device_id))


__all__ = ["KernelVerifier"]
