"""The first sentence of a result: what was found, in words a newcomer reads once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelwright.report.numbers import percent_text, speedup_text


def verdict_text(result: Mapping[str, Any], measured: Mapping[str, Any] | None = None) -> str:
    """One sentence on the object that ``--json`` prints; ``measured`` is the Measurement as data,
    for the fastest baseline if there were others than eager."""
    if result["status"] != "PASSED":
        return _failure(result)
    kernel = f"The {result['impl_type']} kernel is verified"
    if result["reduced"]:
        return f"{kernel} on reduced sizes only, and was not timed."
    if result["speedup"] is None:
        return f"{kernel}. It was not timed."
    return f"{kernel} and {_gain(result)}{_best(measured)}{_rest(result)}."


def _gain(result: Mapping[str, Any]) -> str:
    """A gain or a loss is claimed only when the whole interval agrees."""
    speedup, low, high = (result[k] for k in ("speedup", "speedup_low", "speedup_high"))
    if low > 1:
        return f"{speedup:.2f} times as fast as the framework (eager)"
    if high < 1:
        return f"slower than the framework (eager): {speedup:.2f} times its speed"
    return f"as fast as the framework (eager), as far as the measurement can tell ({speedup:.2f}x)"


def _best(measured: Mapping[str, Any] | None) -> str:
    """Against the fastest baseline, where eager is not the only one."""
    times = dict(measured["baselines_us"]) if measured else {}
    if measured is None or len(times) < 2:
        return ""
    name = min(times, key=lambda n: times[n])
    low, high = measured.get("speedup_best_low"), measured.get("speedup_best_high")
    ratio = speedup_text(measured["speedup_best"], low, high)
    return f" ({ratio} over the fastest baseline, {name})"


def _rest(result: Mapping[str, Any]) -> str:
    returned = result["returned"]
    if returned and returned != "candidate":
        return f"; the baseline {returned} has the better median, so it is what is returned"
    if result["bound_percent"] is not None:
        return f", at {percent_text(result['bound_percent'])} of the measured bound"
    return ""


def _failure(result: Mapping[str, Any]) -> str:
    if result["status"] == "REFERENCE_BROKEN":
        return "The reference itself is at fault, so no kernel could be judged."
    if result["status"] == "USAGE_ERROR":
        return "This cannot be done as it was asked for."
    if result["status"] == "INFRA_ERROR":
        return "The machine or Kernelwright failed; this says nothing about the kernel."
    return "No verified kernel: the best candidate failed the check named below."
