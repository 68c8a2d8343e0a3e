"""What surrounds tensors, as text: made, printed and checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelwright.graph.structure import described, flatten, is_structure, joined, rendered


class Pair(NamedTuple):
    loss: Any
    logits: Any


def _leaf(value: Any) -> tuple[Any, str] | None:
    return (value, "_") if isinstance(value, np.ndarray) else None


def _built(structure: str, tensors: list[np.ndarray]) -> Any:
    names = [f"t{i}" for i in range(len(tensors))]
    return eval(rendered(structure, names), dict(zip(names, tensors)))


X = np.zeros(1)
PLAIN = [
    (X, "tensor"),
    ((X, X), "tuple"),
    ((X,), "tuple"),
    ([X], "list"),
    (Pair(X, X), "tuple"),
    ((X, None), "(_, None)"),
    ({"b": X, "a": (X, 2)}, "{'a': (_, 2), 'b': _}"),
    (((X,), [X, {"k": X}]), "((_,), [_, {'k': _}])"),
    ((X, float("inf"), -1.5), "(_, 1e999, -1.5)"),
]


@pytest.mark.parametrize(("value", "structure"), PLAIN)
def test_flatten(value: Any, structure: str) -> None:
    assert flatten(value, _leaf)[1] == structure
    assert is_structure(structure)


@pytest.mark.parametrize("value", [None, 3, (), {}, object(), {1}, (X, object()), {("a",): X}])
def test_what_surrounds_nothing_or_is_no_container(value: Any) -> None:
    with pytest.raises(TypeError):
        flatten(value, _leaf)


_leaves = st.builds(lambda: np.zeros(1)) | st.none() | st.integers() | st.floats(allow_nan=False)
_keys = st.text("abc_ 1", max_size=3) | st.integers(0, 9)
_trees = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_keys, inner, max_size=3)
    ),
)


@given(_trees)
def test_printing_is_the_inverse(tree: Any) -> None:
    try:
        tensors, structure = flatten(tree, _leaf)
    except TypeError:
        return
    assert is_structure(structure)
    again, same = flatten(_built(structure, tensors), _leaf)
    assert same == structure
    assert all(a is b for a, b in zip(again, tensors, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        None,
        3,
        "",
        "None",
        "dict",
        "__import__('os')",
        "(_, x)",
        "_.real",
        "(" * 99 + "_" + ")" * 99,
        "x" * (20 << 20),
        "(_, '\x1b[2J' + _)",
    ],
)
def test_what_a_worker_may_not_say(text: Any) -> None:
    assert not is_structure(text)


def test_complex_tensors_are_pairs_in_a_graph() -> None:
    structure = "(pair(_), _)"
    assert rendered(structure, ["a", "b"]) == "(torch.view_as_complex(a), b)"
    pairs = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = joined(structure, [pairs, X])
    np.testing.assert_array_equal(found[0], np.array([1j, 2 + 3j, 4 + 5j], np.complex64))
    assert found[0].dtype == np.complex64 and found[1] is X


def test_described() -> None:
    assert described("tensor", 1) == "one tensor"
    assert described("tuple", 2) == "a tuple of 2"
    assert described("{'a': _}", 1) == "{'a': _} of 1 tensors"
