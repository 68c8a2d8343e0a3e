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
    return tuple(sorted({max(1, default // 4), max(1, default // 2), default, default * 2}))
