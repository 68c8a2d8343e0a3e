"""Shows an Observer's steps on standard error: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Display:
    """An Observer over several tasks; use as a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.done = console, total, 0
        self.op = ""
        self.step, self.began = "", 0.0
        self.live = console.is_terminal
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[op]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self.live,
        )
        self.row = self.progress.add_task("", op="", detail="", total=None, visible=False)

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def begin(self, op: str) -> None:
        """The next task."""
        self.op = op
        self.done += 1

    def start(self, step: str, total: int = 1) -> None:
        self.step, self.began = step, time.monotonic()
        self.progress.reset(
            self.row,
            description=step,
            op=f"[{self.done}/{self.total}] {self.op}",
            detail="",
            total=total if total > 1 else None,
            visible=True,
        )

    def advance(self, detail: str = "") -> None:
        self.progress.update(self.row, advance=1, detail=detail)

    def finish(self, detail: str = "") -> None:
        took = time.monotonic() - self.began
        self.progress.update(self.row, visible=False)
        text = f"{self.op}: {self.step}" + (f": {detail}" if detail else "")
        self.console.print(
            f"{text} ({took:.1f} s)", highlight=False, markup=False, style="dim", soft_wrap=True
        )

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
