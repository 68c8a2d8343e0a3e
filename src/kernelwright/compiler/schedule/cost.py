"""What a setting of a design's tunables should cost: bytes, parallelism and what fits on chip.

A roofline per kernel (S. Williams et al., 2009) with the losses that tile sizes decide: too few
cores to fill the machine, a last wave that is partly empty, padding beyond the tensors' ends, tiles
too large to be held, and work that every core has besides. It ranks settings of one design for the
search's start; it makes no claim about microseconds, and what a launch costs is left out: all
settings of a design have the same launches.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelwright.aul import syntax as aul
from kernelwright.aul.dtypes import itemsize
from kernelwright.aul.expressions import CORE, evaluate
from kernelwright.aul.sizes import resolve
from kernelwright.schema import Target

CLEARLY = 0.8  # a predicted cost below this share of the first choice's replaces it
_AGAIN = 0.25  # of a byte that another core has brought into the shared cache, or that is padding
_LINE_BYTES = 128
_ROUNDS = 3  # of coordinate descent, over not too many tunables
_MANY = 24


@dataclass(frozen=True)
class Rates:
    """``units``: processors that work at once; ``resident``: AUL cores that each of them holds at a
    time. ``bytes_per_us``: of memory, for all units. ``core_us``: what a core costs besides its
    bytes. ``held_bytes``: the largest tile that stays in registers (or the first caches);
    ``most_elements``: beyond it a tile is not worth compiling."""

    units: int
    resident: int
    bytes_per_us: float
    core_us: float
    held_bytes: int
    most_elements: int


def rates(target: Target, threads: int) -> Rates:
    """Round figures of a data-centre GPU (132 multiprocessors, 2 to 5 TB/s) or of ``threads`` CPU
    cores; only their proportions matter."""
    if target.backend == "cpu":
        return Rates(threads, 1, 10_000.0 * threads, 0.02, 1 << 17, 1 << 22)
    return Rates(132, 8, 4e6, 0.1, 1 << 16, 1 << 16)


@dataclass(frozen=True)
class Work:
    """One kernel: its AUL cores, the bytes that one core moves on average (those that were moved
    before, and padding, count for a part), its largest tile, and a core's loop steps."""

    cores: int
    core_bytes: float
    largest_bytes: int
    largest_elements: int
    steps: int


class Predictor:
    """Costs of one program's settings. Each launch is looked at once for the values that it reads:
    the tunables of a program of many kernels are searched one kernel at a time."""

    def __init__(self, program: aul.Program, machine: Rates) -> None:
        self.program, self.machine = program, machine
        self.tunables = {d.name: d for d in program.declarations if isinstance(d, aul.Tunable)}
        self.derived = {d.name for d in program.declarations if isinstance(d, aul.Const)}
        self.launches = [s for s in program.host.body if isinstance(s, aul.Launch)]
        self.numbers = [s for s in program.host.body if isinstance(s, aul.CoreNum)]
        self.reads: dict[int, tuple[str, ...]] = {}
        self.known: dict[tuple[int, tuple[int, ...]], Work] = {}

    @property
    def defaults(self) -> dict[str, int]:
        return {name: tunable.default for name, tunable in self.tunables.items()}

    def works(self, values: Mapping[str, int]) -> list[Work]:
        """The launches in order, as core 0 sees them. Raises AULError as the interpreter does."""
        env = resolve(self.program, tunables=values)
        for number in self.numbers:
            env[number.name] = evaluate(number.value, env)
        return [self._work(i, launch, env) for i, launch in enumerate(self.launches)]

    def cost_us(self, values: Mapping[str, int]) -> float:
        """The predicted time; infinity where a tile is larger than any printer should be given."""
        return sum(_kernel_us(work, self.machine) for work in self.works(values))

    def largest_elements(self, values: Mapping[str, int]) -> int:
        """Of any kernel's tiles."""
        return max((work.largest_elements for work in self.works(values)), default=0)

    def _work(self, place: int, launch: aul.Launch, env: Mapping[str, int]) -> Work:
        if place in self.reads:
            key = place, tuple(env[name] for name in self.reads[place])
            if key in self.known:
                return self.known[key]
        watched = _Watched(env)
        work = _work(self.program.kernel(launch.kernel), launch.cores, watched)
        if watched.read & self.derived:  # they may hang on any tunable
            watched.read |= set(self.tunables)
        self.reads[place] = tuple(n for n in env if n in watched.read)
        self.known[place, tuple(env[name] for name in self.reads[place])] = work
        return work


class _Watched(dict[str, int]):
    """An environment that knows which of its names were read."""

    def __init__(self, env: Mapping[str, int]) -> None:
        super().__init__(env)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> int:
        self.read.add(name)
        return super().__getitem__(name)


