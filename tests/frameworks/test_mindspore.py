"""What MindSpore references do where MindSpore is not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kernelwright.errors import MissingDependencyError
from kernelwright.frameworks import FRAMEWORKS

MINDSPORE = FRAMEWORKS.get("mindspore")
absent = pytest.mark.skipif(
    importlib.util.find_spec("mindspore") is not None, reason="mindspore is installed"
)


@absent
def test_loading_names_the_package_and_the_extra() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        MINDSPORE.load("class Model: pass", "task.py")
    assert (caught.value.package, caught.value.extra) == ("mindspore", "mindspore")
    assert "pip install 'kernelwright[mindspore]'" in str(caught.value)


@absent
def test_every_entry_point_says_the_same(tmp_path: Path) -> None:
    entry = tmp_path / "kernel.py"
    entry.write_text("def kernel(x):\n    return x\n")
    for call in (
        lambda: MINDSPORE.load_candidate(entry, [], [], "cpu"),
        lambda: MINDSPORE.to_native(np.ones(2), "cpu"),
        lambda: MINDSPORE.to_numpy(np.ones(2)),
        lambda: MINDSPORE.flatten(np.ones(2)),
        lambda: MINDSPORE.synchronize("cpu"),
        lambda: MINDSPORE.set_threads(1),
    ):
        with pytest.raises(MissingDependencyError):
            call()
