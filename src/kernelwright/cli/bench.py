"""``kernelwright bench``: suites of workloads, and the project's measurements of itself.

``kernelwright bench SUITE`` is short for ``kernelwright bench suite SUITE``. The options of the
other measurements live with them, which also run as ``python -m``; what is here loads them when
they are called, so that the command line stays quick.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

from kernelwright.cli.bench_suite import COMMANDS


class SuiteOrCommand(TyperGroup):
    """A first word that is no command is a suite; ``--merge`` is the command merge."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] == "--merge":
            args = ["merge", *args[1:]]
        elif args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["suite", *args]
        return super().parse_args(ctx, args)


bench = typer.Typer(
    cls=SuiteOrCommand,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Run a SUITE of workloads side by side with eager and torch.compile (memory_bound, "
    "algebra, or a folder of references), or measure Kernelwright itself: the judge's constants, "
    "the honesty of its times, the demo.",
    epilog="Examples: kernelwright bench memory_bound --backend cpu | kernelwright bench "
    "algebra --only 'diag*' | kernelwright bench judge-calibration --quick",
)
for _name, _command in COMMANDS.items():
    bench.command(_name)(_command)
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
