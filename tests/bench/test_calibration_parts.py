"""Orders of sums and products, and the families written on them."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.bench.calibration import arithmetic, products, summation
from kernelwright.bench.calibration.arithmetic import HONEST, Arithmetic
from kernelwright.bench.calibration.candidates import DTYPES, LOWERED_KIND, cases, run_reference
from kernelwright.bench.calibration.family import Family
from kernelwright.bench.calibration.trial import inputs_of
from kernelwright.bench.judge_calibration import FAMILIES, QUICK

RNG = np.random.default_rng(0)
ORDERS = {
    "pairwise": summation.pairwise,
    "sequential": summation.sequential,
    "lanes": summation.lanes(16),
    "many lanes": summation.lanes(1024),
    "blocks": summation.blocks(256),
    "runs": summation.runs(1024),
    "Kahan": summation.kahan(32),
    "wide": summation.wide,
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("length", [0, 1, 17, 1000, 4096])
def test_every_order_sums_whole_numbers_exactly(name: str, length: int) -> None:
    x = RNG.integers(-9, 10, (3, length)).astype(np.float32)
    total = ORDERS[name](x)
    assert total.dtype == np.float32 and total.shape == (3,)
    assert (total == x.sum(-1)).all()


def test_lanes_keep_running_sums_side_by_side() -> None:
    x = RNG.standard_normal(1000).astype(np.float32)
    lanes = [np.float32(0)] * 16
    for i, value in enumerate(x):
        lanes[i % 16] = np.float32(lanes[i % 16] + value)
    assert summation.lanes(16)(x) == summation.pairwise(np.array(lanes, np.float32))


def test_orders_differ_in_accuracy_as_known() -> None:
    x = (RNG.standard_normal((200, 4096)) ** 2).astype(np.float32)
    truth = x.astype(np.float64).sum(-1)

    def error(name: str) -> float:
        return float(np.linalg.norm(ORDERS[name](x) - truth) / np.linalg.norm(truth)) * 2**24

    assert error("sequential") > 5 * error("lanes") > 5 * error("wide")
    assert error("Kahan") < 1 and error("wide") < 0.5


@pytest.mark.parametrize("product", [
    products.blas, products.one_by_one, products.fused, products.split(4), products.tiles(32),
    products.wide, products.three_times_tf32,
])  # fmt: skip
def test_products_are_products(product: products.Product) -> None:
    rng = np.random.default_rng(1)  # the same numbers whatever ran before
    a = rng.standard_normal((2, 9, 100)).astype(np.float32)
    b = rng.standard_normal((2, 100, 7)).astype(np.float32)
    truth = a.astype(np.float64) @ b.astype(np.float64)
    found = product(a, b)
    assert found.dtype == np.float32
    assert np.abs(found - truth).max() < 1e-5


def test_a_product_of_bfloat16_halves_is_less_than_float32() -> None:
    a, b = (RNG.standard_normal((64, 64)).astype(np.float32) for _ in range(2))
    truth = a.astype(np.float64) @ b.astype(np.float64)

    def error(product: products.Product) -> float:
        return float(np.linalg.norm(product(a, b) - truth))

    assert error(products.twice_bfloat16) > 10 * error(products.three_times_tf32)


def test_rounding_to_bits_is_to_nearest() -> None:
    x = RNG.standard_normal(1000).astype(np.float32)
    rounded = products.rounded_to(x, 11)
    assert (np.abs(rounded - x) <= 2.0**-11 * np.abs(x)).all()
    assert ((rounded.view(np.uint32) & 0xFFF) == 0).all()


@pytest.mark.parametrize(
    ("function", "truth", "bits"),
    [
        (arithmetic.exp_by_exp2, np.exp, 20),
        (arithmetic.log_by_log2, np.log, 20),
        (arithmetic.tanh_by_expm1, np.tanh, 22),
        (arithmetic.rsqrt_by_newton, lambda x: 1 / np.sqrt(x), 21),
        (arithmetic.coarse_exp, np.exp, 12),
        (arithmetic.coarse_tanh, np.tanh, 11),
        (arithmetic.coarse_rsqrt, lambda x: 1 / np.sqrt(x), 11),
    ],
)
def test_functions_have_the_digits_that_they_claim(function, truth, bits) -> None:  # type: ignore[no-untyped-def]
    x = RNG.uniform(0.1, 3, 4000).astype(np.float32)
    want = truth(x.astype(np.float64))
    error = float(np.max(np.abs(function(x) - want) / np.abs(want)))
    assert error < 2.0**-bits
    if bits < 20:
        assert error > 2.0 ** -(bits + 3)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_numpy_and_torch_mean_the_same(family: Family) -> None:
    inputs = inputs_of(family, "float64", "own", 3, large=False)
    want = run_reference(family, inputs)
    algorithms = {"compute": family.with_arithmetic(Arithmetic("plain")), **family.honest}
    for name, algorithm in algorithms.items():
        if "float64" not in family.dtypes_of.get(name, family.dtypes):
            continue
        result = algorithm(*inputs)
        parts = result if isinstance(result, tuple) else (result,)
        for expected, found in zip(want, parts, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_has_lowered_candidates_that_differ(dtype: str) -> None:
    family = next(f for f in FAMILIES if f.name == "layer_norm")
    inputs = inputs_of(family, dtype, "own", 1, large=False)
    plain = run_reference(family, inputs)[0]
    lowered = [c for c in cases(family, dtype, large=False) if c.kind == LOWERED_KIND]
    names = {c.name for c in lowered}
    rounded = {"inputs rounded", "weights rounded", "activations rounded", "intermediates rounded"}
    assert rounded <= names
    for case in lowered:
        assert (case.run(inputs)[0] != plain).mean() > 0.2, case.name


def test_names_are_unique() -> None:
    names = [f.name for f in FAMILIES]
    assert len(set(names)) == len(names)
    assert set(QUICK) <= set(names)
    assert len({a.name for a in HONEST}) == len(HONEST)
