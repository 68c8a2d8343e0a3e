"""Compiles before the clock runs, so that the timing worker is a process that did not compile.

torch.compile and Triton leave a process in another state than they found it (threads, heaps, clock
rates). So a *preparing* worker loads and calls a subject once, its compilers' caches in a folder of
its own, and sends this folder back as a tar file. The timing worker gets a copy and finds all
compiled. Baselines are prepared in a worker without candidates, each candidate in one of its own:
nothing that a candidate wrote is ever read by a baseline. What baselines compiled is kept in
``cache_dir/compiled``; so is a seed with what torch.compile makes once a machine (its probes of the
compiler are most of the first compilation's time on a CPU).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

import numpy as np

from kernelwright.backends import cpu as cpu_backend
from kernelwright.errors import KernelwrightError, ReferenceBroken
from kernelwright.schema import TaskSpec
from kernelwright.verify.timing.baselines import BASELINES
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.records import Cache, Subject, SubjectFailed
from kernelwright.verify.timing.rotation import Rotation

_VERSION = 3
_CALLS = 2
_AT_ONCE = 8  # workers that compile side by side; each holds the inputs
_MOST_BYTES, _MOST_FILES = 512 << 20, 20_000
_KEPT = 1024  # tar files in cache_dir; a suite of workloads makes some hundreds
# What makes a candidate's first call compile. One that hides these words compiles in the timing
# worker, which costs steadiness and wins nothing.
_WORDS = (b"triton", b"torch.compile", b"cpp_extension", b"_dynamo", b"_inductor")
_SEED = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x + 1).sum(-1)

def get_inputs():
    return [torch.randn(64, 64)]

def get_init_inputs():
    return []
"""


class BadArchive(KernelwrightError):
    """A worker sent something that is no tar file of plain files, or too much of it."""


@contextmanager
def prepared(plan: TimingPlan) -> Iterator[None]:
    """Within it ``plan.caches`` names what each subject that compiles has compiled. A subject that
    fails already here is struck from the plan."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-compiled-") as name:
        root = Path(name)
        root.chmod(0o755)
        _prepare_baselines(plan, root)
        _prepare_candidates(plan, root)
        yield


def compile_baselines(plan: TimingPlan) -> None:
    """Has what baselines compile to kept, so that ``prepared`` finds it; nothing where it is there
    already. What fails is not kept, and is said by who asks again."""
    with tempfile.TemporaryDirectory(prefix="kernelwright-compiled-") as name:
        _prepare_baselines(plan, Path(name))


def _prepare_candidates(plan: TimingPlan, root: Path) -> None:
    """Each in a worker of its own, as many at once as there are threads: nothing is timed here."""
    found = [s for s in plan.subjects if s.entry is not None and compiles(s.entry)]
    with ThreadPoolExecutor(min(_AT_ONCE, plan.config.threads)) as pool:
        jobs = [
            pool.submit(_prepare_candidate, plan, subject, f"candidate{number}", root)
            for number, subject in enumerate(found)
        ]
        for job in jobs:
            job.result()


def compiles(entry: Path) -> bool:
    """Whether a candidate's Python files look as if a call ran a compiler."""
    texts = [path.read_bytes() for path in entry.resolve().parent.glob("*.py")]
    return any(word in text for text in texts for word in _WORDS)


def _prepare_baselines(plan: TimingPlan, root: Path) -> None:
    framework, backend = plan.spec.framework, plan.device.backend
    subjects = [
        s
        for s in plan.subjects
        if s.baseline and s.compiles and BASELINES[s.baseline].exists(framework, backend)
    ]
    if not subjects:
        return
    store = plan.config.cache_dir / "compiled"
    kept = store / f"{_key(plan, subjects)}.tar"
    folder = root / "baselines"
    if not _restored(kept, folder):
        if plan.spec.source != _SEED:
            _prepare_baselines(_seed_plan(plan), root / "seed")
        seed = root / "seed" / "baselines"
        data = _compiled(plan, subjects, Cache("baselines", seed if seed.is_dir() else None))
        if data is None:
            return
        unpack(data, folder)
        if not plan.baseline_failures:
            _keep(data, kept)
    for subject in subjects:
        plan.caches[subject.name] = Cache("baselines", folder)


