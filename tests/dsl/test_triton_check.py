"""Static checks of Triton candidates, and what ahead-of-time compilation says."""

from __future__ import annotations

import pytest

from kernelwright.dsl.triton import check_source, compile_ahead
from kernelwright.dsl.triton.aot import Job, aot_command, read_reports
from kernelwright.errors import CompileError, UnsupportedError, UsageError
from kernelwright.schema import Candidate

GOOD = """\
import torch
import triton
import triton.language as tl


@triton.jit
def double_kernel(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)


def kernel(x):
    out = torch.empty_like(x)
    double_kernel[(triton.cdiv(x.numel(), 64),)](x, out, x.numel(), 64)
    return out
"""


def test_a_good_file() -> None:
    assert check_source(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def kernel(x):", "def kernel(x:", "line 12"),
        ("def kernel(x):", "def other(x):", "neither class ModelNew nor def kernel"),
        ("@triton.jit\n", "", "decorate at least one function"),
        ("double_kernel[(triton.cdiv(x.numel(), 64),)](", "max(", "never launched"),
        ("double_kernel(x, out", "kernel(x, out", "rename it"),
    ],
)
def test_a_bad_file(old: str, new: str, message: str) -> None:
    assert old in GOOD
    problems = check_source(GOOD.replace(old, new))
    assert any(message in p for p in problems), problems


def test_launch_through_an_attribute_or_autotune() -> None:
    assert check_source(GOOD.replace("    double_kernel[", "    torch.double_kernel[")) == []
    tuned = "@triton.autotune(configs=[], key=[])\n@triton.jit\ndef double"
    assert check_source(GOOD.replace("@triton.jit\ndef double", tuned)) == []


def candidate(source: str) -> Candidate:
    return Candidate(files={"kernel.py": source.encode()}, impl_type="triton")


LAUNCHES = """

from typing import NamedTuple


class Launch(NamedTuple):
    kernel: object
    pointers: tuple
    grid: tuple
    arguments: dict


SHAPES = ((100,),)


def launches(shapes):
    return (Launch(double_kernel, ("*fp32", "*fp32"), (1,), dict(n=shapes[0][0], BLOCK=64)),)
"""


def test_compiles_with_the_shapes_given() -> None:
    pytest.importorskip("triton")
    source = GOOD.replace("n, BLOCK", "n: tl.constexpr, BLOCK") + LAUNCHES
    report = compile_ahead(candidate(source), "sm_90", [(128,)])
    (made,) = report.kernels
    assert made.kernel == "double_kernel"
    assert made.arguments == {"n": 128, "BLOCK": 64}
    assert "sm_90" in made.asm["ptx"]
    assert report.registers is None or report.registers > 0
    assert set(report.stages()) == {f"0_double_kernel.{s}" for s in ("ttir", "ttgir", "ptx")}


def test_tritons_own_message_comes_back() -> None:
    pytest.importorskip("triton")
    broken = GOOD.replace("n, BLOCK", "n: tl.constexpr, BLOCK").replace(
        "tl.arange(0", "tl.arange(1"
    )
    with pytest.raises(CompileError, match="double_kernel.*(?s:.*)power of 2"):
        compile_ahead(candidate(broken + LAUNCHES))


def test_a_file_without_launches_cannot_be_compiled_ahead() -> None:
    pytest.importorskip("triton")
    with pytest.raises(UnsupportedError, match="no launches"):
        compile_ahead(candidate(GOOD))


def test_a_dead_child_is_reported_with_its_words() -> None:
    with pytest.raises(CompileError, match="(?s)without a report.*segmentation fault"):
        read_reports("", "sm_90", "the command", "segmentation fault")


def test_unknown_arch() -> None:
    from pathlib import Path

    with pytest.raises(UsageError, match="h100"):
        aot_command([Job(Path("kernel.py"))], "h100")
