"""How much a kernel computes for an element: the instructions of its functions, roughly.

Eight elements a thread instead of four share address arithmetic and hide each other's waits, but
leave fewer programs in flight. On an H200 four are best up to some 25 instructions an element
(selu: 1226 us, and 1233 and 1245 us with eight and sixteen), eight beyond (mish: 1228 us, and 1295
and 1243 us with four and sixteen). Sums, products and choices do not count: a kernel of many of
them has many loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.aul.syntax import VectorOp
from kernelwright.compiler.codegen._triton_compositions import Composition

COSTLY = 26  # instructions from which on eight elements a thread are better than four
HEAVY = 60  # and sixteen
INSTRUCTIONS: Mapping[str, int] = {  # as docs/gpu-arithmetic.md counts them
    **{"exp": 9, "exp2": 4, "expm1": 16, "ln": 26, "log2": 28, "log10": 28, "log1p": 28},
    **{"sqrt": 15, "rsqrt": 4, "rec": 10, "sigmoid": 12, "tanh": 15, "erf": 28},
    **{"sin": 82, "cos": 84, "tan": 180, "asin": 14, "acos": 16, "atan": 16, "sinh": 18},
    **{"cosh": 11, "asinh": 40, "acosh": 40, "atanh": 41},
    **{"div": 18, "divs": 5, "rdivs": 18, "pow": 86, "pows": 4, "atan2": 33, "logaddexp": 23},
    **{"mod": 62, "fmod": 55, "floordiv": 128},
}
_COMPOSED = {"softplus": 23 - 9, "softplus_below": 18 - 9, "exp_below": 8, "share": 4}


def work_of(vectors: Sequence[VectorOp], composed: Mapping[str, Composition]) -> int:
    """The instructions of the functions among ``vectors`` for an element. Compositions with an
    exponential leave out what stands before them."""
    total = 0
    for op in vectors:
        known = composed.get(op.dst.name)
        if known is not None:
            total += _COMPOSED[known.function]
        elif op.family in ("vunary_op", "vbinary_op", "vectorscalar_op"):
            total += INSTRUCTIONS.get(op.op, 0)
    return total