def _seed_plan(plan: TimingPlan) -> TimingPlan:
    """The same for a tiny Model of our own."""
    spec = TaskSpec("seed", _SEED, plan.spec.framework, plan.spec.target, path="seed.py")
    inputs = [np.random.default_rng(0).standard_normal((64, 64), dtype=np.float32)]
    return replace(
        plan, spec=spec, subjects=[Subject("compile", baseline="compile")], sets=[inputs], state=(),
        failures={}, baseline_failures={}, caches={}, described={}, notes=[],
    )  # fmt: skip


def _prepare_candidate(plan: TimingPlan, subject: Subject, name: str, root: Path) -> None:
    data = _compiled(plan, [subject], Cache(name))
    if data is None:
        return
    try:
        unpack(data, root / name)
    except BadArchive as error:
        plan.notes.append(f"{subject.name} compiles in the timing worker: {error}")
        return
    plan.caches[subject.name] = Cache(name, root / name)


def _compiled(plan: TimingPlan, subjects: list[Subject], cache: Cache) -> bytes | None:
    """What calling ``subjects`` in a fresh worker left in the cache; None when none lasted."""
    alone = plan.of_subjects(subjects, dict.fromkeys((s.name for s in subjects), cache))
    lasted: list[Subject] = []
    data: bytes | None = None
    rotation = Rotation(len(plan.sets), plan.seed, mixed=plan.mixed)
    try:
        with alone.session() as session:
            session.give_inputs(plan.sets)
            for subject in subjects:
                try:
                    session.load(subject, plan.state, cache)
                    for _ in range(_CALLS):
                        session.call(subject.name, rotation.draw(), cache=cache)
                    lasted.append(subject)
                except SubjectFailed as error:
                    if not error.alive:
                        raise
                    _strike(plan, error)
            if lasted:
                data = session.collect(lasted[-1].name, cache).tobytes()
    except SubjectFailed as error:
        if error.name not in [s.name for s in lasted]:
            _strike(plan, error)
        elif error.alive:  # nothing but the collection failed
            plan.notes.append(f"{error.name} compiles in the timing worker: {error}")
    return data


def _strike(plan: TimingPlan, error: SubjectFailed) -> None:
    """A seed that fails is no loss; anything else is what it would be in the timing worker."""
    with suppress(*((ReferenceBroken,) if plan.spec.source == _SEED else ())):
        plan.drop(error)


def unpack(data: bytes, folder: Path) -> None:
    """Plain files of a tar file from a worker under ``folder``; nothing else, nothing outside.
    Raises BadArchive."""
    total = count = 0
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                total, count = total + member.size, count + 1
                if total > _MOST_BYTES or count > _MOST_FILES:
                    raise BadArchive(f"more than {_MOST_BYTES} bytes or {_MOST_FILES} files")
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise BadArchive(f"a file outside the folder: {member.name!r}")
                source = tar.extractfile(member) if member.isreg() else None
                if source is None:
                    continue
                target = folder.joinpath(*path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with source:
                    target.write_bytes(source.read())
                target.chmod(0o755 if member.mode & 0o100 else 0o644)
                os.utime(target, (member.mtime, member.mtime))  # ninja builds by these
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise BadArchive(f"the compiled files cannot be unpacked: {error}") from error
    for inner in (folder, *folder.rglob("*")):
        if inner.is_dir():
            inner.chmod(0o755)  # the worker runs as another user


def _key(plan: TimingPlan, subjects: list[Subject]) -> str:
    """All that decides what baselines compile to."""
    layout = [
        [str(v.dtype), v.shape, v.strides] if isinstance(v, np.ndarray) else repr(v)
        for v in plan.sets[0]
    ]
    versions = {}
    for package in ("torch", "triton"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    parts = [
        _VERSION, plan.spec.source, plan.spec.framework, plan.device.backend, plan.device.name,
        cpu_backend.model_name(), sorted(cpu_backend.flags()), plan.config.threads, versions,
        [s.baseline for s in subjects], layout,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def _restored(kept: Path, folder: Path) -> bool:
    try:
        unpack(kept.read_bytes(), folder)
        kept.touch()  # the oldest go first
    except (OSError, BadArchive):
        return False
    return True


def _keep(data: bytes, kept: Path) -> None:
    """Stores ``data``; a cache that cannot be written is none."""
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(kept)
        files = sorted(kept.parent.glob("*.tar"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in files[_KEPT:]:
            old.unlink()
