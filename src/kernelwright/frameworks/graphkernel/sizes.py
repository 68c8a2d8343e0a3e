"""The sizes of one call: what free sizes stand for, and files tried at other sizes than their own.

A file states every size, of the tensors in between as well. For inputs of other sizes (smaller
ones, for checks that are slow otherwise) the ops say what comes out, and where an op is told its
result's shape (a reshape), that shape is carried over: by the sizes that changed, axis group by
axis group.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from kernelwright.frameworks.graphkernel import symbols
from kernelwright.frameworks.graphkernel.info import Info, Tensor
from kernelwright.graph.regroup import axis_groups


class WrongSizes(ValueError):
    """The inputs' sizes are not ones that the file allows, or do not follow it."""


class Sizes:
    """``shapes``: the actual shapes of the inputs, in the file's order. ``exact``: they are what
    the file says, but for free sizes. Raises WrongSizes."""

    def __init__(self, info: Info, shapes: Sequence[tuple[int, ...]]) -> None:
        self.known: dict[str, int] = {}
        self.changed: dict[int, int | None] = {}  # size in the file -> actual; None: several
        self.exact = True
        for tensor, shape in zip(info.inputs, shapes):
            if len(shape) != len(tensor.shape):
                raise WrongSizes(f"input {tensor.name!r} is {tensor}, not of shape {shape}")
            for axis, (said, size) in enumerate(zip(tensor.shape, shape)):
                self._bind(tensor, axis, said, size)
        self.known = symbols.solved(info.symbol_calc, self.known)
        if not any(said != size for said, size in self.changed.items()):
            self.changed = {}
        self.exact = not self.changed

    def _bind(self, tensor: Tensor, axis: int, said: int, size: int) -> None:
        text = tensor.symbols[axis] if tensor.symbols else ""
        if said == -1:
            if text.isidentifier() and self.known.setdefault(text, size) != size:
                other = self.known[text]
                raise WrongSizes(f"{text} is {other} and, in input {tensor.name!r}, {size}")
            return
        if self.changed.setdefault(said, size) != size:
            self.changed[said] = None

    def axis(self, tensor: Tensor, axis: int) -> int | None:
        """The actual size of an axis; None where only an op can tell."""
        said = tensor.shape[axis]
        if said == -1:
            return symbols.value(tensor.symbols[axis], self.known) if tensor.symbols else None
        return self.changed.get(said, said)

    def shape(self, tensor: Tensor) -> list[int | None]:
        return [self.axis(tensor, axis) for axis in range(len(tensor.shape))]

    def learn(self, tensor: Tensor, shape: Sequence[int]) -> None:
        """Notes what sizes an op gave where the file names others."""
        if len(tensor.shape) != len(shape):
            return
        for axis, (said, size) in enumerate(zip(tensor.shape, shape)):
            text = tensor.symbols[axis] if tensor.symbols else ""
            if said == -1 and text.isidentifier():
                self.known.setdefault(text, size)
            elif said != -1 and not self.exact:
                self.changed.setdefault(said, size)

    def reshaped(
        self,
        target: Sequence[int | None],
        count: int,
        before: Sequence[int],
        actual: Sequence[int],
        said: Sequence[int],
    ) -> tuple[int, ...]:
        """The shape of ``count`` elements that ``target`` means. ``said`` is the shape in the file,
        ``before`` and ``actual`` the operand's, there and here. Raises WrongSizes."""
        if (shape := _completed(target, count)) is not None:
            return shape
        follows = not self.exact and -1 not in (*before, *said) and prod(before) == prod(said)
        if follows and (shape := self._by_groups(before, actual, said)) is not None:
            return shape
        raise WrongSizes(f"{count} elements cannot become {list(said)}")

    def _by_groups(
        self, before: Sequence[int], actual: Sequence[int], said: Sequence[int]
    ) -> tuple[int, ...] | None:
        shape = list(said)
        for left, right in axis_groups(before, said):
            count = prod(actual[a] for a in left)
            guess = [self.changed.get(said[a], said[a]) for a in right]
            found = _completed(guess, count)
            for place in sorted(range(len(right)), key=lambda i: -said[right[i]]):
                if found is not None:
                    break
                found = _completed([None if i == place else n for i, n in enumerate(guess)], count)
            if found is None:
                return None
            for axis, size in zip(right, found):
                shape[axis] = size
        return tuple(shape)


def _completed(target: Sequence[int | None], count: int) -> tuple[int, ...] | None:
    """``target`` with its one unknown size filled in; None when that gives another count."""
    rest = prod(n for n in target if n is not None)
    unknown = sum(n is None for n in target)
    if unknown == 1 and rest and count % rest == 0:
        return tuple(count // rest if n is None else n for n in target)
    if unknown == 0 and rest == count:
        return tuple(n for n in target if n is not None)
    return None