def _kernel_us(work: Work, machine: Rates) -> float:
    if work.largest_elements > machine.most_elements:
        return math.inf
    if not work.cores:
        return 0.0
    # Cores run in waves; a wave that is not full still takes its time.
    waves = -(-work.cores // machine.units)
    share = machine.bytes_per_us / machine.units
    spilled = max(1.0, work.largest_bytes / machine.held_bytes)
    one_us = work.core_bytes * spilled / share + machine.core_us * (1 + 0.1 * work.steps)
    # Several cores on a unit hide each other's fixed work.
    hidden = min(machine.resident, waves)
    fixed_us = machine.core_us * (1 + 0.1 * work.steps)
    return waves * (one_us - fixed_us) + waves * fixed_us / hidden


def _work(kernel: aul.Kernel, cores: aul.IntExpr, env: dict[str, int]) -> Work:
    count = int(evaluate(cores, env))
    env[CORE] = 0
    counted = _Counted(env, {p.name: p for p in kernel.params})
    if count:
        counted.walk(kernel.body, 1)
    sizes = {
        p.name: itemsize(p.dtype) * math.prod(int(evaluate(e, env)) for e in p.shape)
        for p in kernel.params
        if p.shape is not None and p.dtype is not None
    }
    moved = 0.0
    for name, each in counted.moved_bytes.items():
        once = min(each * count, sizes.get(name, math.inf))
        moved += once + _AGAIN * (each * count - once)
    return Work(
        count,
        moved / max(1, count),
        counted.largest_bytes,
        counted.largest_elements,
        counted.steps,
    )


class _Counted:
    """Sums over a kernel's body. Loops count as often as they run on core 0."""

    def __init__(self, env: dict[str, int], params: Mapping[str, aul.Param]) -> None:
        self.env, self.params = env, params
        self.tiles: dict[str, int] = {}  # bytes
        self.moved_bytes: dict[str, float] = {}  # of each tensor
        self.largest_bytes, self.largest_elements, self.steps = 0, 0, 0

    def walk(self, body: Sequence[aul.Statement], times: int) -> None:
        for statement in body:
            if isinstance(statement, aul.Tile):
                self.tile(statement)
            elif isinstance(statement, aul.Copy):
                self.copy(statement, times)
            elif isinstance(statement, aul.Assign):
                self.env[statement.name] = int(evaluate(statement.value, self.env))
            elif isinstance(statement, aul.Loop):
                count = max(0, int(evaluate(statement.iterations, self.env)))
                self.steps += times * count
                self.env[statement.var] = 0
                if count:
                    self.walk(statement.body, times * count)
            elif isinstance(statement, aul.Guard):
                self.walk(statement.body, times)
                self.walk(statement.orelse, times)

    def copy(self, copy: aul.Copy, times: int) -> None:
        """Bytes of the tile count for the tensor that it is copied from or to."""
        for tile, tensor in ((copy.dst, copy.src), (copy.src, copy.dst)):
            if tile.name in self.tiles and tensor.name not in self.tiles:
                moved = times * self.tiles[tile.name] * self.wasted(tensor)
                self.moved_bytes[tensor.name] = self.moved_bytes.get(tensor.name, 0.0) + moved

    def wasted(self, place: aul.Place) -> float:
        """How many times more bytes cross the bus than are wanted: memory moves whole lines, and a
        slice may hold but a part of each."""
        param = self.params.get(place.name)
        if param is None or not param.shape or param.dtype is None or not place.index:
            return 1.0
        for axis, index in enumerate(place.index):
            last = axis == len(param.shape) - 1
            step = int(evaluate(param.strides[axis], self.env)) if param.strides else int(last)
            extent = int(evaluate(param.shape[axis], self.env))
            if abs(step) != 1 or (extent == 1 and not last):
                continue
            run = 1
            if isinstance(index, aul.Slice):
                bounds = evaluate(index.lower, self.env), evaluate(index.upper, self.env)
                run = max(1, int(bounds[1]) - int(bounds[0]))
            return max(
                1.0,
                min(_LINE_BYTES, extent * itemsize(param.dtype)) / (run * itemsize(param.dtype)),
            )
        return 1.0

    def tile(self, tile: aul.Tile) -> None:
        elements = math.prod(int(evaluate(e, self.env)) for e in tile.shape)
        self.tiles[tile.name] = elements * itemsize(tile.dtype)
        self.largest_bytes = max(self.largest_bytes, self.tiles[tile.name])
        self.largest_elements = max(self.largest_elements, elements)


# ---- the start -----------------------------------------------------------------------------------


def started(program: aul.Program, machine: Rates, settled: Sequence[str] = ()) -> aul.Program:
    """``program`` with other defaults of its tunables where the model sees them clearly faster;
    those in ``settled`` stay."""
    model = Predictor(program, machine)
    now = model.defaults
    first_us = best_us = model.cost_us(now)
    for _ in range(_ROUNDS if len(now) <= _MANY else 1):
        before = best_us
        for name, tunable in model.tunables.items():
            for value in () if name in settled else tunable.choices:
                other_us = model.cost_us({**now, name: value})
                if other_us < best_us:
                    now, best_us = {**now, name: value}, other_us
        if best_us == before:
            break
    if not best_us < CLEARLY * first_us:
        return program
    declarations = tuple(
        dataclasses.replace(d, default=now[d.name]) if isinstance(d, aul.Tunable) else d
        for d in program.declarations
    )
    return dataclasses.replace(program, declarations=declarations)
