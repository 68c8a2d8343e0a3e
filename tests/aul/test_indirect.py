"""Indirect stores: what they write, and what the checker says about them."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.aul import check, interpret, parse, print_program

PROGRAM = """import aul as U
M = U.Size(6)
N = U.Size(10)
K = U.Size(9)
W = U.Tunable(4, choices=(4,))
@sub_kernel
def copy(x: U.TensorPtr[U.float32, (M, N)], out: U.OutPtr[U.float32, (M, N)]):
    r = U.get_core_idx()
    a = U.Tile((N,), U.float32, U.VecBuf)
    U.data_copy(dst=a, src=x[r, 0:N])
    U.data_copy(dst=out[r, 0:N], src=a)
@sub_kernel
def put(s: U.TensorPtr[U.float32, (K, N)], i: U.TensorPtr[U.int64, (K, 1)],
        out: U.OutPtr[U.float32, (K, N, M), (0, 1, N), 0]):
    p = U.get_core_idx() * W
    a = U.Tile((K, W), U.float32, U.VecBuf)
    j = U.Tile((K, 1), U.int64, U.VecBuf)
    U.data_copy(dst=a, src=s[0:K, p:p + W], pad=0.0)
    U.data_copy(dst=j, src=i[0:K, 0:1])
    U.data_copy(dst=out[0:K, p:p + W, 0], src=a, clip=True, index=j, axis=2MORE)
def h(x: U.TensorPtr[U.float32, (M, N)], s: U.TensorPtr[U.float32, (K, N)],
      i: U.TensorPtr[U.int64, (K, 1)], out: U.OutPtr[U.float32, (M, N)]):
    copy[M](x, out)
    put[U.cdiv(N, W)](s, i, out)
"""
X = np.arange(60, dtype=np.float32).reshape(6, 10) - 30
S = np.arange(90, dtype=np.float32).reshape(9, 10) % 7 - 3
I = np.array([[2], [0], [2], [-1], [5], [2], [6], [0], [1]])


def errors(text: str) -> list[str]:
    return [d.message for d in check(parse(text)) if d.severity == "error"]


@pytest.mark.parametrize("update", ["", "add", "mul", "max", "min"])
def test_elements_go_where_the_index_says(update: str) -> None:
    text = PROGRAM.replace("MORE", f', update="{update}"' if update else "")
    program = parse(text)
    assert errors(text) == [] and parse(print_program(program)) == program
    (out,) = interpret(program, [X, S, I])
    truth = X.copy()
    combine = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    for k, place in enumerate(I[:, 0]):
        if 0 <= place < 6:
            truth[place] = combine[update](truth[place], S[k]) if update else S[k]
    np.testing.assert_array_equal(out, truth)


def test_cores_that_may_meet_are_told() -> None:
    """Cores along the dimension that says nothing about the place."""
    meeting = PROGRAM
    for old, new in (
        ("p:p + W, 0]", "0:N, 0]"),
        ("0:K, p:p + W]", "p:p + W, 0:N]"),
        ("out[0:K", "out[p:p + W"),
        ("(K, W)", "(W, N)"),
        ("(K, 1), U.int64, U.Vec", "(W, 1), U.int64, U.Vec"),
        ("src=i[0:K, 0:1]", "src=i[p:p + W, 0:1], pad=-1"),
        ("U.cdiv(N, W)", "U.cdiv(K, W)"),
    ):
        meeting = meeting.replace(old, new)
    assert any("write the same element" in e for e in errors(meeting.replace("MORE", "")))
    update = ', update="add"'
    assert any("write the same element" in e for e in errors(meeting.replace("MORE", update)))
    together = meeting.replace("MORE", f"{update}, atomic=True")
    assert errors(together) == []
    (out,) = interpret(parse(together), [X, S, I])
    truth = X.copy()
    inside = (I[:, 0] >= 0) & (I[:, 0] < 6)
    np.add.at(truth, I[inside, 0], S[inside])
    np.testing.assert_array_equal(out, truth)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (', update="sub"', "no op 'sub'"),
        (", atomic=True", "atomic=True needs update="),
    ],
)
def test_what_cannot_be(more: str, message: str) -> None:
    assert any(message in e for e in errors(PROGRAM.replace("MORE", more)))
    unclipped = PROGRAM.replace("clip=True, index", "index").replace("MORE", "")
    assert any("clip=True" in e for e in errors(unclipped))
    loaded = PROGRAM.replace("src=i[0:K, 0:1])", 'src=i[0:K, 0:1], update="add")')
    assert any("indirect store" in e for e in errors(loaded.replace("MORE", "")))
