from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kernelwright.backends import BACKENDS, MATRIX, check_combination, impl_types, is_native
from kernelwright.backends import cpu as cpu_backend
from kernelwright.backends import cuda as cuda_backend
from kernelwright.errors import UnknownNameError, UnsupportedError, UsageError


@pytest.mark.parametrize("name", BACKENDS.names())
def test_every_backend_keeps_the_interface(name: str) -> None:
    backend = BACKENDS.get(name)
    assert backend.name == name
    for alias, canonical in backend.archs.items():
        assert backend.normalize_arch(alias) == canonical
        assert backend.normalize_arch(canonical) == canonical
        assert backend.normalize_arch(alias.upper()) == canonical
    with pytest.raises(UnknownNameError):
        backend.normalize_arch("abacus")
    assert backend.child_env(3)["OMP_NUM_THREADS"] == "3"
    assert all(info.backend == name for info in backend.devices())
    assert any(row.backend == name for row in MATRIX)


@pytest.mark.parametrize(
    ("text", "arch"),
    [
        ("a100", "sm_80"),
        ("A10", "sm_86"),
        ("NVIDIA H200", "sm_90"),
        ("h20", "sm_90"),
        ("H999", "sm_90"),
        ("l20", "sm_89"),
        ("RTX 3090", "sm_86"),
        ("rtx4060ti", "sm_89"),
        ("gtx1080", "sm_61"),
        ("b200", "sm_100"),
        ("v100", "sm_70"),
        ("t4", "sm_75"),
        ("sm_90a", "sm_90"),
        ("sm90", "sm_90"),
        ("compute_80", "sm_80"),
    ],
)
def test_cuda_names(text: str, arch: str) -> None:
    assert BACKENDS.get("cuda").normalize_arch(text) == arch


@pytest.mark.parametrize("text", ["", "sm_", "rtx", "h", "z100", "rtx12345678", "h200 x2 y"])
def test_cuda_refuses(text: str) -> None:
    with pytest.raises(UnknownNameError, match="h200"):
        BACKENDS.get("cuda").normalize_arch(text)


@pytest.mark.parametrize(
    "text", ["ascend310p3", "ascend910b4", "Ascend910B2C", "910b1", "ascend910_9391", "ascend950pr"]
)
def test_ascend_names(text: str) -> None:
    assert BACKENDS.get("ascend").normalize_arch(text).startswith("ascend")


@pytest.mark.parametrize("text", ["ascend910b5", "ascend310", "ascend910"])
def test_ascend_refuses(text: str) -> None:
    with pytest.raises(UnknownNameError, match="ascend910b4"):
        BACKENDS.get("ascend").normalize_arch(text)


def test_cpu_device() -> None:
    (info,) = BACKENDS.get("cpu").devices()
    assert info.index == 0
    assert info.arch == BACKENDS.get("cpu").default_arch()
    assert info.arch in ("x86_64", "aarch64")
    assert platform.machine().lower() in cpu_backend.ARCHS
    assert info.memory_bytes > 1 << 28


