"""AKG's Python names on our compiler: calls as its users write them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from kernelwright.compat.akg import MlirDriver, composite, ms, utils
from kernelwright.testing.graphkernel import kernel, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

X, Y, Z, S = (tensor(n, (6, 70)) for n in ("x", "y", "z", "s"))
FUSED = kernel("fused", [X, Y], [Z, S],
               [op("Add", [X, Y], [S]), op("Maximum", [S, X], [Z])])  # fmt: skip


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> MlirDriver:
    folder = tmp_path_factory.mktemp("akg")
    path = folder / "fused.info"
    path.write_text(json.dumps(FUSED))
    made = MlirDriver("fused", str(path), str(folder / "out"), backend="cpu")
    with pytest.raises(RuntimeError, match="call compile"):
        made.run([], [-1])
    made.compile()
    return made


def test_arguments_are_inputs_and_outputs_in_a_row(driver: MlirDriver) -> None:
    x, y = np.random.default_rng(1).standard_normal((2, 6, 70), np.float32)
    out = [np.full_like(x, np.nan) for _ in range(2)]
    z, s = driver.run([x, y, *out], output_indexes=[2, -1])
    np.testing.assert_array_equal(s, x + y)
    np.testing.assert_array_equal(z, np.maximum(x + y, x))
    assert z is out[0] and s is out[1]
    np.testing.assert_array_equal(driver.run([x, y], [-1]), x + y)
    with pytest.raises(IndexError, match="4 arguments, or its 2 inputs alone"):
        driver.run([x, y, out[0]], [-1])


def test_build_and_launch() -> None:
    module = composite.build(json.dumps(FUSED), {"target": "cpu"})
    x, y = np.random.default_rng(2).standard_normal((2, 6, 70), np.float32)
    found = utils.mod_launch(module, [x, y, np.empty_like(x), np.empty_like(x)], outputs=(2, 3))
    np.testing.assert_array_equal(found[0], np.maximum(x + y, x))


def test_compilewithjson_says_why_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attrs = {"kernel_meta_dir": str(tmp_path / "meta")}
    bad = json.dumps(FUSED).replace("Maximum", "Maximun")
    with caplog.at_level(logging.ERROR):
        assert ms.compilewithjson(bad, attrs) is False
    assert "unknown op 'Maximun' (did you mean 'Maximum'?)" in caplog.text
    assert not (tmp_path / "meta").exists()
    assert ms.compilewithjson(json.dumps(FUSED), attrs) is True
    assert (tmp_path / "meta" / "fused.json").exists()
