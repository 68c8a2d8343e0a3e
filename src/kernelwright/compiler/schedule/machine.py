"""What the scheduler knows of a target: how much a core keeps on chip and how wide tiles should be.

These are starting points that tuning may change; nothing here affects what is computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernelwright.schema import Target

# What data-centre GPUs have at least; a team of more cores falls back to two launches.
MULTIPROCESSORS = {"sm_80": 104, "sm_90": 128, "sm_100": 128}
FEW_MULTIPROCESSORS = 64


@dataclass(frozen=True)
class Machine:
    """``cores``: independent pieces of work that fill the machine. ``flat``: elements a core of a
    one-dimensional elementwise kernel. ``wide``: columns of a two-dimensional tile; ``area``: its
    elements; ``held``: elements of all tiles that an elementwise core loads at once. ``square``:
    each side of a tile that is read along one dimension and written along the other. ``resident``:
    longest row kept on chip. ``longest``: longest row kept near a core, if it is needed twice.
    ``reread``: longest row that one core reads twice, the second time from the cache that all cores
    share; 0: such rows are reduced in one kernel and used in the next. ``stream``: elements of one
    step of a long reduction; ``rows``: rows of such a step when the innermost dimension is kept;
    ``shares``: pieces a core into which such a reduction is cut. ``serial_rows``: True when one
    core takes rows one after the other, False when a tile holds several rows. ``dual``: whether
    reductions over different dimensions share a pass. ``team``: how many cores may wait for one
    another, because so many surely run at once; 0: none. ``part``: elements of a row that one of
    them keeps. ``fixed_tiles``: a GPU's printer that takes no tile as long as a row of the caller's
    size; a CPU's never does.
    """

    cores: int
    flat: int
    wide: int
    area: int
    square: int
    resident: int
    longest: int
    stream: int
    rows: int
    serial_rows: bool
    dual: bool = True
    held: int = 16384
    shares: int = 1
    reread: int = 0
    team: int = 0
    part: int = 8192
    fixed_tiles: bool = False


def machine(target: Target, threads: int) -> Machine:
    """``threads`` is the number of CPU threads; other targets ignore it."""
    if target.backend == "cpu":
        return Machine(threads, 16384, 4096, 16384, 128, 65536, 2**19, 8192, 64, True)
    team = MULTIPROCESSORS.get(target.arch, FEW_MULTIPROCESSORS)
    return Machine(
        528, 1024, 512, 1024, 64, 16384, 16384, 4096, 8, False, shares=2, reread=2**17, team=team
    )


def variants(target: Target, threads: int) -> list[Machine]:
    """Other beliefs about the same target, for designs to compare: rows four times as long held on
    chip, a quarter of that, work split from a quarter of the rows on, reductions over different
    dimensions each in a pass of its own, and no row read twice by one core."""
    usual = machine(target, threads)
    return [
        replace(usual, resident=usual.resident * 4),
        replace(usual, resident=usual.resident // 4, longest=usual.resident // 4),
        replace(usual, cores=max(1, usual.cores // 4)),
        replace(usual, dual=False),
        replace(usual, reread=0, team=0),
        replace(usual, team=0),
    ]
