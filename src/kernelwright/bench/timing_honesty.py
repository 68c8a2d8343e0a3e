"""Are the times honest? ``kernelwright bench timing-honesty`` (or ``python -m`` this module).

Two promises of the contract, and one for CUDA:

* *same*: a kernel against itself claims a gain in at most 5 % of runs;
* *gain*: a real gain of 5 % on a kernel of at least 200 us is claimed in at least 90 % of runs;
* on CUDA the 95 % interval's half-width is at most 2 % for kernels over 100 us.

A run is what a user gets: ``Session.measure`` with its fresh worker, inputs and rounds. Intervals
of the shares are Clopper and Pearson's (Biometrika 26, 1934).
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from kernelwright.bench.entry import run
from kernelwright.bench.honesty_kernels import GAIN, KERNELS, SAME, Kernel
from kernelwright.config import resolve
from kernelwright.errors import UsageError
from kernelwright.report.numbers import time_text
from kernelwright.schema import Measurement
from kernelwright.task.identity import versions
from kernelwright.task.options import TIMING_S
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session
from kernelwright.verify.timing.statistics import claim

MOST_FALSE_CLAIMS, LEAST_CLAIMS = 0.05, 0.90
GAIN_FROM_US, WIDTH_FROM_US, MOST_HALF_WIDTH = 200.0, 100.0, 0.02
HOLDS, REFUTED, OPEN, NOTHING = "holds", "refuted", "not decided", "no runs"
RESULTS, ELSEWHERE = Path("bench/results"), Path("kernelwright-out")


@dataclass(frozen=True)
class Run:
    """One measurement of one kernel; times in microseconds, ``busy`` the machine's load average
    over its cores before it."""

    kernel: str
    kind: str
    eager_us: float
    candidate_us: float
    speedup: float
    low: float
    high: float
    rounds: int
    seconds: float
    busy: float
    failure: str = ""

    @property
    def claims(self) -> bool:
        return not self.failure and claim(self.low)

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2 / self.speedup


@dataclass(frozen=True)
class Share:
    """``count`` of ``runs`` with the ends of the 95 % interval of the share."""

    count: int
    runs: int
    low: float
    high: float

    @staticmethod
    def of(count: int, runs: int) -> Share:
        return Share(count, runs, *clopper_pearson(count, runs))

    @property
    def value(self) -> float:
        return self.count / self.runs if self.runs else math.nan


@dataclass
class Honesty:
    """All runs of one session; ``truths`` are long measurements of the kernels with a gain."""

    backend: str
    device: str
    budget_s: float
    runs: list[Run] = field(default_factory=list)
    truths: list[Run] = field(default_factory=list)
    complete: bool = True

    def of(self, kind: str, kernel: str = "") -> list[Run]:
        """The finished runs of a kind, of one kernel or of all."""
        return [r for r in self.runs if r.kind == kind and not r.failure
                and kernel in ("", r.kernel)]  # fmt: skip

    def share(self, kind: str, kernel: str = "") -> Share:
        """How many runs claimed a gain."""
        found = self.of(kind, kernel)
        return Share.of(sum(r.claims for r in found), len(found))

    def verdicts(self) -> dict[str, str]:
        """What the runs say of each promise."""
        long = [r for r in self.of(GAIN) if r.eager_us >= GAIN_FROM_US]
        found = {
            "same kernel: claims in at most 5 % of runs": at_most(
                self.share(SAME), MOST_FALSE_CLAIMS
            ),
            "gain of 5 %, 200 us or more: claimed in at least 90 % of runs": at_least(
                Share.of(sum(r.claims for r in long), len(long)), LEAST_CLAIMS
            ),
        }
        if self.backend == "cuda":
            widths = [
                r.half_width for k in (SAME, GAIN) for r in self.of(k) if r.eager_us > WIDTH_FROM_US
            ]
            worst = max(widths, default=math.nan)
            found["half-width at most 2 % over 100 us"] = (
                NOTHING if not widths else HOLDS if worst <= MOST_HALF_WIDTH else REFUTED
            )
        return found

    @property
    def exit_code(self) -> int:
        """1 when a promise is refuted or a run failed, 130 when interrupted, else 0."""
        if not self.complete:
            return 130
        failed = any(r.failure for r in (*self.runs, *self.truths))
        return int(failed or REFUTED in self.verdicts().values())


def at_most(share: Share, limit: float) -> str:
    """A promise "at most": it holds where the runs show it, is refuted where they exclude it."""
    if not share.runs:
        return NOTHING
    if share.value <= limit:
        return HOLDS
    return REFUTED if share.low > limit else OPEN


def at_least(share: Share, limit: float) -> str:
    """The same for "at least"."""
    if not share.runs:
        return NOTHING
    if share.value >= limit:
        return HOLDS
    return REFUTED if share.high < limit else OPEN


def clopper_pearson(count: int, runs: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share, found by bisection; (0, 1) for no runs."""
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _where(lambda p: 1 - _below(count - 1, runs, p) >= tail)
    high = 1.0 if count == runs else _where(lambda p: _below(count, runs, p) <= tail)
    return low, high


