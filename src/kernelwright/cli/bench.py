"""``kernelwright bench``: the project's own measurements of itself, one command each.

Each command's options live with its benchmark, which also runs as ``python -m``; what is here loads
it when it is called, so that the command line stays quick.
"""

from __future__ import annotations

import importlib

import typer

bench = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Measure Kernelwright itself: the judge's constants, the honesty of its times, the demo.",
    epilog="Examples: kernelwright bench judge-calibration --quick | kernelwright bench "
    "timing-honesty --runs 40 | kernelwright bench demo --backend cpu",
)
_FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True}


def _forward(module: str, context: typer.Context) -> None:
    from kernelwright.bench.entry import run

    main = importlib.import_module(f"kernelwright.bench.{module}").main
    run(main, context.command_path, context.args)


@bench.command("judge-calibration", context_settings=_FORWARD, add_help_option=False)
def judge_calibration(context: typer.Context) -> None:
    """Are the error rule's constants right: no honest candidate refused, every lower precision?"""
    _forward("judge_calibration", context)


@bench.command("timing-honesty", context_settings=_FORWARD, add_help_option=False)
def timing_honesty(context: typer.Context) -> None:
    """How often does a kernel seem faster than itself, and how often is a gain of 5 % seen?"""
    _forward("timing_honesty", context)


@bench.command("demo", context_settings=_FORWARD, add_help_option=False)
def demo(context: typer.Context) -> None:
    """Measure the demo set and write its table into docs/benchmarks.md."""
    _forward("demo", context)
