"""Ops mean what PyTorch means by the same names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernelwright.graph.ops import op_definition

torch = pytest.importorskip("torch")
F = torch.nn.functional

Torch = Callable[..., Any]
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 25.0, -25.0, 0.5, -0.5, 3.0, -3.0, 6.0]

ELEMENTWISE: list[tuple[str, dict[str, Any], Torch]] = [
    *((n, {}, getattr(torch, n)) for n in "exp expm1 log log1p sqrt rsqrt reciprocal".split()),  # noqa: SIM905
    *((n, {}, getattr(torch, n)) for n in "tanh sigmoid erf erfc frac floor round trunc".split()),  # noqa: SIM905
    *((n, {}, getattr(torch, n)) for n in "sign relu abs neg square isnan isinf isfinite".split()),  # noqa: SIM905
    *((n, {}, getattr(F, n)) for n in "silu mish softplus elu selu celu hardsigmoid".split()),  # noqa: SIM905
    *((n, {}, getattr(F, n)) for n in "hardswish softsign tanhshrink logsigmoid hardtanh".split()),  # noqa: SIM905
    *((n, {"lambd": 0.4}, getattr(F, n)) for n in ("hardshrink", "softshrink")),
    ("gelu", {"approximate": "none"}, F.gelu),
    ("gelu", {"approximate": "tanh"}, F.gelu),
    ("softplus", {"beta": 2.0, "threshold": 3.0}, F.softplus),
    ("elu", {"alpha": 0.7}, F.elu),
    ("celu", {"alpha": 0.7}, F.celu),
    ("leaky_relu", {"slope": 0.2}, lambda x, slope: F.leaky_relu(x, slope)),
    ("clamp", {"min": -1.0, "max": 2.0}, torch.clamp),
    ("clamp", {"min": None, "max": 2.0}, torch.clamp),
    ("threshold", {"threshold": 0.1, "value": 20.0}, F.threshold),
]


@pytest.mark.parametrize(("name", "attrs", "function"), ELEMENTWISE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementwise(name: str, attrs: dict[str, Any], function: Torch, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=200) * 3, ODD]).astype(dtype)
    if name == "gelu":  # torch's own float32 and float64 kernels differ on Inf (NaN and Inf)
        x = x[~np.isinf(x)]
    compare(op_definition(name).meaning(x, **attrs), function(torch.from_numpy(x), **attrs))


def compare(ours: np.ndarray, theirs: Any) -> None:
    expected = theirs.numpy()
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, expected)
        return
    unit = 64 * np.finfo(ours.dtype).eps
    np.testing.assert_allclose(ours, expected, rtol=unit, atol=unit)


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=s).astype(np.float32) for s in shapes]


BINARY: list[tuple[str, dict[str, Any], Torch]] = [
    *((n, {}, getattr(torch, n)) for n in "remainder fmod floor_divide atan2 copysign".split()),  # noqa: SIM905
    *((n, {}, getattr(torch, n)) for n in "maximum minimum logaddexp hypot lt ge eq".split()),  # noqa: SIM905
    ("rsub", {"alpha": 0.3}, torch.rsub),
    *(
        (n, {"reduction": r}, getattr(F, n))
        for n in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss")
        for r in ("none", "mean", "sum")
    ),
    ("huber_loss", {"delta": 0.3}, F.huber_loss),
    ("smooth_l1_loss", {"beta": 0.3}, F.smooth_l1_loss),
    ("smooth_l1_loss", {"beta": 0.0}, F.smooth_l1_loss),
]


@pytest.mark.parametrize(("name", "attrs", "function"), BINARY)
def test_binary(name: str, attrs: dict[str, Any], function: Torch) -> None:
    x, y = arrays((4, 50), (4, 50))
    x[0, :3], y[0, :3] = [np.inf, 1, np.nan], [np.inf, 1, 2]
    result = op_definition(name).meaning(x, y, **attrs)
    compare(result, function(torch.from_numpy(x), torch.from_numpy(y), **attrs))


@pytest.mark.parametrize("seed", range(3))
def test_ternary(seed: int) -> None:
    x, a, b = arrays((3, 5), (3, 5), (3, 5))
    t = [torch.from_numpy(v) for v in (x, a, b)]
    compare(op_definition("lerp").meaning(x, a, b), torch.lerp(*t))
    for name in ("addcmul", "addcdiv"):
        compare(
            op_definition(name).meaning(x, a, b, value=0.3), getattr(torch, name)(*t, value=0.3)
        )


def run(name: str, inputs: list[np.ndarray], **attrs: Any) -> np.ndarray:
    return op_definition(name).meaning(*inputs, **attrs)


def test_reductions() -> None:
    (x,) = arrays((3, 4, 5))
    t = torch.from_numpy(x)
    for axes, keepdims in (((1,), False), ((0, 2), True)):
        where: dict[str, Any] = {"axes": axes, "keepdims": keepdims}
        also: dict[str, Any] = {"dim": axes, "keepdim": keepdims}
        for name in ("sum", "amax", "amin", "mean", "logsumexp"):
            compare(run(name, [x], **where), getattr(torch, name)(t, **also))
        for name in ("var", "std"):
            for correction in (0, 1):
                result = run(name, [x], correction=correction, **where)
                compare(result, getattr(torch, name)(t, correction=correction, **also))
        for p in (0, 1, 2, 3, float("inf"), float("-inf")):
            expected = torch.linalg.vector_norm(t, p, dim=axes, keepdim=keepdims)
            compare(run("norm", [x], p=p, **where), expected)
    compare(run("prod", [x], axes=(1,), keepdims=False), t.prod(1))
    compare(run("argmax", [x], axes=(1,), keepdims=True), t.argmax(1, keepdim=True))
    ties = np.array([1, 3, 3, 0, 0])
    compare(run("argmin", [ties], axes=(0,), keepdims=False), torch.from_numpy(ties).argmin(0))
    flags = x > 0
    compare(run("any", [flags], axes=(1,), keepdims=False), torch.from_numpy(flags).any(1))
    compare(run("sum", [flags], axes=(1,), keepdims=False), torch.from_numpy(flags).sum(1))


def test_softmaxes() -> None:
    (x,) = arrays((3, 4, 5))
    x *= 30
    t = torch.from_numpy(x)
    for axis in (0, 1, 2):
        compare(run("softmax", [x], axis=axis), F.softmax(t, axis))
        compare(run("log_softmax", [x], axis=axis), F.log_softmax(t, axis))


def test_normalizations() -> None:
    x, w, b, m, v = arrays((2, 6, 4, 5), (6,), (6,), (6,), (6,))
    v = np.abs(v) + 0.1
    t, tw, tb, tm, tv = (torch.from_numpy(a) for a in (x, w, b, m, v))
    compare(run("batch_norm", [x, m, v, w, b]), F.batch_norm(t, tm, tv, tw, tb))
    compare(run("group_norm", [x, w, b], groups=3), F.group_norm(t, 3, tw, tb))
    compare(run("instance_norm", [x, w, b]), F.instance_norm(t, weight=tw, bias=tb))
    w2, b2 = arrays((4, 5), (4, 5))
    tw2, tb2 = torch.from_numpy(w2), torch.from_numpy(b2)
    compare(run("layer_norm", [x, w2, b2], axes=(2, 3)), F.layer_norm(t, (4, 5), tw2, tb2))
    compare(run("layer_norm", [x], axes=(3,)), F.layer_norm(t, (5,)))
    compare(run("rms_norm", [x, w2], axes=(2, 3), eps=1e-6), F.rms_norm(t, (4, 5), tw2, 1e-6))


def test_labelled_losses() -> None:
    (x,) = arrays((6, 4, 3))
    target = np.random.default_rng(2).integers(0, 4, (6, 3))
    t, labels = torch.from_numpy(x), torch.from_numpy(target)
    for reduction in ("none", "mean", "sum"):
        for name in ("cross_entropy", "nll_loss"):
            expected = getattr(F, name)(t, labels, reduction=reduction)
            compare(run(name, [x, target], reduction=reduction), expected)


def test_matrices() -> None:
    x, w, b, v = arrays((2, 3, 4), (5, 4), (5,), (4,))
    tx, tw, tb, tv = (torch.from_numpy(a) for a in (x, w, b, v))
    compare(run("linear", [x, w, b]), F.linear(tx, tw, tb))
    compare(run("matmul", [x, w.T]), tx @ tw.T)
    for k in (-1, 0, 2):
        compare(run("diag", [v], diagonal=k), torch.diag(tv, k))
        compare(run("diag", [w], diagonal=k), torch.diag(tw, k))
        compare(run("tril", [x], diagonal=k), torch.tril(tx, k))
        compare(run("triu", [x], diagonal=k), torch.triu(tx, k))
