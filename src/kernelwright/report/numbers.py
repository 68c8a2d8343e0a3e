"""Numbers as people read them. None is a dash."""

from __future__ import annotations

DASH = "–"


def time_text(us: float | None) -> str:
    """Microseconds with three significant digits or more."""
    if us is None:
        return DASH
    return f"{us:,.0f}" if us >= 1000 else f"{us:.3g}"


def error_text(error: float | None) -> str:
    return DASH if error is None else f"{error:.1e}" if error else "0"


def ratio_text(ratio: float | None) -> str:
    return DASH if ratio is None else f"{ratio:.2f}x"


def speedup_text(speedup: float | None, low: float | None, high: float | None) -> str:
    if speedup is None:
        return DASH
    if low is None or high is None:
        return ratio_text(speedup)
    return f"{speedup:.2f}x [{low:.2f}, {high:.2f}]"


def percent_text(percent: float | None) -> str:
    return DASH if percent is None else f"{percent:.0f} %"
