from __future__ import annotations

import importlib

import pytest

from kernelwright.dsl._source import check_source

MODEL = "class ModelNew:\n    def __call__(self, x):\n        return x\n"


@pytest.mark.parametrize(
    "text",
    [
        MODEL,
        "def kernel(x):\n    return x\n",
        "import torch\nclass ModelNew(torch.nn.Module):\n    def forward(self, x): return x\n",
        "class Base:\n    def __call__(self, x): return x\nclass ModelNew(Base):\n    pass\n",
        "from model import ModelNew\n",
    ],
)
def test_good_files(text: str) -> None:
    assert check_source(text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def kernel(x:\n    return x\n", "line 1"),
        ("x = 1\0\n", "null"),
        ("class Model:\n    pass\n", "neither class ModelNew nor def kernel"),
        ("kernel = 3\n", "neither class ModelNew nor def kernel"),
        ("if True:\n    def kernel(x):\n        return x\n", "at top level"),
        ("import torch\n\nclass ModelNew(torch.nn.Module):\n    pass\n", "line 3: ModelNew has no"),
    ],
)
def test_bad_files(text: str, says: str) -> None:
    (problem,) = check_source(text)
    assert says in problem


@pytest.mark.parametrize("impl_type", ["cpp", "mlir"])
def test_each_dsl_offers_the_check(impl_type: str) -> None:
    module = importlib.import_module(f"kernelwright.dsl.{impl_type}")
    assert module.check_source(MODEL) == []
    assert module.check_source("") != []
