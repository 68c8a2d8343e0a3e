"""The syntax tree of AUL. Immutable; two trees are equal when their text means the same.

``Location`` (line, column) rides along on every node but takes no part in equality, so that
``parse(print(p)) == p``. docs/aul.md holds the grammar and the meaning of every construct.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Location(NamedTuple):
    line: int = 0
    column: int = 0


def _loc() -> Any:
    return field(default=Location(), compare=False, repr=False)


# ---- integer expressions -------------------------------------------------------------------


@dataclass(frozen=True)
class Int:
    value: int
    loc: Location = _loc()


@dataclass(frozen=True)
class Name:
    id: str
    loc: Location = _loc()


@dataclass(frozen=True)
class Binary:
    """``op`` is + - * // % ."""

    op: str
    left: IntExpr
    right: IntExpr
    loc: Location = _loc()


@dataclass(frozen=True)
class CoreIdx:
    """``U.get_core_idx()``: 0 .. core_num-1."""

    loc: Location = _loc()


@dataclass(frozen=True)
class Call:
    """``U.min(a, b)``, ``U.max(a, b)``, ``U.cdiv(a, b)``, ``U.next_pow2(a)``."""

    function: str
    args: tuple[IntExpr, ...]
    loc: Location = _loc()


IntExpr = Int | Name | Binary | CoreIdx | Call


@dataclass(frozen=True)
class Compare:
    """``op`` is == != < <= > >= ; a guard's condition. ``and`` chains are tuples of these."""

    op: str
    left: IntExpr
    right: IntExpr
    loc: Location = _loc()


# ---- places --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    lower: IntExpr
    upper: IntExpr
    loc: Location = _loc()


@dataclass(frozen=True)
class Place:
    """A tile (``index`` is None) or a rectangular part of a global tensor.

    An index that is an expression (not a Slice) drops that dimension.
    """

    name: str
    index: tuple[IntExpr | Slice, ...] | None = None
    loc: Location = _loc()


# ---- statements ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """``name = U.Tile(shape, U.dtype, U.memory)``; FilledTile when ``value`` is given."""

    name: str
    shape: tuple[IntExpr, ...]
    dtype: str
    memory: str = "VecBuf"  # VecBuf | CubeBuf
    value: float | None = None
    loc: Location = _loc()


@dataclass(frozen=True)
class Copy:
    """``U.data_copy(dst=, src=, [pad=,] [clip=True,] src_pos=, dst_pos=)``.

    Exactly one side is a global tensor, or both are tiles. ``pad``: elements of a slice beyond the
    tensor's bounds read as this value. ``clip``: elements beyond the bounds are not written.
    Without them a slice must lie inside the tensor.

    ``index=i, axis=k`` (from global memory, with ``pad``): an indirect load. Tile ``i`` holds
    integers and broadcasts to ``dst``, as the slice does; each element is taken from where the
    slice says, its index along dimension k of the tensor (which the slice drops) raised by ``i``.
    An index outside of the dimension reads as ``pad``: nothing outside of the tensor is touched.

    ``index=i, axis=k`` (to global memory, with ``clip=True``): an indirect store. Elements of
    ``src`` go, in row-major order, to where ``i`` says; an index outside of the dimension stores
    nothing. With ``update`` (add, mul, max, min) an element is combined with what stands there.
    ``atomic``: cores may meet in an element; an update is then one step that none sees half done.
    """

    dst: Place
    src: Place
    pad: float | None = None
    clip: bool = False
    index: Place | None = None
    axis: int = 0
    update: str = ""
    atomic: bool = False
    loc: Location = _loc()


@dataclass(frozen=True)
class VectorOp:
    """One vector operation on whole tiles; ``family`` is the function's name without ``U.``.

    family            srcs            attrs
    vunary_op         1 tile          op: see UNARY_OPS
    vbinary_op        2 tiles         op: see BINARY_OPS; a dimension of size 1 broadcasts
    vectorscalar_op   1 tile          op: adds subs muls divs maxs mins rsubs rdivs pows;
                                      attrs["factor"]: a number, or a Place (a one-element tile)
    vcompare_op       2 tiles         op: lt le gt ge eq ne; dst is bool
    vselect_op        3 tiles         (condition, a, b): dst = condition ? a : b; broadcasts
    vreduce_op        1 tile          op: sum prod max min any all argmax argmin; attrs["axis"]:
                                      int; attrs["valid"]: IntExpr | None (only the first ``valid``
                                      elements along the axis count); keeps the axis with size 1
    vscan_op          1 tile          op: see SCAN_OPS; element i of dst folds the elements 0..i
                                      along attrs["axis"], or i..end when attrs["reverse"];
                                      attrs["valid"] as in vreduce_op: later elements count as the
                                      op's identity
    vcast_op          1 tile          converts to dst's dtype, torch's rules
    viota_op          none            attrs["axis"], attrs["start"] (IntExpr): start + index
    vfill_op          none            attrs["value"]: number
    vbroadcast_op     1 tile          copies, size-1 dimensions repeated to dst's shape
    vtranspose_op     1 tile          attrs["axes"]: permutation
    matmul_op         2 tiles         dst += src1 @ src2 when attrs["accumulate"], else =
    """

    family: str
    op: str
    dst: Place
    srcs: tuple[Place, ...]
    attrs: tuple[tuple[str, Any], ...] = ()  # sorted by name; hashable values
    loc: Location = _loc()

    def attr(self, name: str, default: Any = None) -> Any:
        return dict(self.attrs).get(name, default)


