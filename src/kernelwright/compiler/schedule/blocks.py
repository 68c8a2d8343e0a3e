"""Extents of tiles: powers of two near what a machine likes."""

from __future__ import annotations


def block_for(extent: int, wanted: int, pieces: int) -> int:
    """A power of two near ``wanted`` that gives at least ``pieces`` blocks and wastes little."""
    limit = max(1, min(wanted, -(-extent // pieces)))
    block = 1
    while block < limit:
        block *= 2
    return block


def choices_around(default: int) -> tuple[int, ...]:
    """Powers of two from an eighth of ``default`` to four times as much."""
    return tuple(sorted({max(1, default * factor // 8) for factor in (1, 2, 4, 8, 16, 32)}))


def splits_around(default: int) -> tuple[int, ...]:
    """A quarter of ``default`` to four times as much, never 1: a split's results meet."""
    return tuple(sorted({max(2, default * factor // 4) for factor in (1, 2, 4, 8, 16)}))
