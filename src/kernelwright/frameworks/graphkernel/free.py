"""A file with every size of its inputs left to the caller: what ``--dynamic`` compiles."""

from __future__ import annotations

from dataclasses import replace

from kernelwright.frameworks.graphkernel.info import Info, Tensor


def freed(info: Info) -> Info:
    """``info`` with a name in place of every size above 1 of its inputs: equal sizes have one name,
    and other tensors' axes of such a size follow it. A file with free sizes stays as it is."""
    if info.dynamic:
        return info
    sizes = sorted({n for tensor in info.inputs for n in tensor.shape if n > 1})

    def named(tensor: Tensor) -> Tensor:
        if tensor.value is not None or not set(tensor.shape) & set(sizes):
            return tensor
        shape = tuple(-1 if n in sizes else n for n in tensor.shape)
        symbols = tuple(f"s{n}" if n in sizes else str(n) for n in tensor.shape)
        return replace(tensor, shape=shape, symbols=symbols)

    def all_named(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(map(named, tensors))

    ops = tuple(
        replace(op, inputs=tuple(map(all_named, op.inputs)), outputs=all_named(op.outputs))
        for op in info.ops
    )
    inputs, outputs = all_named(info.inputs), all_named(info.outputs)
    return replace(info, inputs=inputs, outputs=outputs, ops=ops)
