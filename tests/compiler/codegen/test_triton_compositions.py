"""Which chains of functions the Triton printer takes for one, and which only look like one."""

from __future__ import annotations

import pytest

from kernelwright.aul import parse
from kernelwright.compiler.codegen._triton_compositions import Composition, compositions

HEAD = '''"""chains."""
import aul as U

N = U.Size(64)


@sub_kernel
def chain(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    a = U.Tile((N,), U.{dtype}, U.VecBuf)
    b = U.Tile((N,), U.{dtype}, U.VecBuf)
    c = U.Tile((N,), U.{dtype}, U.VecBuf)
    d = U.Tile((N,), U.{dtype}, U.VecBuf)
    U.data_copy(dst=a, src=x[0:N])
{body}
    U.data_copy(dst=out[0:N], src=c)


def host(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    chain[1](x, out)
'''


def unary(op: str, dst: str, src: str) -> str:
    return f'    U.vunary_op(op="{op}", dst={dst}, src={src})'


EXP, LOG1P = unary("exp", "b", "a"), unary("log1p", "c", "b")
BELOW = [unary("abs", "b", "a"), unary("neg", "d", "b"), unary("exp", "c", "d")]
LOOP = "    for k in U.Pipelined(iterations=2):"


def indented(line: str) -> str:
    return f"    {line}"


def softmax(less: str = "r", summed: str = "b", axis: int = 0) -> list[str]:
    """exp(a - max(a)) over its sum, along the only dimension unless ``axis`` says another."""
    return [
        "    r = U.Tile((1,), U.float32, U.VecBuf)",
        "    s = U.Tile((1,), U.float32, U.VecBuf)",
        '    U.vreduce_op(op="max", dst=r, src=a, axis=0)',
        f'    U.vbinary_op(op="sub", dst=d, src1=a, src2={less})',
        unary("exp", "b", "d"),
        f'    U.vreduce_op(op="sum", dst=s, src={summed}, axis={axis})',
        '    U.vbinary_op(op="div", dst=c, src1=b, src2=s)',
    ]


CASES: dict[str, tuple[list[str], dict[str, str]]] = {
    "softplus": ([EXP, LOG1P], {"c": "softplus(a)"}),
    "of at most zero": (BELOW, {"c": "exp_below(d)"}),
    "of a minimum with zero": (
        ['    U.vectorscalar_op(op="mins", dst=b, src=a, factor=0.0)', unary("exp", "c", "b")],
        {"c": "exp_below(b)"},
    ),
    "of a minimum with one": (
        ['    U.vectorscalar_op(op="mins", dst=b, src=a, factor=1.0)', unary("exp", "c", "b")],
        {},
    ),
    "the argument changes between": ([EXP, unary("neg", "a", "d"), LOG1P], {}),
    "the link is written twice": ([EXP, unary("neg", "b", "a"), LOG1P], {}),
    "in another block": ([EXP, LOOP, indented(LOG1P)], {}),
    "both in a loop": ([LOOP, indented(EXP), indented(LOG1P)], {"c": "softplus(a)"}),
    "the other way round": ([LOG1P, EXP], {}),
    "a softmax": (softmax(), {"b": "exp_below(d)", "c": "share(b)"}),
    "less something else": (softmax(less="s"), {}),
    "the sum of something else": (softmax(summed="a"), {"b": "exp_below(d)"}),
    "the sum along another dimension": (softmax(axis=1), {"b": "exp_below(d)"}),
}


def shown(found: Composition) -> str:
    return f"{found.function}({found.argument})"


@pytest.mark.parametrize("name", CASES)
def test_chains(name: str) -> None:
    body, expected = CASES[name]
    program = parse(HEAD.format(dtype="float32", body="\n".join(body)))
    found = compositions(program.kernels[0])
    assert {tile: shown(c) for tile, c in found.items()} == expected


def test_intermediate_results_of_half_types_are_rounded() -> None:
    program = parse(HEAD.format(dtype="bfloat16", body=f"{EXP}\n{LOG1P}"))
    assert not compositions(program.kernels[0])
