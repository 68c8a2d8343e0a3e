"""Measuring candidates against a running ReferenceProcess: inputs, weights, truth and bound from
the trusted side, times from ``verify.timing.profile``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kernelwright.backends import BACKENDS, DeviceInfo
from kernelwright.config import Config
from kernelwright.errors import ReferenceBroken, UsageError
from kernelwright.frameworks._base import RunResult, Value
from kernelwright.graph.core import Graph
from kernelwright.schema import Candidate, Evaluation
from kernelwright.verify.candidate.process import write_folder
from kernelwright.verify.inputs import laws
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.roofline.bound import compute_dtype, minimal_traffic
from kernelwright.verify.roofline.peaks import PeaksError, peaks
from kernelwright.verify.rule.compare import Outputs, is_inexact
from kernelwright.verify.timing.baselines import BASELINES, EAGER, expand
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.prepare import compile_baselines
from kernelwright.verify.timing.profile import Limit, ProfileResult, profile
from kernelwright.verify.timing.ranking import quick_rank
from kernelwright.verify.timing.records import Subject
from kernelwright.verify.timing.rotation import Rotation, inputs_of
from kernelwright.verify.verifier import Verifier

_SETS, _SETS_BYTES = 4, 2 << 30  # input sets to rotate among, fewer when they would be larger
_MEMORY_SHARE = 64  # of the device's memory: inputs and weights of what is compiled beside others


def measure_candidates(
    reference: ReferenceProcess,
    candidates: Mapping[str, Candidate],
    *,
    config: Config,
    device: int = 0,
    baselines: Sequence[str] = (EAGER,),
    graph: Graph | None = None,
    env: Mapping[str, str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> ProfileResult:
    """Times of ``candidates`` and baselines; the outputs of some timed calls of each candidate are
    judged by the error rule. ``graph`` (the simplified computation) gives the bound, None none.

    Raises what ``timing.profile`` raises, and UsageError for a device that is not there.
    """
    info = device_info(reference.spec.target.backend, device)
    limit = bound_of(graph, info, config) if graph is not None else None

    verifier = Verifier(reference)

    def judge(inputs: list[Value], found: RunResult) -> Evaluation:
        verdict = verifier.judge_answer(inputs, Outputs(found.outputs, found.structure))
        return Evaluation(verdict.status, verdict.check, verdict.reason, verdict.statistics)

    sets = input_sets(reference)
    mixed = _takes_mixed(reference, sets)

    with _folders(candidates) as entries:

        def measured(limit: Limit | None) -> ProfileResult:
            return profile(
                reference.spec,
                entries,
                sets,
                info,
                config,
                state=reference.describe().state,
                mixed=mixed,
                baselines=baselines,
                judge=judge,
                limit=limit,
                env=env,
                on_progress=on_progress,
            )

        result = measured(limit)
        if graph is not None and _beats_the_bound(result):
            # Either the kernel does less than it must, or the peaks were taken at a bad moment.
            result = measured(bound_of(graph, info, config, again=True))
        return result


def compile_ahead(
    reference: ReferenceProcess,
    baselines: Sequence[str],
    *,
    config: Config,
    device: int = 0,
    env: Mapping[str, str] | None = None,
) -> None:
    """Compiles the baselines that compile, for a later ``measure_candidates``; not those that take
    minutes, nor what leaves little memory to others. Times nothing, and other work may go on."""
    spec = reference.spec
    names = expand(baselines, spec.framework, spec.target.backend)
    if not any(BASELINES[name].compiles for name in names):
        return
    info, state = device_info(spec.target.backend, device), reference.describe().state
    inputs = reference.make_inputs(laws.fresh_seed())
    held = laws.nbytes([*inputs, *(entry.array for entry in state)])
    if any(BASELINES[name].slow for name in names) or held > info.memory_bytes // _MEMORY_SHARE:
        return
    subjects = [Subject(name, baseline=name) for name in names]
    plan = TimingPlan.of(
        spec, info, config, subjects, [inputs], state, False, laws.fresh_seed(), env
    )
    plan.mixed = False  # every Model takes its own inputs
    compile_baselines(plan)


def rank_candidates(
    reference: ReferenceProcess,
    candidates: Mapping[str, Candidate],
    *,
    config: Config,
    device: int = 0,
    rounds: int = 3,
    sets: Sequence[Sequence[Value]] | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Microseconds of each candidate, fastest first, from a few calls (see ``quick_rank``).
    ``sets`` are the inputs; fresh ones when None."""
    info = device_info(reference.spec.target.backend, device)
    with _folders(candidates) as entries:
        return quick_rank(
            reference.spec,
            entries,
            input_sets(reference) if sets is None else sets,
            info,
            config,
            state=reference.describe().state,
            rounds=rounds,
            env=env,
        )


def device_info(backend: str, index: int) -> DeviceInfo:
    """The device ``index`` of ``backend`` here; raises UsageError when it is not there."""
    found = BACKENDS.get(backend).devices()
    if not 0 <= index < len(found):
        there = ", ".join(f"{d.index} ({d.name})" for d in found) or "none"
        raise UsageError(f"{backend} device {index} is not there; devices: {there}")
    return found[index]


def input_sets(reference: ReferenceProcess, most: int = _SETS) -> list[list[Value]]:
    """Input sets of the Model from seeds that nobody knows; at least two, ``most`` if they fit."""
    first = reference.make_inputs(laws.fresh_seed())
    count = max(2, min(most, _SETS_BYTES // max(1, laws.nbytes(first))))
    return [first, *(reference.make_inputs(laws.fresh_seed()) for _ in range(count - 1))]


def _takes_mixed(reference: ReferenceProcess, sets: Sequence[Sequence[Value]]) -> bool:
    """Whether the Model's answers stay finite when each element of its inputs is scaled for itself
    (a Cholesky factorisation's do not)."""
    try:
        for seed in range(2):
            step = Rotation(len(sets), seed).draw()
            before = reference.run(sets[step.index]).outputs
            after = reference.run(inputs_of(sets, step)).outputs
            if any(_not_finite(b) > _not_finite(a) for a, b in zip(before, after)):
                return False
    except ReferenceBroken:
        return False
    return True


def _not_finite(array: np.ndarray) -> int:
    return int(np.count_nonzero(~np.isfinite(array))) if is_inexact(array.dtype) else 0


def _beats_the_bound(result: ProfileResult) -> bool:
    """Whether any candidate seems faster than the machine."""
    faster = [m.candidate_us < (m.bound_us or 0.0) for m in result.measurements.values()]
    lights = [e.check == "faster_than_light" for e in result.failures.values()]
    return any(lights) or any(faster)


def bound_of(
    graph: Graph, device: DeviceInfo, config: Config, *, again: bool = False
) -> Limit | None:
    """The bound's ingredients; None on a device whose peaks cannot be measured."""
    try:
        found = peaks(device, config, again=again)
    except PeaksError:
        return None
    traffic = minimal_traffic(graph)
    return Limit(traffic.bytes, traffic.flops, compute_dtype(graph), found)


@contextmanager
def _folders(candidates: Mapping[str, Candidate]) -> Iterator[dict[str, Path]]:
    """Each candidate written to a folder of its own: name -> entry file."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-timing-") as root:
        entries = {}
        for number, (name, candidate) in enumerate(candidates.items()):
            folder = Path(root) / str(number)
            folder.mkdir()
            write_folder(candidate, folder)
            for path in (Path(root), folder):
                path.chmod(0o755)  # the worker runs as another user
            entries[name] = folder / candidate.entry
        yield entries
