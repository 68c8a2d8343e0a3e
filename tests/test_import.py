"""``import kernelwright`` is light."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "triton", "mindspore", "mlir", "llvmlite", "numpy", "matplotlib")


def test_import_loads_nothing_heavy() -> None:
    script = "import sys, kernelwright; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(done.stdout.split())


def test_import_takes_less_than_a_third_of_a_second() -> None:
    script = (
        "import time; t = time.perf_counter(); import kernelwright; print(time.perf_counter() - t)"
    )
    times = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    assert min(times) < 0.3
