"""report.html: one file, readable offline, with verdict, times, bound and source."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelwright.report import numbers
from kernelwright.report.plots import bound_plot, timing_plot
from kernelwright.report.verdict import verdict_text

if TYPE_CHECKING:
    from jinja2 import Template

# Not for what LLVM prints: it is the longest by far, and few read it for its colours.
LEXERS = {
    ".py": "python",
    ".aul": "python",
    ".c": "c",
    ".cu": "cuda",
    ".cpp": "cpp",
    ".mlir": "llvm",
    ".ptx": "ptx",
    ".json": "json",
}
FILTERS = (
    *("time_text", "error_text", "ratio_text", "interval_text", "open_text", "percent_text"),
    "speedup_text",
)
LONGEST = 60_000  # characters of one text on the page; the file itself is complete
LOG_LINES = 40  # of a failed candidate's own output

# What the judge's records call things, and what a reader calls them.
LABELS = {
    "load_average": "load average before",
    "load_average_after": "load average after",
    "float32_matmul_precision": "float32 matmul precision",
    "cuda_matmul_allow_tf32": "TF32 in matmul (CUDA)",
    "cudnn_allow_tf32": "TF32 in cuDNN",
    "float16_reduced_precision_reduction": "float16 sums in reduced precision",
    "bfloat16_reduced_precision_reduction": "bfloat16 sums in reduced precision",
    "resolution_us": "clock resolution (µs)",
    "sm_clock_mhz": "GPU clock before (MHz)",
    "sm_clock_mhz_after": "GPU clock after (MHz)",
    "temperature_c": "GPU temperature before (C)",
    "temperature_c_after": "GPU temperature after (C)",
    "power_w": "GPU power before (W)",
    "power_w_after": "GPU power after (W)",
    "rounds": "timed calls of each",
}


def write_report(
    out: Path, record: Mapping[str, Any], *, reference: str, files: Mapping[str, str]
) -> Path:
    """Writes ``out/report.html`` for a record (as in evaluation.json) and returns its path."""
    path = out / "report.html"
    text = render(record, reference=reference, files=files)
    temporary = path.with_suffix(".html.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


def template(path: Path) -> Template:
    """The page template at ``path``, with the formats of numbers as filters."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in FILTERS:
        environment.filters[name] = getattr(numbers, name)
    return environment.get_template(path.name)


def render(record: Mapping[str, Any], *, reference: str, files: Mapping[str, str]) -> str:
    """The page as text. ``files`` maps names to texts, shown after the reference in order."""
    from pygments.formatters import HtmlFormatter

    best = best_attempt(record)
    evaluation = best["evaluation"] if best else {}
    measured = evaluation.get("measurement")
    sources = {"reference.py": reference, **files}
    return template(Path(__file__).with_name("page.html.j2")).render(
        record=record,
        result=record["result"],
        best=best,
        verdict=verdict_text(record["result"], measured),
        failures=failures(record),
        evaluation=evaluation,
        measured=measured,
        notes=notes(record, evaluation),
        sides=sides(measured) if measured else [],
        plots=plots(measured) if measured else [],
        facts=facts(record, evaluation, measured or {}),
        sources=[(n, *highlighted(n, text)) for n, text in sources.items()],
        style=HtmlFormatter(style="default").get_style_defs(".code"),
    )


