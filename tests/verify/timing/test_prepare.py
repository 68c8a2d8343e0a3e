"""Compiled before the clock: what comes back from a worker is plain files or nothing."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelwright.backends import BACKENDS
from kernelwright.config import Config, resolve
from kernelwright.schema import Target, TaskSpec
from kernelwright.verify.timing.baselines import expand
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.prepare import (
    BadArchive,
    compile_baselines,
    compiles,
    prepared,
    unpack,
)
from kernelwright.verify.timing.records import Subject
from kernelwright.verify.timing.rotation import Rotation


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for info, body in members:
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return data.getvalue()


def member(name: str, body: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, body


def test_plain_files_are_unpacked(tmp_path: Path) -> None:
    data = archive(
        member("./a/kernel.so", b"code", mode=0o4755, mtime=1000, uid=0), member("b.py", mode=0o600)
    )
    unpack(data, tmp_path / "out")
    made = tmp_path / "out/a/kernel.so"
    assert made.read_bytes() == b"code" and made.stat().st_mode & 0o7777 == 0o755
    assert made.stat().st_mtime == 1000  # build tools go by it
    assert (tmp_path / "out/b.py").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive, match="outside"):
        unpack(archive(member(name)), tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    members = [
        member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", b"", type=tarfile.LNKTYPE, linkname="../secret"),
        member("node", b"", type=tarfile.CHRTYPE),
        member("file"),
    ]
    unpack(archive(*members), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["file"]


def test_what_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        unpack(b"\x00garbage" * 1000, tmp_path / "out")
    unpack(b"\0" * 10240, tmp_path / "empty")  # the end of an archive and nothing before it
    with pytest.raises(BadArchive):
        unpack(archive(member("a", b"x" * 2000))[:1000], tmp_path / "cut")


def test_who_compiles(tmp_path: Path) -> None:
    entry = tmp_path / "kernel.py"
    entry.write_text("import numpy\n")
    assert not compiles(entry)
    (tmp_path / "tiles.py").write_text("import triton\n")
    assert compiles(entry)


REFERENCE = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.tanh(x) * 2

def get_inputs():
    return [torch.randn(16, 16)]

def get_init_inputs():
    return []
"""
COMPILES = """
import os, torch

class ModelNew(torch.nn.Module):
    def __init__(self):
        super().__init__()
        folder = os.environ["TRITON_CACHE_DIR"]
        self.known = os.path.exists(folder + "/made")
        open(folder + "/made", "w").write("1")
    def forward(self, x):
        return torch.tanh(x) * (2 if self.known else 3)
"""


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., TimingPlan]:
    pytest.importorskip("torch")
    config: Config = resolve(
        {"state_dir": str(tmp_path / "s"), "cache_dir": str(tmp_path / "c"), "timing.threads": 1},
        directory=tmp_path, environ={},
    )  # fmt: skip
    spec = TaskSpec("tanh", REFERENCE, "torch", Target("cpu", "x86_64"), path="tanh.py")
    (device,) = BACKENDS.get("cpu").devices()
    sets = [[np.ones((16, 16), np.float32)] for _ in range(2)]

    def make(names: tuple[str, ...], *entries: Path) -> TimingPlan:
        subjects = [Subject(n, baseline=n) for n in expand(names, "torch", "cpu")]
        subjects += [Subject(e.parent.name, entry=e) for e in entries]
        return TimingPlan.of(spec, device, config, subjects, sets, (), None, 0, None)

    return make


def test_a_candidate_finds_what_it_compiled(
    plan: Callable[..., TimingPlan], tmp_path: Path
) -> None:
    entries = []
    for name in ("one", "two"):
        entry = tmp_path / name / "kernel.py"
        entry.parent.mkdir()
        entry.write_text(COMPILES + f"# triton {name}\n")
        entries.append(entry)
    chosen = plan(("eager",), *entries)
    with prepared(chosen):
        assert set(chosen.caches) == {"one", "two"}
        seeds = {n: c.seed for n, c in chosen.caches.items()}
        assert seeds["one"] != seeds["two"]
        assert all(s is not None and (s / "triton/made").is_file() for s in seeds.values())
        with chosen.session() as session:
            session.give_inputs(chosen.sets)
            for subject in chosen.subjects:
                session.load(subject, (), chosen.caches.get(subject.name))
            step = Rotation(2, 0).draw()
            session.call("one", step)
            session.keep_output("one", step)
            (found,) = session.records["one"].outputs[0][1].outputs
    np.testing.assert_allclose(found, 2 * np.tanh(np.float32(step.scale / 256)), rtol=1e-6)
    assert not (seeds["one"] or tmp_path).exists()


def test_a_candidate_that_fails_is_struck_once(
    plan: Callable[..., TimingPlan], tmp_path: Path
) -> None:
    entry = tmp_path / "bad" / "kernel.py"
    entry.parent.mkdir()
    entry.write_text("import triton_is_not_here\n")
    chosen = plan(("eager",), entry)
    with prepared(chosen):
        assert chosen.failures["bad"].check == "raises"
        assert not chosen.candidates


@pytest.mark.heavy
def test_baselines_are_compiled_once(plan: Callable[..., TimingPlan], tmp_path: Path) -> None:
    compile_baselines(plan(("compile",)))  # as it is done beside other work
    kept = sorted((tmp_path / "c/compiled").glob("*.tar"))
    assert len(kept) == 2  # the task's own, and the seed
    stamps = {path: path.read_bytes() for path in kept}
    chosen = plan(("compile",))
    with prepared(chosen):
        assert chosen.caches["compile"].seed is not None
    again = plan(("compile",))
    with prepared(again):
        seed = again.caches["compile"].seed or tmp_path
        assert list(seed.rglob("*.so"))
        # What the C++ compiler can do is known, and no precompiled header travels or is made.
        probes = json.loads((seed / "probes.json").read_text())
        assert probes and set(probes.values()) <= {True, False}
        assert not list(seed.rglob("*.gch"))
    assert {path: path.read_bytes() for path in kept} == stamps