def _below(count: int, runs: int, p: float) -> float:
    """P(X <= count) for X binomial."""
    return math.fsum(math.comb(runs, k) * p**k * (1 - p) ** (runs - k) for k in range(count + 1))


def _where(holds: Callable[[float], bool]) -> float:
    """The smallest p in [0, 1] at which a condition that stays true once true holds."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def measure(
    *,
    backend: str = "cpu",
    pairs: int = 40,
    budget_s: float = TIMING_S["quick"],
    truth_s: float = 20.0,
    kinds: Sequence[str] = (SAME, GAIN),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Honesty:
    """``pairs`` runs of each kind, spread over its kernels in turn, so that a bad minute of the
    machine meets all of them. ``budget_s`` as for a user; ``truth_s`` for the long measurement of
    each kernel with a gain (0: none). Ctrl-C keeps what there is. Raises UsageError for a backend
    that is not here."""
    if backend not in KERNELS:
        raise UsageError(f"no kernels for backend {backend!r}; choose from {', '.join(KERNELS)}")
    config = resolve()
    sessions: dict[str, Session] = {}
    result = Honesty(backend, "", budget_s)
    chosen = [k for k in KERNELS[backend] if k.kind in kinds]
    try:
        for kernel in chosen:
            spec = make_spec(kernel.name, kernel.source, framework="torch", backend=backend)
            sessions[kernel.name] = session = Session(spec, config)
            if session.device is None:
                raise UsageError(f"there is no {backend} device here")
            result.device = session.device.name
        for number, kernel in enumerate(_in_turn(chosen, pairs), 1):
            found = one_run(sessions[kernel.name], kernel, budget_s)
            result.runs.append(found)
            on_progress(f"{number}: {told(found)}")
        for kernel in chosen:
            if kernel.kind == GAIN and truth_s:
                found = one_run(sessions[kernel.name], kernel, truth_s)
                result.truths.append(found)
                on_progress(f"true ratio: {told(found)}")
    except KeyboardInterrupt:
        result.complete = False
    finally:
        for session in sessions.values():
            session.close()
    return result


def _in_turn(kernels: Sequence[Kernel], pairs: int) -> Iterator[Kernel]:
    """``pairs`` of each kind, its kernels and the kinds in turn."""
    groups = [[k for k in kernels if k.kind == kind] for kind in (SAME, GAIN)]
    for number in range(pairs):
        for group in groups:
            if group:
                yield group[number % len(group)]


def one_run(session: Session, kernel: Kernel, budget_s: float) -> Run:
    """One measurement as users get it; a candidate that is not measured is a failed run."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    began = time.monotonic()
    profiled = session.measure({"candidate": kernel.candidate}, ("eager",), budget_s=budget_s)
    seconds = time.monotonic() - began
    measured = profiled.measurements.get("candidate")
    if measured is None:
        failure = profiled.failures.get("candidate")
        reason = failure.reason if failure is not None else "not measured"
        nan = math.nan
        return Run(kernel.name, kernel.kind, nan, nan, nan, nan, nan, 0, seconds, busy, reason)
    return _as_run(kernel, measured, seconds, busy)


def _as_run(kernel: Kernel, m: Measurement, seconds: float, busy: float) -> Run:
    return Run(
        kernel.name,
        kernel.kind,
        m.baselines_us["eager"],
        m.candidate_us,
        m.speedup,
        m.speedup_low,
        m.speedup_high,
        len(m.samples_us["candidate"]),
        seconds,
        busy,
    )


def told(r: Run) -> str:
    if r.failure:
        return f"{r.kernel}: failed: {r.failure}"
    text = f"{r.kernel}: {r.speedup:.3f}x [{r.low:.3f}, {r.high:.3f}], {time_text(r.eager_us)} us"
    return f"{text}, {r.rounds} rounds in {r.seconds:.1f} s{', claims' if r.claims else ''}"


