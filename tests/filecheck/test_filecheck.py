"""Every *.check file under this folder, and the reader of such files itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kernelwright.cli.main import app

from .checks import CheckFailure, Part, check, read, run

HERE = Path(__file__).parent
FILES = sorted(HERE.rglob("*.check"))


def command(arguments: list[str]) -> tuple[int, str]:
    ran = CliRunner().invoke(app, arguments)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.stdout


@pytest.mark.parametrize("path", FILES, ids=[f"{p.parent.name}/{p.stem}" for p in FILES])
def test_file(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlir")
    pytest.importorskip("llvmlite")
    run(path, tmp_path, command)


PRINTED = "one 1\ntwo   2 two\nthree 3\nthree 3\nend"


@pytest.mark.parametrize(
    "checks",
    [
        [("CHECK", "one"), ("CHECK-NEXT", "two 2"), ("CHECK-SAME", "two"), ("CHECK", "end")],
        [("CHECK", "[[word:t[a-z]+]] {{[0-9]}}"), ("CHECK-SAME", "[[word]]")],
        [("CHECK-COUNT-2", "three"), ("CHECK-NOT", "three")],
        [("CHECK-NOT", "three"), ("CHECK", "two 2"), ("CHECK", "end")],
    ],
)
def test_what_holds(checks: list[tuple[str, str]]) -> None:
    check("x", Part(1, "", 0, [(2, *c) for c in checks]), PRINTED)


@pytest.mark.parametrize(
    "checks",
    [
        [("CHECK", "two"), ("CHECK", "one")],
        [("CHECK", "one"), ("CHECK-NEXT", "three")],
        [("CHECK", "one"), ("CHECK-SAME", "two")],
        [("CHECK-COUNT-3", "three")],
        [("CHECK", "one"), ("CHECK-NOT", "two"), ("CHECK", "end")],
        [("CHECK", "end"), ("CHECK-NOT", "end"), ("CHECK", "end")],
        [("CHECK", "one ."), ("CHECK", "end")],
    ],
)
def test_what_does_not_hold(checks: list[tuple[str, str]]) -> None:
    with pytest.raises(CheckFailure):
        check("x", Part(1, "", 0, [(2, *c) for c in checks]), PRINTED)


@pytest.mark.parametrize("text", ["{}", "RUN: compile %s\n{}", "CHECK: a\nRUN: b\nCHECK: c\n{}"])
def test_a_file_that_checks_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.check"
    path.write_text(text)
    with pytest.raises(CheckFailure):
        read(path)
