"""Programs that wait for one another."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _ticket(arrivals, TOGETHER: tl.constexpr):
    # Programs are numbered as they start: whoever waits for lower numbers waits for running ones.
    if TOGETHER:
        return tl.atomic_add(arrivals, 1, sem="relaxed")
    else:
        return tl.program_id(0)
""",
    """
@triton.jit
def _team_barrier(arrivals, team, size, TOGETHER: tl.constexpr):
    # What any program of the team has stored before may be read after.
    if TOGETHER:
        tl.debug_barrier()
        tl.atomic_add(arrivals + 32 + team, 1, sem="release")
        while tl.atomic_add(arrivals + 32 + team, 0, sem="acquire") < size:
            pass
        tl.debug_barrier()
""",
)
