"""Complex arithmetic on real and imaginary parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.values import Complex, Value
from kernelwright.graph.core import Builder, Node


def whole(b: Builder, x: Value) -> Complex:
    """``x`` as a complex value."""
    if isinstance(x, Complex):
        return x
    return Complex(x, b.expand(b.constant(0, x.dtype), shape=x.shape))


def plus(b: Builder, x: Complex, y: Complex) -> Complex:
    return Complex(b.add(x.real, y.real), b.add(x.imag, y.imag))


def minus(b: Builder, x: Complex, y: Complex) -> Complex:
    return Complex(b.sub(x.real, y.real), b.sub(x.imag, y.imag))


def times(b: Builder, x: Complex, y: Complex) -> Complex:
    real = b.sub(b.mul(x.real, y.real), b.mul(x.imag, y.imag))
    return Complex(real, b.add(b.mul(x.real, y.imag), b.mul(x.imag, y.real)))


def over(b: Builder, x: Complex, y: Complex) -> Complex:
    """x times the conjugate of y, over the square of y's magnitude."""
    size = b.add(b.square(y.real), b.square(y.imag))
    top = times(b, x, Complex(y.real, b.neg(y.imag)))
    return top.each(lambda part: b.div(part, size))


def magnitude(b: Builder, x: Complex) -> Node:
    return b.sqrt(b.add(b.square(x.real), b.square(x.imag)))


ARITHMETIC: Mapping[str, Callable[[Builder, Complex, Complex], Complex]] = {
    "add": plus,
    "sub": minus,
    "mul": times,
    "div": over,
}


def _part(name: str) -> Handler:
    def handler(c: Call) -> Value:
        x = c.value(0)
        if not isinstance(x, Complex):
            said = f"{c.op.name} is for a complex tensor, and this is {x.dtype}"
            raise Complaint("input_desc[0].data_type", said, "give it complex64")
        part: Node = getattr(x, name)
        return part

    return handler


def _complex(c: Call) -> Value:
    c.expect(2)
    c.same_dtypes(0, 1)
    shape = c.build.shape(c.out, max((c.plain(i).shape for i in (0, 1)), key=len))
    real, imag = (c.b.expand(c.plain(i), shape=shape) for i in (0, 1))
    return Complex(real, imag)


OPS: Mapping[str, Handler] = {"CReal": _part("real"), "CImag": _part("imag"), "Complex": _complex}