# ---- what is shown and written -------------------------------------------------------------------


def table(result: Honesty) -> Table:
    """A row a kernel: how often a gain was claimed, and how wide the intervals were."""
    shown = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=0)
    for name in (
        "kernel",
        "eager us",
        "runs",
        "claims",
        "share [95 %]",
        "half-width",
        "true ratio",
    ):
        shown.add_column(name, justify="left" if name == "kernel" else "right", no_wrap=True)
    for kernel in KERNELS[result.backend]:
        found = result.of(kernel.kind, kernel.name)
        if not found:
            continue
        share = result.share(kernel.kind, kernel.name)
        widths = sorted(r.half_width for r in found)
        shown.add_row(
            kernel.name,
            time_text(sorted(r.eager_us for r in found)[len(found) // 2]),
            str(share.runs),
            str(share.count),
            share_text(share),
            f"{100 * widths[len(widths) // 2]:.1f} % (worst {100 * widths[-1]:.1f} %)",
            "1" if kernel.kind == SAME else _truth_text(result, kernel.name),
        )
    return shown


def _truth_text(result: Honesty, name: str) -> str:
    truth = next((r for r in result.truths if r.kernel == name and not r.failure), None)
    return "–" if truth is None else f"{truth.speedup:.3f} [{truth.low:.3f}, {truth.high:.3f}]"


def share_text(share: Share) -> str:
    if not share.runs:
        return "–"
    low, value, high = (100 * x for x in (share.low, share.value, share.high))
    return f"{value:.0f} % [{low:.0f}, {high:.0f}]"


def to_json(result: Honesty) -> dict[str, Any]:
    """Everything, runs included, without numbers that JSON does not have."""
    shares = {kind: asdict(result.share(kind)) for kind in (SAME, GAIN)}
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "backend": result.backend,
        "device": result.device,
        "budget_s": result.budget_s,
        "complete": result.complete,
        "versions": versions(),
        "verdicts": result.verdicts(),
        "claims": shares,
        "true_ratios": [asdict(r) for r in result.truths],
        "runs": [asdict(r) for r in result.runs],
    }
    cleaned: dict[str, Any] = json.loads(json.dumps(record), parse_constant=lambda _: None)
    return cleaned


def default_out(result: Honesty) -> Path:
    """A whole run in a checkout goes into its bench/results."""
    folder = RESULTS if result.complete and RESULTS.is_dir() else ELSEWHERE
    return folder / f"timing-honesty-{result.backend}-{datetime.now(UTC):%Y-%m-%d}.json"


def main(
    backend: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    pairs: Annotated[int, typer.Option(min=1, help="runs of each kind")] = 40,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="of measuring in each run, as for a user")
    ] = TIMING_S["quick"],
    truth: Annotated[
        float, typer.Option(metavar="SECONDS", help="of measuring each true ratio; 0 for none")
    ] = 20.0,
    kind: Annotated[str, typer.Option(help="same, gain, or both")] = "both",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="raw results; named below when not given")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object only")] = False,
) -> None:
    """Measure how honest the times are: the same kernel against itself, and a real gain of 5 %.

    Every run is a measurement as a user gets it. Wants a quiet machine: others' work shows in the
    results. Ctrl-C keeps what there is. Exit code 1 when a promise is refuted.

    Examples:

        kernelwright bench timing-honesty

        kernelwright bench timing-honesty --backend cuda --pairs 20

        kernelwright bench timing-honesty --kind same --pairs 4 --budget 0.6
    """
    if kind not in (SAME, GAIN, "both"):
        raise UsageError(f"--kind must be same, gain or both, not {kind!r}")
    kinds = (SAME, GAIN) if kind == "both" else (kind,)
    result = measure(
        backend=backend, pairs=pairs, budget_s=budget, truth_s=truth, kinds=kinds,
        on_progress=lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    record, path = to_json(result), out or default_out(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps({k: v for k, v in record.items() if k != "runs"} | {"out": str(path)}))
    else:
        console = Console(width=None if sys.stdout.isatty() else 120)
        console.print(table(result))
        for promise, verdict in result.verdicts().items():
            console.print(f"{promise}: {verdict}", highlight=False)
        console.print(f"raw results: {path}", highlight=False)
    raise typer.Exit(result.exit_code)


if __name__ == "__main__":
    run(main, "python -m kernelwright.bench.timing_honesty")
