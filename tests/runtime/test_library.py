from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.stages.cxx import compile_shared
from kernelwright.errors import KernelwrightError
from kernelwright.runtime.library import load_host, pointers

SOURCE = """
extern "C" int twice(void** buffers) {
  const float* x = (const float*)buffers[0];
  float* out = (float*)buffers[1];
  for (int i = 0; i < 4; ++i) out[i] = 2 * x[i];
  return 0;
}
extern "C" int starved(void**) { return 1; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("library") / "libkernel.so"
    path.write_bytes(compile_shared(SOURCE))
    return path


def test_the_call_sees_the_arrays(library: Path) -> None:
    x, out = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    load_host(library, "twice")([x, out])
    assert out.tolist() == [0, 2, 4, 6]


def test_no_memory_is_a_memory_error(library: Path) -> None:
    with pytest.raises(MemoryError, match="starved"):
        load_host(library, "starved")([])


def test_missing_symbol_and_file(library: Path, tmp_path: Path) -> None:
    with pytest.raises(KernelwrightError, match="absent"):
        load_host(library, "absent")
    with pytest.raises(KernelwrightError, match=r"none\.so"):
        load_host(tmp_path / "none.so", "twice")


def test_strided_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="array 1"):
        pointers([np.zeros(3), np.zeros((4, 4))[:, 0]])
