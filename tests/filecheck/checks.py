"""Tests that are one text file: a command, the lines it must print, and its input.

    RUN: compile %s --until import --print-after import
    CHECK: "mindspore.add"
    CHECK-NEXT: return
    { ... the info file ... }

The directives stand first, each on its own line; what follows is the input (a JSON object), which
``%s`` names in the command and which is called as the test is, with .json for .check. ``%t`` is an
empty folder. The command line is Kernelwright's, in this process; what it prints is what the
directives read, in order:

- ``CHECK: p`` p is found at or after where the last match ended
- ``CHECK-NEXT: p`` on the line right after
- ``CHECK-SAME: p`` further on in the same line
- ``CHECK-NOT: p`` not before the next match (or the end)
- ``CHECK-COUNT-n: p`` n times, one after the other
- ``EXIT: n`` the exit code (0 when it is not said)
- ``RUN: ...`` again: a further command; its checks follow it

In a pattern runs of blanks are one blank, ``{{...}}`` is a regular expression, and ``[[name:...]]``
one that is kept, so that ``[[name]]`` means the same text later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_DIRECTIVE = re.compile(r"\s*(RUN|EXIT|CHECK(?:-NEXT|-SAME|-NOT|-COUNT-\d+)?):\s?(.*)")
Run = Callable[[list[str]], tuple[int, str]]  # arguments -> exit code, what was printed


class CheckFailure(AssertionError):
    pass


@dataclass
class Part:
    """One command with what is asked of it."""

    line: int
    command: str
    exit_code: int = 0
    checks: list[tuple[int, str, str]] = field(default_factory=list)  # line, kind, pattern


def read(path: Path) -> tuple[list[Part], str]:
    """The parts of a test and its input. Raises CheckFailure for a file that tests nothing."""
    parts: list[Part] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.fullmatch(line)
        if match is None:
            if line.strip() and not line.startswith("#"):
                break
            continue
        kind, rest = match.groups()
        if kind == "RUN":
            parts.append(Part(number, rest.strip()))
        elif not parts:
            raise CheckFailure(f"{path.name}:{number}: {kind} before any RUN")
        elif kind == "EXIT":
            parts[-1].exit_code = int(rest)
        else:
            parts[-1].checks.append((number, kind, rest.strip()))
    else:
        number = len(lines) + 1
    empty = [p.line for p in parts if not p.checks]
    if not parts or empty:
        raise CheckFailure(f"{path.name}: {'no RUN' if not parts else f'RUN at line {empty[0]}'} "
                           "without a CHECK")  # fmt: skip
    return parts, "\n".join(lines[number - 1 :]) + "\n"


def run(path: Path, folder: Path, command: Run) -> None:
    """Runs the test at ``path`` in ``folder``. Raises CheckFailure that names the line."""
    parts, text = read(path)
    source = folder / f"{path.stem}.json"
    source.write_text(text, encoding="utf-8")
    (folder / "t").mkdir()
    for part in parts:
        words = part.command.split()
        given = [w.replace("%s", str(source)).replace("%t", str(folder / "t")) for w in words]
        code, printed = command(given)
        if code != part.exit_code:
            raise CheckFailure(
                f"{path.name}:{part.line}: exit code {code}, not {part.exit_code}\n{printed}"
            )
        check(path.name, part, printed)


def check(name: str, part: Part, printed: str) -> None:
    """Holds ``printed`` against the part's checks."""
    text = "\n".join(re.sub(r"[ \t]+", " ", line).strip() for line in printed.splitlines())
    at, names = 0, dict[str, str]()
    absent: list[tuple[int, str]] = []
    for number, kind, pattern in part.checks:
        if kind == "CHECK-NOT":
            absent.append((number, pattern))
            continue
        times = int(kind.rpartition("-")[2]) if "COUNT" in kind else 1
        start = at
        for _ in range(times):
            found = _found(kind, _regex(pattern, names), text, at)
            if found is None:
                shown = "\n".join(f"  | {line}" for line in text[at:].splitlines()[:40])
                raise CheckFailure(f"{name}:{number}: {kind} {pattern!r} is not in\n{shown}")
            names.update(found.groupdict())
            first, at = found.start(), found.end()
        _absent(name, absent, text[start:first], names)
        absent = []
    _absent(name, absent, text[at:], names)


def _found(kind: str, wanted: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    line_end = text.find("\n", at)
    line_end = len(text) if line_end < 0 else line_end
    if kind == "CHECK-SAME":
        return wanted.search(text, at, line_end)
    if kind == "CHECK-NEXT":
        after = text.find("\n", line_end + 1)
        return wanted.search(text, line_end + 1, len(text) if after < 0 else after)
    return wanted.search(text, at)


def _absent(name: str, absent: list[tuple[int, str]], text: str, names: dict[str, str]) -> None:
    for number, pattern in absent:
        found = _regex(pattern, names).search(text)
        if found is not None:
            raise CheckFailure(f"{name}:{number}: CHECK-NOT {pattern!r} is there: {found[0]!r}")


def _regex(pattern: str, names: dict[str, str]) -> re.Pattern[str]:
    pattern = re.sub(r"[ \t]+", " ", pattern)
    parts = re.split(r"(\{\{.*?\}\}|\[\[[a-z_]+(?::.*?)?\]\])", pattern)
    made = []
    for part in parts:
        kept = re.fullmatch(r"\[\[([a-z_]+)(?::(.*))?\]\]", part)
        if part.startswith("{{"):
            made.append(f"(?:{part[2:-2]})")
        elif kept and kept[2] is not None:
            made.append(f"(?P<{kept[1]}>{kept[2]})")
        elif kept and kept[1] in names:
            made.append(re.escape(names[kept[1]]))
        else:
            made.append(re.escape(part))
    return re.compile("".join(made))
