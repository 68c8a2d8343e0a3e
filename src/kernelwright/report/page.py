"""report.html: one file, readable offline, with verdict, times, bound and source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.report import numbers
from kernelwright.report.plots import bound_plot, timing_plot

LEXERS = {
    ".py": "python",
    ".aul": "python",
    ".cpp": "cpp",
    ".mlir": "llvm",
    ".ll": "llvm",
    ".s": "gas",
    ".ptx": "ptx",
    ".json": "json",
}
LONGEST = 60_000  # characters of one text on the page; the file itself is complete


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


def render(record: Mapping[str, Any], *, reference: str, files: Mapping[str, str]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader
    from pygments.formatters import HtmlFormatter

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    for name in ("time_text", "error_text", "ratio_text", "speedup_text", "percent_text"):
        environment.filters[name] = getattr(numbers, name)
    best = best_attempt(record)
    measured = best["evaluation"].get("measurement") if best else None
    sources = {"reference.py": reference, **files}
    return environment.get_template("page.html.j2").render(
        record=record,
        result=record["result"],
        best=best,
        evaluation=best["evaluation"] if best else {},
        measured=measured,
        plots=plots(measured) if measured else [],
        sources=[(n, *highlighted(n, text)) for n, text in sources.items()],
        style=HtmlFormatter(style="friendly").get_style_defs(".code"),
    )


def best_attempt(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for attempt in record["attempts"]:
        if attempt["impl_type"] == record["result"]["impl_type"]:
            found: Mapping[str, Any] = attempt
            return found
    return None


def plots(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(caption, SVG) pairs."""
    out = []
    samples = {n: list(v) for n, v in measured["samples_us"].items() if len(v)}
    if samples:
        caption = "Every timed call; the bar is the median."
        out.append((caption, timing_plot(samples, measured.get("bound_us"))))
    if measured.get("bound_us"):
        times = {"candidate": measured["candidate_us"], **measured["baselines_us"]}
        out.append(("Position against the bound.", bound_plot(times, measured["bound_us"])))
    return out


def highlighted(name: str, text: str) -> tuple[str, bool]:
    """HTML of a source text, and whether it was cut."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    cut = len(text) > LONGEST
    try:
        lexer = get_lexer_by_name(LEXERS.get(Path(name).suffix, "text"))
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    html = highlight(text[:LONGEST], lexer, HtmlFormatter(cssclass="code", linenos=False))
    return html, cut
