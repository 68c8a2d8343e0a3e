from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kernelwright.backends import BACKENDS, MATRIX
from kernelwright.cli.doctor import (
    PACKAGES,
    examine,
    folder_row,
    matrix_table,
    report_tables,
    row,
    sandbox_row,
)
from kernelwright.cli.main import app, config_of
from kernelwright.sandbox import bubblewrap, landlock, seccomp
from kernelwright.sandbox.process import isolation_level


def shown(*tables: object) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in tables:
        console.print(table)
    return console.export_text()


def test_everything_is_looked_at() -> None:
    found = examine()
    assert [p["name"] for p in found["packages"]] == [p.module for p in PACKAGES]
    for package in found["packages"]:
        there = importlib.util.find_spec(package["name"]) is not None
        assert (package["found"] is not None) is there
        assert (package["install"] is None) is there
    assert [b["name"] for b in found["backends"]] == BACKENDS.names()
    cpu = next(b for b in found["backends"] if b["name"] == "cpu")
    assert cpu["devices"] and {"name": "triton", "native": False} in cpu["impl_types"]
    sandbox = next(t for t in found["tools"] if t["name"] == "sandbox")
    assert sandbox["level"] == isolation_level()
    json.dumps(found)


def test_what_is_missing_says_how_to_get_it() -> None:
    found = examine()
    found["packages"] = [
        row("triton", None, "impl_type triton", "pip install 'kernelwright[triton]'")
    ]
    text = shown(*report_tables(found))
    assert "missing" in text
    assert "pip install 'kernelwright[triton]'" in text


def test_a_missing_compiler_and_bad_settings_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERNELWRIGHT_CXX", "no-such-compiler")
    compiler = examine()["tools"][0]
    assert (compiler["found"], compiler["install"]) == (None, "apt install g++")
    monkeypatch.setenv("KERNELWRIGHT_NONSENSE", "1")
    found = examine()
    assert "KERNELWRIGHT_NONSENSE" in found["configuration"]
    assert "KERNELWRIGHT_NONSENSE" in shown(*report_tables(found))


def test_folders(tmp_path: Path) -> None:
    assert folder_row("state", tmp_path / "a" / "b")["writable"]
    (tmp_path / "file").write_text("")
    assert not folder_row("state", tmp_path / "file" / "b")["writable"]


def test_the_matrix_is_the_table() -> None:
    table = matrix_table()
    assert table.row_count == len(MATRIX)
    text = shown(table)
    for combination in MATRIX:
        assert combination.impl_type in text and combination.backend in text


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--matrix"], ["doctor", "--json"]])
def test_the_command(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "triton" in result.output
    if "--json" in arguments:
        assert json.loads(result.output)["python"]


def test_a_machine_without_isolation_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_probed", lambda: (None, "no namespaces, says the test"))
    monkeypatch.setattr(landlock, "abi", lambda: 1)
    if seccomp.missing() is None:
        here = sandbox_row()
        assert here["level"] == "landlock" and "says the test" in here["found"]
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    here = sandbox_row()
    assert here["found"] is None and here["level"] == "rlimits"
    assert "says the test" in here["install"] and "--allow-unsandboxed" in here["install"]


def test_the_flag_reaches_the_configuration() -> None:
    given, default = config_of(True, True).judge, config_of(False, False).judge
    assert given.allow_unsandboxed and given.strict_ieee
    assert not default.allow_unsandboxed and not default.strict_ieee
    for command in ("optimize", "verify", "choose"):
        shown_help = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        assert "--allow-unsandboxed" in shown_help
