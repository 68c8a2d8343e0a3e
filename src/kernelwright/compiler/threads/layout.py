"""Which elements of a tile a thread has: one rule for all tiles of a kernel.

Dimensions are counted from the last. Along each of them some threads stand side by side, a power of
two, the first dimension in ``order`` in neighbouring threads. Along that one (the *fast* one) every
thread has ``vector`` neighbouring elements, so that a thread's piece is one access and a warp's
pieces are one run of memory. What does not fit into one step of all threads is taken in further
steps. A dimension of one element is the same for all threads, so that broadcasting costs nothing
and a reduction's result is where it is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

WARP = 32
MOST_THREADS = 1024
JOINED_PIECES = 4  # of a thread, in a row that is reduced


@dataclass(frozen=True)
class Layout:
    """``threads[p]`` stand along position p, counted from the last dimension. ``order``: positions,
    the one of neighbouring threads first. ``vector``: elements of a piece along ``order[0]``."""

    threads: tuple[int, ...]
    order: tuple[int, ...]
    vector: int

    @property
    def fast(self) -> int:
        return self.order[0]

    @property
    def count(self) -> int:
        """Threads of a block that the layout tells apart."""
        return prod(self.threads)

    def along(self, position: int) -> int:
        return self.threads[position] if position < len(self.threads) else 1

    def first_bit(self, position: int) -> int:
        """The lowest bit of a thread's number that tells threads along ``position`` apart."""
        before = itertools.takewhile(lambda p: p != position, self.order)
        return prod(self.threads[p] for p in before).bit_length() - 1

    # ---- a tile ------------------------------------------------------------------------------

    def width(self, shape: Sequence[int], d: int) -> int:
        """Neighbouring elements of a thread along dimension ``d`` of a tile."""
        return self.vector if len(shape) - 1 - d == self.fast and shape[d] > 1 else 1

    def step(self, shape: Sequence[int], d: int) -> int:
        """Elements of all threads along ``d``, taken at once."""
        return self.along(len(shape) - 1 - d) * self.width(shape, d) if shape[d] > 1 else 1

    def steps(self, shape: Sequence[int], d: int) -> int:
        return -(-shape[d] // self.step(shape, d))

    def exact(self, shape: Sequence[int], d: int) -> bool:
        """Whether no thread has an element beyond the tile along ``d``."""
        return shape[d] % self.step(shape, d) == 0

    def lanes(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """For each element of a thread's part, in order, its index in the tile, less what hangs on
        the thread: steps dimension by dimension, then the neighbours of a piece."""
        dims = range(len(shape))
        fast = len(shape) - 1 - self.fast
        width = self.width(shape, fast) if fast >= 0 else 1
        found = []
        for steps in itertools.product(*(range(self.steps(shape, d)) for d in dims)):
            base = [n * self.step(shape, d) for d, n in zip(dims, steps)]
            for v in range(width):
                found.append(tuple(b + v * (d == fast) for d, b in zip(dims, base)))
        return found

    def size(self, shape: Sequence[int]) -> int:
        return len(self.lanes(shape))


def broadcast_lanes(layout: Layout, source: Sequence[int], target: Sequence[int]) -> list[int]:
    """For each lane of a tile of shape ``target``, the lane of one of shape ``source`` that it
    repeats. Shorter shapes get leading ones."""
    padded = [1] * (len(target) - len(source)) + list(source)
    have = {index: lane for lane, index in enumerate(layout.lanes(padded))}
    found = []
    for index in layout.lanes(target):
        found.append(have[tuple(0 if n == 1 else i for i, n in zip(index, padded))])
    return found


def choose_layout(
    shapes: Sequence[Sequence[int]], vector: int, fast: int, joined: bool = False
) -> Layout:
    """A layout for tiles of these ``shapes``, with pieces of ``vector`` elements along ``fast``.
    ``joined``: rows along it are reduced."""
    rank = max((len(s) for s in shapes), default=1)
    extents = [1] * rank
    most = 1
    for shape in shapes:
        most = max(most, prod(shape))
        for position, extent in enumerate(reversed(shape)):
            extents[position] = max(extents[position], extent)
    fast = min(fast, rank - 1)
    while vector > 1 and extents[fast] < vector:
        vector //= 2
    total = block_threads(most, vector, joined)
    order = [fast, *(p for p in range(rank) if p != fast)]
    threads = [1] * rank
    left = total
    for position in order:
        width = vector if position == fast else 1
        threads[position] = min(left, _power_of_two(-(-extents[position] // width)))
        left //= threads[position]
    return Layout(tuple(threads), tuple(order), vector)


def block_threads(elements: int, vector: int, joined: bool) -> int:
    """Threads for tiles of so many elements: one piece each for up to 256 of them, then both more
    threads and more pieces. Where rows are joined, several pieces each from the start: fewer warps
    have to wait for one another."""
    pieces = _power_of_two(-(-elements // vector))
    if joined:
        pieces = min(pieces, max(2 * WARP, pieces // JOINED_PIECES))
    if pieces > 256:
        pieces = 256 << ((pieces // 256).bit_length() // 2)
    return max(WARP, min(MOST_THREADS, pieces))


def _power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()
