"""What a run of optimize or tune may vary."""

from __future__ import annotations

from dataclasses import dataclass

from kernelwright.errors import UsageError
from kernelwright.verify.timing.baselines import EAGER, check_baselines

EFFORTS = ("none", "quick", "full")
QUICK_S, FULL_S = 60.0, 600.0
TIMING_S = {"none": 0.6, "quick": 3.0, "full": 5.0}  # of measuring for each candidate
# What the end takes, kept back from tuning: starting workers and judging the timed outputs, and
# loading the other baselines, which are compiled before tuning begins.
_STARTING_S, _COMPILING_S = 8.0, 4.0


@dataclass(frozen=True)
class Options:
    """``effort``: none (the scheduler's first choice), quick (tuning, up to 60 s a task), full
    (tuning, up to ``budget_s``). ``timing_s``: of measuring each candidate, by ``effort`` when
    None. ``fresh``: do not continue an earlier run; with ``keep_tuning`` what an earlier search has
    found is believed all the same. Raises UsageError."""

    framework: str = "auto"
    backend: str = "auto"
    arch: str = "auto"
    impl_type: str = "auto"
    task_type: str = "profile"
    effort: str = "quick"
    baselines: tuple[str, ...] = ("eager",)
    budget_s: float | None = None
    timing_s: float | None = None
    fresh: bool = False
    keep_tuning: bool = False

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise UsageError(f"--effort must be one of {', '.join(EFFORTS)}, not {self.effort!r}")
        object.__setattr__(self, "baselines", check_baselines(self.baselines))
        if self.budget_s is not None and not self.budget_s > 0:
            raise UsageError(f"--budget must be more than 0 seconds, not {self.budget_s:g}")
        if self.timing_s is not None and not self.timing_s > 0:
            raise UsageError(f"--timing must be more than 0 seconds, not {self.timing_s:g}")
        if self.budget_s is not None and self.effort != "full":
            raise UsageError(f"--budget goes with --effort full, not {self.effort}")

    @property
    def tunes(self) -> bool:
        return self.effort != "none" and self.task_type == "profile"

    @property
    def measuring_s(self) -> float:
        """Seconds of measuring each candidate."""
        return TIMING_S[self.effort] if self.timing_s is None else self.timing_s

    def tuning_ends_s(self, candidates: int) -> float:
        """Seconds after the run's start at which tuning ends, so that measuring so many candidates
        still fits into the whole: that of ``effort``, in which all before tuning counts too."""
        whole_s = {"none": 0.0, "quick": QUICK_S, "full": self.budget_s or FULL_S}[self.effort]
        timed = candidates + (candidates > 1)  # the fastest of several is timed once more, alone
        compiling_s = _COMPILING_S if self.baselines != (EAGER,) else 0.0
        return whole_s - timed * self.measuring_s - _STARTING_S - compiling_s
