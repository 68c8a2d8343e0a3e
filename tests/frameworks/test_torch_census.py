"""The shares of a call's time that operators of torch take."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")


def test_the_share_is_that_of_the_operator() -> None:
    from kernelwright.frameworks._torch_census import census

    big = torch.randn(400, 400)

    def call(x: torch.Tensor) -> torch.Tensor:
        started = time.perf_counter()
        product = x @ x
        spent = time.perf_counter() - started
        time.sleep(3 * spent)  # work that torch does not see
        return product + 0 * x[0, 0]

    shares = []
    for _ in range(5):  # a busy machine makes some sleeps much longer
        with torch.no_grad():
            found = census(call, [big], "cpu")
        assert list(found)[0] == "aten.mm"
        assert sum(found.values()) <= 1.0
        shares.append(found["aten.mm"])
    assert 0.02 < sorted(shares)[2] < 0.6


def test_a_call_that_is_all_torch_is_not_more_than_all_of_it() -> None:
    from kernelwright.frameworks._torch_census import census

    x = torch.randn(8)
    found = census(lambda v: [v + i for i in range(20)], [x], "cpu")
    assert found.keys() == {"aten.add"}
    assert 0 < found["aten.add"] <= 1.0


def test_watching_does_not_import_the_compiler() -> None:
    program = (
        "import sys, torch\n"
        "from kernelwright.frameworks._torch_census import census\n"
        "assert census(torch.relu, [torch.ones(3)], 'cpu')\n"
        "raise SystemExit('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
