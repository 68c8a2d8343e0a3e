"""Input laws: what the judge feeds beside the Model's own ``get_inputs()``.

A law replaces the values of float inputs and keeps shapes, dtypes and layouts; integers, booleans
and scalars stay the Model's own (they may be indices, masks or sizes). Each law is there for a way
of being right on nominal inputs only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.verify.rule.compare import is_inexact

OWN = "own"

Make = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _gaussian(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """One sign: nothing cancels, so sums grow as they do in practice with activations."""
    return rng.random(shape, dtype=np.float32)


def _heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers whose scale is log-normal: a few elements are hundreds of times the median, so
    that a scale or a maximum taken over the wrong set shows, and sums hang on the rounding of a
    few terms."""
    return _gaussian(rng, shape) * np.exp(np.float32(2.5) * _gaussian(rng, shape))


def _small_integers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers from -3 to 3: sums and products are exact in every dtype, so that a dropped or
    doubled term cannot hide in rounding."""
    return rng.integers(-3, 4, shape, dtype=np.int8)


def _offset(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A mean many times the deviation: punishes variances by E[x^2] - E[x]^2 and shortcuts that
    hold for normalised inputs. Larger offsets would test the reference's own rounding more than the
    candidate's."""
    return 20 + _gaussian(rng, shape)


def _tiny(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Below the usual epsilons (1e-5, squared): punishes a missing or misplaced epsilon."""
    return np.float32(1e-4) * _gaussian(rng, shape)


def _huge(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Punishes an exponential without the maximum taken off first."""
    return np.float32(1e4) * _gaussian(rng, shape)


def _zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _special(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """NaN, infinities, minus zero and a subnormal number, one each in a quarter of the rows and
    columns, so that other rows and columns have plain results beside them."""
    special = (np.nan, np.inf, -np.inf, -0.0, 1e-40)
    values = _gaussian(rng, shape)
    if not values.size:
        return values
    grid = values.reshape(-1, shape[-1]) if values.ndim > 1 else values.reshape(1, -1)
    rows, columns = (rng.permutation(n)[: max(1, n // 4)] for n in grid.shape)
    if len(rows) == 1:  # one row: several of its elements
        rows = np.full(min(len(columns), len(special)), rows[0])
        grid[rows, columns[: len(rows)]] = rng.permutation(special)[: len(rows)]
    else:
        grid[rows, rng.choice(columns, len(rows))] = np.resize(special, len(rows))
    return values


SPECIAL = "special"
# In order of what they find, for when there is not time for all of them.
LAWS: Mapping[str, Make] = {
    "small_integers": _small_integers,
    "offset": _offset,
    SPECIAL: _special,
    "heavy_tailed": _heavy_tailed,
    "huge": _huge,
    "gaussian": _gaussian,
    "tiny": _tiny,
    "uniform": _uniform,
    "zeros": _zeros,
}


def apply_law(law: str, inputs: Sequence[Any], seed: int) -> list[Any]:
    """New values by ``law`` ("own" changes nothing) for the float arrays among the Model's own
    ``inputs``. Raises KeyError for an unknown law."""
    if law == OWN:
        return list(inputs)
    return [
        _filled(value, LAWS[law], np.random.default_rng((seed, index)))
        if isinstance(value, np.ndarray) and is_inexact(value.dtype)
        else value
        for index, value in enumerate(inputs)
    ]


def _filled(array: np.ndarray, make: Make, rng: np.random.Generator) -> np.ndarray:
    new = np.empty_like(array)  # keeps the order of axes in memory
    values = make(rng, array.shape)
    if values.dtype.kind == "f" and array.dtype == np.float16:
        far = np.isfinite(values) & (np.abs(values) > 30000)
        values = np.where(far, values / 65536, values)
    with np.errstate(over="ignore", under="ignore"):
        new[...] = values
    return new


def applies(inputs: Sequence[Any]) -> bool:
    """Whether laws other than the Model's own change anything."""
    return any(isinstance(v, np.ndarray) and v.size and is_inexact(v.dtype) for v in inputs)


def fresh_seed() -> int:
    """A seed that no candidate can have known: 31 bits, which every framework takes."""
    return secrets.randbits(31)


def nbytes(values: Sequence[Any]) -> int:
    return sum(v.nbytes for v in values if isinstance(v, np.ndarray))
