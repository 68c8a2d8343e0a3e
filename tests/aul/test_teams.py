"""Cores that wait for their team: text, rules and meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.aul import check, interpret, parse, print_program
from kernelwright.errors import AULError

CENTRED = (Path(__file__).parent / "teams" / "centred.aul").read_text()


def errors(text: str) -> list[str]:
    return [d.message for d in check(parse(text)) if d.severity == "error"]


def test_text_and_checks() -> None:
    program = parse(CENTRED)
    assert print_program(program) == CENTRED
    assert check(program) == []


@pytest.mark.parametrize("tile", [16, 32, 64])
@pytest.mark.parametrize("shape", [(3, 100), (1, 64), (2, 7)], ids=str)
def test_cores_see_what_their_team_has_stored(shape: tuple[int, int], tile: int) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    (out,) = interpret(parse(CENTRED), [x], tunables={"TK": tile})
    np.testing.assert_allclose(out, x - x.mean(1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size=TEAM", "size=share", "no function of declared names"),
        ("[M * TEAM]", "[M * TEAM + 1]", "no whole teams"),
        ("    U.team", "    U.team_barrier(size=TEAM)\n    U.team", "one team barrier at most"),
        ("    U.team", "    if share == 0:\n        U.team", "outside of loops and branches"),
    ],
)
def test_rules(old: str, new: str, message: str) -> None:
    found = errors(CENTRED.replace(old, new, 1))
    assert any(message in e for e in found), found


def test_without_the_barrier_nothing_is_there_to_read() -> None:
    text = CENTRED.replace("    U.team_barrier(size=TEAM)\n", "")
    with pytest.raises(AULError, match="written"):
        interpret(parse(text), [np.zeros((3, 100), np.float32)])