def test_cache_sizes_count_shared_caches_once(tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        for index, (kind, level, size, shared) in enumerate(
            [
                ("Data", "1", "48K", str(cpu)),
                ("Instruction", "1", "32K", str(cpu)),
                ("Unified", "2", "1024K", str(cpu)),
                ("Unified", "3", "32M", "0-99"),
            ]
        ):
            folder = tmp_path / f"cpu{cpu}" / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, text in zip(
                ("type", "level", "size", "shared_cpu_list"), (kind, level, size, shared)
            ):
                (folder / name).write_text(text + "\n")
    assert cpu_backend.cache_bytes(tmp_path) == {
        "L1d": len(cpus) * 48 * 1024,
        "L2": len(cpus) << 20,
        "L3": 32 << 20,
    }
    assert cpu_backend.cache_bytes(tmp_path / "nowhere") == {}


NVIDIA_SMI = """\
0, GPU-aaaa1111, NVIDIA H200, 9.0, 143771, 580.159.03
1, GPU-bbbb2222, NVIDIA A100-SXM4-80GB, 8.0, 81920, 580.159.03
Some warning that is no row
"""


def fake_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real program of that name, first on PATH, that prints what a two-GPU machine prints."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{NVIDIA_SMI}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_cuda_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = cuda_backend.devices()
    assert [(d.index, d.arch) for d in found] == [(0, "sm_90"), (1, "sm_80")]
    assert found[0].memory_bytes == 143771 << 20
    assert BACKENDS.get("cuda").default_arch() == "sm_90"
    assert BACKENDS.get("cuda").missing("torch") == []


@pytest.mark.parametrize(
    ("visible", "archs"),
    [("1", ["sm_80"]), ("1,0", ["sm_80", "sm_90"]), ("GPU-bbbb", ["sm_80"]), ("", []), ("9,0", [])],
)
def test_cuda_visible_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, archs: list[str]
) -> None:
    fake_nvidia_smi(tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = cuda_backend.devices()
    assert [d.arch for d in found] == archs
    assert [d.index for d in found] == list(range(len(archs)))


def test_no_cuda_device_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cuda_backend.devices() == []
    assert cuda_backend.clocks(0) == {}
    with pytest.raises(UsageError, match="nvidia-smi"):
        BACKENDS.get("cuda").default_arch()


@pytest.mark.parametrize("row", [r for r in MATRIX if r.supported], ids=str)
def test_supported_rows_pass(row) -> None:  # type: ignore[no-untyped-def]
    for framework in (*row.frameworks, "auto"):
        check_combination(framework, row.backend, "", row.impl_type)
        check_combination(framework, row.backend, "", "auto")


@pytest.mark.parametrize(
    ("combination", "words"),
    [
        (("numpy", "cuda", "h200", "triton"), ["numpy", "sm_90", "triton for torch"]),
        (("torch", "cpu", "x86_64", "swft"), ["mlir for torch", "cpp for torch"]),
        (("torch", "ascend", "ascend310p3", "triton"), ["swft for torch"]),
    ],
)
def test_impossible_combinations_name_the_possible(
    combination: tuple[str, str, str, str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_combination(*combination)
    assert not isinstance(caught.value, UnsupportedError)
    for word in words:
        assert word in str(caught.value)


def test_names_that_do_not_exist() -> None:
    for combination, near in [
        (("troch", "cpu", "", "auto"), "torch"),
        (("torch", "cpus", "", "auto"), "cpu"),
        (("torch", "cpu", "", "tritn"), "triton"),
        (("torch", "cuda", "h10O0", "auto"), "h100"),
    ]:
        with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
            check_combination(*combination)


def test_ascend_names_all_that_is_missing_in_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASCEND_HOME_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UnsupportedError) as caught:
        check_combination("mindspore", "ascend", "ascend910b4", "triton")
    assert "CANN" in str(caught.value)
    assert "Ascend pieces" in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("ASCEND_HOME_PATH", str(tmp_path))
    with pytest.raises(UnsupportedError) as caught:
        check_combination("torch", "ascend", "ascend910b4", "triton")
    assert "CANN" not in str(caught.value)
    assert "MindSpore" not in str(caught.value)


def test_impl_types() -> None:
    assert impl_types("cpu") == ["mlir", "cpp", "triton"]
    assert impl_types("cuda") == ["triton"]
    assert impl_types("ascend") == []
    assert "swft" in impl_types("ascend", supported=False)
    assert impl_types("cuda", "numpy") == []


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, kernelwright.backends as b;"
        "[b.BACKENDS.get(n).devices() for n in b.BACKENDS.names()];"
        "print([m for m in ('torch','triton','mindspore','mlir') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_is_native() -> None:
    assert is_native("cpu", "cpp") and is_native("cuda", "triton")
    assert not is_native("cpu", "triton")
    assert not is_native("cpu", "swft")
