"""Numbers as people read them, in plain ASCII. None is a dash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DASH = "-"
NO_GAIN = "no gain claimed"


def time_text(us: float | None) -> str:
    """Microseconds with three significant digits or more."""
    if us is None:
        return DASH
    return f"{us:,.0f}" if us >= 999.5 else f"{us:.3g}"


def error_text(error: float | None) -> str:
    """A relative error; zero is exact."""
    return DASH if error is None else f"{error:.1e}" if error else "0"


def ratio_text(ratio: float | None) -> str:
    """A speedup: 1.17x."""
    return DASH if ratio is None else f"{ratio:.2f}x"


def interval_text(low: float | None, high: float | None) -> str:
    """A 95 % interval: [1.07, 1.29]; empty without one."""
    return "" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"


def open_text(low: float | None, high: float | None) -> str:
    """What is said of an interval that holds 1: neither a gain nor a loss is shown. Else empty."""
    return NO_GAIN if low is not None and high is not None and low <= 1.0 <= high else ""


def speedup_text(speedup: float | None, low: float | None, high: float | None) -> str:
    """A speedup with its interval on one line: 1.03x [0.98, 1.08], no gain claimed."""
    text = f"{ratio_text(speedup)} {interval_text(low, high)}".rstrip()
    return f"{text}, {NO_GAIN}" if open_text(low, high) else text


def percent_text(percent: float | None) -> str:
    """Whole percents, and what is less than one says so."""
    if percent is None:
        return DASH
    return "<1 %" if 0 < percent < 1 else f"{percent:.0f} %"


def library_texts(calls: Iterable[str], shares: Mapping[str, float]) -> list[str]:
    """The framework's ops in a kernel, the most expensive first: "aten.mm: 83 % of the time"; the
    name alone where its share was not measured."""
    known = sorted((c for c in calls if c in shares), key=lambda c: -shares[c])
    told = [f"{c}: {percent_text(100 * shares[c])} of the time" for c in known]
    return told + [c for c in calls if c not in shares]
