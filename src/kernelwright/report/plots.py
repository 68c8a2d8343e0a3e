"""Plots as SVG text, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

CANDIDATE, BASELINE, BOUND = "#0b6e4f", "#8a8f98", "#c1442e"


def timing_plot(samples_us: Mapping[str, Sequence[float]], bound_us: float | None) -> str:
    """Every sample of every contender as a dot, its median as a bar; the bound as a line."""
    axes, figure = _axes(height=0.55 * len(samples_us) + 0.9)
    names = list(samples_us)
    for row, name in enumerate(reversed(names)):
        values = sorted(samples_us[name])
        color = CANDIDATE if name == "candidate" else BASELINE
        spread = [row + ((i * 0.618) % 1 - 0.5) * 0.5 for i in range(len(values))]
        axes.scatter(values, spread, s=9, alpha=0.45, color=color, linewidths=0)
        median = values[len(values) // 2]
        axes.plot([median, median], [row - 0.36, row + 0.36], color=color, linewidth=2.5)
    everything = sorted(v for values in samples_us.values() for v in values)
    if bound_us is not None:
        axes.axvline(bound_us, color=BOUND, linewidth=1.2, linestyle="--")
        axes.text(bound_us, len(names) - 0.45, " bound", color=BOUND, fontsize=8, va="bottom")
    low = min(everything[0], bound_us or everything[0])
    # A preempted sample far out would hide the rest.
    high = everything[max(0, int(len(everything) * 0.97) - 1)]
    axes.set_xlim(low * 0.9, high * 1.12)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.set_xlabel("time per call, microseconds")
    return _svg(figure)


def bound_plot(times_us: Mapping[str, float], bound_us: float) -> str:
    """How near each contender comes to the bound, in percent."""
    axes, figure = _axes(height=0.45 * len(times_us) + 0.9)
    names = list(times_us)
    for row, name in enumerate(reversed(names)):
        percent = 100 * bound_us / times_us[name]
        color = CANDIDATE if name == "candidate" else BASELINE
        axes.barh(row, min(percent, 130), height=0.6, color=color)
        axes.text(min(percent, 130) + 1.5, row, f"{percent:.0f} %", va="center", fontsize=8)
    axes.axvline(100, color=BOUND, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, 138)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlabel(
        "percent of the measured bound (100 = as fast as the memory or the cores allow)"
    )
    return _svg(figure)


def _axes(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, max(1.6, height)), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_size(8)
    return axes, figure


def _svg(figure: Any) -> str:
    import matplotlib

    # Fixed ids and no date: the same measurement gives the same page.
    with matplotlib.rc_context({"svg.hashsalt": "kernelwright", "svg.fonttype": "none"}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
