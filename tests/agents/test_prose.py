"""Formulas in prose become Models that compute them, or are refused with a reason."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelwright.agents.formula import model_source, parse_formula
from kernelwright.agents.prose import find_formula, is_prose, source_from_prose
from kernelwright.errors import UnsupportedError, UsageError

SWISH = "Swish activation function: x * sigmoid(beta * x)"


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        (SWISH, "x * sigmoid(beta * x)"),
        ("Swish activation function (x * sigmoid(beta * x))", "(x * sigmoid(beta * x))"),
        ("x + y", "x + y"),
        ("y = softmax(x).", "softmax(x)"),
        ("softmax(x) = exp(x) / sum(exp(x))", "exp(x) / sum(exp(x))"),
        ("GELU: 0.5 * x * (1 + erf(x / sqrt(2)))", "0.5 * x * (1 + erf(x / sqrt(2)))"),
        ("Compute x - mean(x) please.", "x - mean(x)"),
        ("Matrix product: A @ B + C", "A @ B + C"),
        ("RMS norm: x / sqrt(mean(x^2) + ε) · γ", "x / sqrt(mean(x**2) + eps) * gamma"),
        ("激活函数：x * tanh(x)", "x * tanh(x)"),
        ("Gate: attention_weights * gate", "attention_weights * gate"),
        ("softplus\n\nlog(1 + e^x)\n", "log(1 + e**x)"),
    ],
)
def test_finds_the_formula(text: str, formula: str) -> None:
    assert find_formula(text).text == formula


@pytest.mark.parametrize(
    "text",
    [
        "",
        "relu",
        "make a fast attention kernel",
        "the sum of x - y",  # is not x - y
        "2x * y",  # is not x * y
        "x * foo(y)",
        "element-wise",
        "input/output",
        "x * y for float16 inputs",
        "x * y over each row",
        "Scale: x * y. The shape is 16 by 16",
        "x * y where y is not zero",
        "a = x + y\nb = x * y",
        "x.real * y",
        "[x for x in y]",
        "x if y else z",
        "x * y # over rows",
        "(lambda: x)() * y",
        "__import__('os').system('true')",
        "x * y()",
        "x[0] * y",
        "beta * gamma",  # no input
        "3 * 4",
        "x" * 30_000,
        "-" * 10_000 + "x",
        "(" * 300 + "x + y" + ")" * 300,
    ],
)
def test_refuses_to_guess(text: str) -> None:
    with pytest.raises(UsageError, match="LLM"):
        find_formula(text)


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        formula = find_formula(text)
    except UsageError:
        return
    assert formula.inputs
    compile(model_source(formula, "torch"), "m", "exec")


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (SWISH, True),
        ("x + y", True),
        ("import torch\nclass Model: pass", False),
        ("class Model(:", False),
        ("def get_inputs(): return []", False),
        ("from torch import nn", False),
        ("A class of functions imported from the paper: x + y", True),
    ],
)
def test_prose_and_source_are_told_apart(text: str, prose: bool) -> None:
    assert is_prose(text) is prose


def run(source: str) -> tuple[Any, list[Any], Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names["Model"](*names["get_init_inputs"]()), names["get_inputs"](), names


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


MEANINGS = [
    ("x * sigmoid(beta * x)", lambda x: x * sigmoid(x)),
    ("max(x, 0) - min(x, 0.5)", lambda x: np.maximum(x, 0) - np.minimum(x, 0.5)),
    ("max(0.1 * x, x)", lambda x: np.maximum(0.1 * x, x)),
    ("x - max(x)", lambda x: x - x.max(-1, keepdims=True)),
    ("softmax(x * 2)", lambda x: np.exp(2 * x) / np.exp(2 * x).sum(-1, keepdims=True)),
    ("clamp(x, -1, 1) ** 2", lambda x: np.clip(x, -1, 1) ** 2),
    ("(x - mean(x)) / sqrt(var(x) + eps)",
     lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)),
    ("exp(-x / sqrt(2 * pi))", lambda x: np.exp(-x / np.sqrt(2 * np.pi))),
    ("1 / (1 + e ** (-x))", sigmoid),
    ("x.T + swish(x) - silu(x)", lambda x: x.T),
    ("x @ x", lambda x: x @ x),
    ("-x ** 2 - relu(x)", lambda x: -(x**2) - np.maximum(x, 0)),
    ("rsqrt(1 + square(x)) * abs(x)", lambda x: np.abs(x) / np.sqrt(1 + x * x)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meaning"), MEANINGS, ids=[m[0] for m in MEANINGS])
def test_models_compute_the_formula(text: str, meaning: Any) -> None:
    import torch

    formula = parse_formula(text)
    assert formula is not None
    x = np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32)
    expected = meaning(x.astype(np.float64))
    model, inputs, _ = run(model_source(formula, "numpy"))
    assert [(i.shape, i.dtype) for i in inputs] == [((1024, 1024), np.float32)]
    found = model(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
    model, inputs, _ = run(model_source(formula, "torch"))
    assert [(tuple(i.shape), i.dtype) for i in inputs] == [((1024, 1024), torch.float32)]
    with torch.no_grad():
        np.testing.assert_allclose(model(torch.tensor(x)), expected, rtol=2e-4, atol=2e-5)


def test_scalars_are_parameters_and_names_do_not_clash() -> None:
    import torch

    formula = parse_formula("torch * alpha + eps * self")
    assert formula is not None
    model, inputs, _ = run(model_source(formula, "torch"))
    assert {n: p.item() for n, p in model.named_parameters()} == pytest.approx(
        {"alpha": 1.0, "eps": 1e-5}
    )
    assert len(inputs) == 2
    assert torch.equal(model(inputs[0], inputs[1]), inputs[0] + 1e-5 * inputs[1])


def test_everything_assumed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        source_from_prose("Layer: (x - mean(x)) * gamma + eps", "torch")
    text = "\n".join(caplog.messages)
    for part in (
        "x is an input, float32 of shape 1024 x 1024",
        "gamma is a scalar parameter of 1.0",
        "eps is a scalar parameter of 1e-05",
        "mean works along the last axis",
    ):
        assert part in text


def test_what_a_framework_lacks_is_said() -> None:
    with pytest.raises(UnsupportedError, match="gelu.*numpy"):
        source_from_prose("Gate: gelu(x) * y", "numpy")
    with pytest.raises(UnsupportedError, match="mindspore"):
        source_from_prose(SWISH, "mindspore")
