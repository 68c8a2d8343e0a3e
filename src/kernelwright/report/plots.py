"""Plots as SVG text, drawn without a display."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

CANDIDATE, BASELINE, BOUND = "#0b6e4f", "#6b7280", "#b3321d"
_SHOWN = 0.97  # of all calls; a preempted one far out would hide the rest
_NEAR = 0.5  # the bound is drawn among the times when it is at least this share of the fastest


def timing_plot(
    samples_us: Mapping[str, Sequence[float]], bound_us: float | None
) -> tuple[str, int]:
    """Every sample of every contender as a dot and its median as a bar, with the bound as a line
    where it is near. Gives the SVG and how many calls lie beyond the axis."""
    axes, figure = _axes(height=0.5 * len(samples_us) + 0.75)
    names = list(samples_us)[::-1]
    everything = sorted(v for values in samples_us.values() for v in values)
    low, high = everything[0], everything[max(0, int(len(everything) * _SHOWN) - 1)]
    for row, name in enumerate(names):
        values = list(samples_us[name])
        # Spread by the golden ratio: neighbours in time do not cover each other.
        spread = [row + ((i * 0.618) % 1 - 0.5) * 0.5 for i in range(len(values))]
        axes.scatter(values, spread, s=10, alpha=0.45, color=_color(name), linewidths=0)
        middle = _median(values)
        high = max(high, middle)
        axes.plot([middle] * 2, [row - 0.36, row + 0.36], color=_color(name), linewidth=2.5)
    if bound_us is not None and bound_us >= _NEAR * low:
        low = min(low, bound_us)
        axes.axvline(bound_us, color=BOUND, linewidth=1.2, linestyle="--")
        axes.annotate(
            "bound", (bound_us, len(names) - 0.42), xytext=(4, 0), textcoords="offset points",
            color=BOUND, fontsize=9, va="center",
        )  # fmt: skip
    margin = max(0.05 * (high - low), 0.01 * high)
    axes.set_xlim(low - margin, high + margin)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.set_xlabel("time per call (µs)")
    axes.locator_params(axis="x", nbins=7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    return _svg(figure), sum(v > high + margin for v in everything)


def bound_plot(times_us: Mapping[str, float], bound_us: float) -> str:
    """How near each contender's median comes to the bound, in percent."""
    axes, figure = _axes(height=0.4 * len(times_us) + 0.75)
    names = list(times_us)[::-1]
    percents = [100 * bound_us / times_us[name] for name in names]
    end = max(100.0, *percents)
    for row, (name, percent) in enumerate(zip(names, percents)):
        axes.barh(row, percent, height=0.6, color=_color(name))
        text = f"{percent:.0f} %" if percent >= 1 else f"{percent:.2g} %"
        axes.annotate(
            text, (percent, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.axvline(100, color=BOUND, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, end * 1.12)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("% of the bound")
    return _svg(figure)


def spread_plot(
    groups: Mapping[str, Sequence[float]],
    middles: Mapping[str, float],
    *,
    label: str,
    line: float,
    ratio: bool = False,
) -> str:
    """Every value of each group as a dot on the group's row and its middle as a bar, with a line at
    ``line``. ``ratio``: a logarithmic axis, on which twice and half as much lie equally far."""
    axes, figure = _axes(height=0.3 * len(groups) + 0.8)
    names = list(groups)[::-1]
    for row, name in enumerate(names):
        values = sorted(groups[name])
        spread = [row + ((i * 0.618) % 1 - 0.5) * 0.45 for i in range(len(values))]
        colors = [BOUND if v < line and ratio else CANDIDATE for v in values]
        axes.scatter(values, spread, s=14, alpha=0.6, c=colors, linewidths=0)
        if name in middles:
            axes.plot([middles[name]] * 2, [row - 0.36, row + 0.36], color="#1c2024", linewidth=2)
    axes.axvline(line, color=BOUND, linewidth=1.2, linestyle="--")
    if ratio:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}x")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(label)
    return _svg(figure)


def _color(name: str) -> str:
    return CANDIDATE if name == "candidate" else BASELINE


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _axes(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, max(1.5, height)), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.xaxis.label.set_size(9)
    return axes, figure


def _svg(figure: Any) -> str:
    """The figure as an ``<svg>`` element for a page: no date, no metadata, and no names of groups
    (two plots on a page would share them)."""
    import matplotlib

    # Fixed ids and no date: the same measurement gives the same page.
    with matplotlib.rc_context({"svg.hashsalt": "kernelwright", "svg.fonttype": "none"}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)