@dataclass(frozen=True)
class Loop:
    """``for var in U.Pipelined(iterations=...)``: 0 .. iterations-1, in order."""

    var: str
    iterations: IntExpr
    body: tuple[Statement, ...]
    loc: Location = _loc()


@dataclass(frozen=True)
class Assign:
    """An integer."""

    name: str
    value: IntExpr
    loc: Location = _loc()


@dataclass(frozen=True)
class Guard:
    condition: tuple[Compare, ...]
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    loc: Location = _loc()


@dataclass(frozen=True)
class TeamBarrier:
    """``U.team_barrier(size=n)``: cores c with the same c // n are a team. A core goes on when all
    of its team have come here, and what they stored before may be read after. A kernel has at most
    one, outside of loops and branches; a launch has whole teams.
    """

    size: IntExpr
    loc: Location = _loc()


Statement = Tile | Copy | VectorOp | Loop | Assign | Guard | TeamBarrier


# ---- program -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Const:
    """``NAME = int_expr`` at the top of a program."""

    name: str
    value: IntExpr
    loc: Location = _loc()


@dataclass(frozen=True)
class Size:
    """``N = U.Size(1024)``: a symbolic size with the value that this design was made for.

    The interpreter and the Triton printer bind it from the arguments' shapes.
    """

    name: str
    default: int
    loc: Location = _loc()


@dataclass(frozen=True)
class Tunable:
    """``BLOCK = U.Tunable(1024, choices=(256, 512, 1024))``: a compile-time tuning parameter."""

    name: str
    default: int
    choices: tuple[int, ...]
    loc: Location = _loc()


Declaration = Const | Size | Tunable


@dataclass(frozen=True)
class Param:
    """``x: U.TensorPtr[U.float32, (M, N), (N, 1), 0]``: dtype, shape, strides and offset.

    ``strides`` (in elements; None = row-major contiguous) and ``offset`` make a kernel's parameter
    a strided view of the buffer that the host passes. ``dtype`` and ``shape`` are None in AUL
    as documented upstream (``x: U.TensorPtr`` or no annotation). ``output``: ``U.OutPtr``.
    """

    name: str
    dtype: str | None = None
    shape: tuple[IntExpr, ...] | None = None
    strides: tuple[IntExpr, ...] | None = None
    offset: IntExpr = Int(0)
    output: bool = False
    loc: Location = _loc()


@dataclass(frozen=True)
class Kernel:
    """``@sub_kernel def name(params): body``, run by ``core_num`` cores at once."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Statement, ...]
    loc: Location = _loc()


@dataclass(frozen=True)
class Workspace:
    """``t = U.SetGlobalTensorPtr(length=(M, N), dtype=U.float32)``: global memory, host side."""

    name: str
    shape: tuple[IntExpr, ...]
    dtype: str
    loc: Location = _loc()


@dataclass(frozen=True)
class CoreNum:
    """``core_num = expr``."""

    name: str
    value: IntExpr
    loc: Location = _loc()


@dataclass(frozen=True)
class Launch:
    """``kernel[cores](a, b)``. Launches run one after the other."""

    kernel: str
    cores: IntExpr
    args: tuple[str, ...]
    loc: Location = _loc()


@dataclass(frozen=True)
class FrameworkCall:
    """``U.framework_call(op="aten.mm.default", dst=(t,), src=(a, b), attrs="{json}")``.

    An op that is left to the framework's library. ``attrs`` is JSON text.
    """

    op: str
    dst: tuple[str, ...]
    src: tuple[str, ...]
    attrs: str = "{}"
    loc: Location = _loc()


HostStatement = Workspace | CoreNum | Launch | FrameworkCall


@dataclass(frozen=True)
class Host:
    """The plain function: parameters are the inputs, then the outputs (``U.OutPtr``)."""

    name: str
    params: tuple[Param, ...]
    body: tuple[HostStatement, ...]
    loc: Location = _loc()


@dataclass(frozen=True)
class Program:
    declarations: tuple[Declaration, ...]
    kernels: tuple[Kernel, ...]
    host: Host
    doc: str = ""  # the module docstring

    def kernel(self, name: str) -> Kernel:
        return next(k for k in self.kernels if k.name == name)


def team_barrier(kernel: Kernel) -> TeamBarrier | None:
    """The place where the kernel's cores wait for their team, if there is one."""
    return next((x for x in kernel.body if isinstance(x, TeamBarrier)), None)


# ruff: noqa: SIM905
MEMORIES = ("GlobalMem", "VecBuf", "CubeBuf")

UNARY_OPS = (
    "neg abs exp exp2 expm1 ln log2 log10 log1p sqrt rsqrt rec sin cos tan tanh asin acos atan "
    "sinh cosh asinh acosh atanh sigmoid relu erf floor ceil round trunc sign square not isnan "
    "isinf isfinite"
).split()  # round: half to even; rec: 1/x; not: logical for bool, bitwise for integers

BINARY_OPS = (
    "add sub mul div max min pow mod fmod floordiv atan2 and or xor shl shr copysign logaddexp"
).split()  # max, min propagate NaN (torch's maximum); mod has the divisor's sign; fmod is C's

SCALAR_OPS = "adds subs muls divs maxs mins rsubs rdivs pows".split()  # rsubs: factor - x

COMPARE_OPS = "lt le gt ge eq ne".split()

REDUCE_OPS = "sum prod max min any all argmax argmin".split()

SCAN_OPS = "sum prod max min logaddexp".split()
UPDATE_OPS = ("add", "mul", "max", "min")  # of an indirect store


def statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement of a body, nested ones after their parent."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop):
            yield from statements(statement.body)
        elif isinstance(statement, Guard):
            yield from statements(statement.body)
            yield from statements(statement.orelse)