def best_attempt(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The attempt that the result speaks of."""
    result = record["result"]
    for attempt in record["attempts"]:
        same = attempt["evaluation"]["status"] == result["status"]
        if same and attempt["impl_type"] == result["impl_type"]:
            found: Mapping[str, Any] = attempt
            return found
    return None


def failures(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every attempt that did not pass: why, how to repeat it, and what the kernel itself said."""
    out = []
    for attempt in record["attempts"]:
        evaluation = attempt["evaluation"]
        if evaluation["status"] == "PASSED":
            continue
        log = "\n".join(str(evaluation.get("log") or "").strip().splitlines()[-LOG_LINES:])
        out.append(
            {
                "impl_type": attempt["impl_type"],
                "status": str(evaluation["status"]),
                "check": evaluation["check"] or "",
                "reason": evaluation["reason"],
                "command": reproduce_command(evaluation.get("reproducer")) or "",
                "log": log,
            }
        )
    return out


def reproduce_command(script: str | None) -> str | None:
    """What to type to repeat a failure; None without a reproducer."""
    return None if not script else shlex.join([sys.executable, os.path.abspath(script)])


def notes(record: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the numbers, each once."""
    found = [*(evaluation.get("notes") or ()), *record["notes"]]
    return list(dict.fromkeys(n[:1].upper() + n[1:] for n in found if n))


def plots(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(title, caption, SVG) of each plot."""
    out = []
    samples = {n: list(v) for n, v in measured["samples_us"].items() if len(v)}
    if samples:
        svg, beyond = timing_plot(samples, measured.get("bound_us"))
        caption = "Each dot is one timed call; the bar is the median."
        if beyond:
            caption += f" The {beyond} slowest of all calls lie beyond the right edge."
        out.append(("Time per call", caption, svg))
    times = {"candidate": measured["candidate_us"], **measured["baselines_us"]}
    # A time below the bound is no position against it (the notes say why there can be one).
    if measured.get("bound_us") and min(times.values()) >= measured["bound_us"]:
        caption = (
            f"The bound, {numbers.time_text(measured['bound_us'])} µs, is the time that the "
            "memory or the arithmetic of this device needs at the peaks measured here."
        )
        out.append(("Position against the bound", caption, bound_plot(times, measured["bound_us"])))
    return out


def sides(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for the kernel and each baseline: its times, in microseconds, None where unknown."""
    quoted = {"candidate": measured["candidate_us"], **measured["baselines_us"]}
    warm, latency = measured.get("warm_us") or {}, measured.get("latency_us") or {}
    return [
        {
            "name": "this kernel" if name == "candidate" else name,
            "cold_us": us if measured["cold"] else None,
            "warm_us": warm.get(name),
            "latency_us": latency.get(name),
        }
        for name, us in quoted.items()
    ]


def facts(
    record: Mapping[str, Any], evaluation: Mapping[str, Any], measured: Mapping[str, Any]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Titled tables of what decided the outcome: judge, numerics, machine, versions."""
    context = record["context"]
    error = evaluation.get("error") or {}
    environment = dict(measured.get("environment") or {})
    versions = {**(environment.pop("versions", None) or {}), **(context.get("versions") or {})}
    judged: dict[str, Any] = {}
    if error:
        judged = {
            "input laws": error["laws"],
            "library calls": numbers.library_texts(
                evaluation.get("library_calls") or (), evaluation.get("library_shares") or {}
            )
            or "none seen",
            "input sets": len(error["seeds"]),
            "limit of the error": numbers.error_text(error["limit"]),
            "seeds": error["seeds"],
        }
    machine = {k: context[k] for k in ("target", "device", "threads") if k in context}
    if measured:
        machine["device"] = measured["device"]
        machine["caches"] = "flushed before each call" if measured["cold"] else "warm"
        if measured.get("bytes_moved"):
            machine["least traffic"] = f"{measured['bytes_moved']:,} bytes a call"
        if measured.get("prepare_us"):
            machine["prepare()"] = f"{numbers.time_text(measured['prepare_us'])} µs, once"
        if environment.get("cpu") == machine["device"]:
            del environment["cpu"]
        if not environment.get("resolution_us"):
            environment.pop("resolution_us", None)
    machine |= environment
    algebra = {
        key: value
        for key, value in (context.get("algebra") or {}).items()
        if key in ("collapses", "rules", "licences", "stopped") and value
    }
    tables = {
        "How it was judged": judged,
        "Algebra before the kernel was made": algebra,
        "Precision that the framework was allowed": dict(evaluation.get("policy") or {}),
        "Machine and measurement": machine,
        "Versions": versions,
    }
    return [
        (title, [(LABELS.get(k, k.replace("_", " ")), plain(v)) for k, v in rows.items()])
        for title, rows in tables.items()
        if rows
    ]


def plain(value: Any) -> str:
    """A value from a record as a reader sees it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(v) for v in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def highlighted(name: str, text: str) -> tuple[str, int]:
    """HTML of a source text, and how many characters of it were left out."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(LEXERS.get(Path(name).suffix, "text"))
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    html = highlight(text[:LONGEST], lexer, HtmlFormatter(cssclass="code", linenos=False))
    return html, max(0, len(text) - LONGEST)
